/**
 * `rkv claim`: what claim makes of a ring, without a cluster.
 */
import type { Command } from 'commander';
import { describeRing, ringSizeProblem } from '@rkv/core';
import { nameList, namePairs, wholeNumber } from './arguments.ts';
import { Invocation } from './invocation.ts';
import { claimOffline, type OfflineClaim } from './offline.ts';
import { readRingFile, type RingFile } from './ring-file.ts';
import { Refusal, type Terminal, WrongUsage } from './terminal.ts';

interface ClaimFlags {
  readonly ringSize: number;
  readonly members: string[];
  readonly from?: string;
  readonly locations?: ReadonlyMap<string, string>;
}

export function addClaimCommand(program: Command, terminal: Terminal): void {
  program
    .command('claim')
    .summary('compute who would own what, offline')
    .requiredOption('--ring-size <q>', 'number of partitions', wholeNumber(1))
    .requiredOption('--members <names>', 'the members wanted afterwards, as in a,b,c', nameList)
    .option('--from <file>', 'RING.json to begin with; left out, the first member owns all')
    .option('--locations <pairs>', 'failure domains, as in a=rack1,b=rack2', namePairs)
    .action((_flags, command: Command) => runClaim(new Invocation<ClaimFlags>(command, terminal)));
}

function runClaim(invocation: Invocation<ClaimFlags>): void {
  const { ringSize, members, from, locations } = invocation.flags;
  const problem = ringSizeProblem(ringSize);
  if (problem !== undefined) throw new WrongUsage(problem);
  const result = claimOffline({
    ringSize,
    members,
    from: from === undefined ? undefined : readStart(from),
    locations,
  });
  invocation.tell(result, () => describeClaim(result));
}

/** Offline there is nobody who could refuse: a file that is no ring is an argument that is wrong. */
function readStart(path: string): RingFile {
  try {
    return readRingFile(path);
  } catch (error) {
    throw error instanceof Refusal ? new WrongUsage(`--from ${error.message}`) : error;
  }
}

function describeClaim({ owners, counts, violations, moves, leastMoves, avoidable }: OfflineClaim): string {
  const repeats = `windows with an owner twice: ${violations.n3} of three, ${violations.n4} of four partitions`;
  return [
    describeRing(owners),
    '',
    ...Object.entries(counts).map(([name, count]) => `${name}: ${count}`),
    avoidable ? `${repeats} (fewer are possible)` : repeats,
    `moves: ${moves}, at least ${leastMoves}`,
  ].join('\n');
}
