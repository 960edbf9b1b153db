/**
 * Certificate: how good a claimed ring is, counted anew from the owners alone, and what could have been.
 */
import { assert } from '../base/assert.ts';
import type { NodeId } from '../contracts/ids.ts';
import { problemOf, type ClaimInput } from './problem.ts';
import { leastWindowsWithRepeat, locationsLacking, windowsWithRepeat } from './spacing.ts';

export interface Certificate {
  /** Partitions per member, in the order of the members. */
  readonly counts: ReadonlyMap<NodeId, number>;
  /** Windows of three and of four successive partitions, round the ring, with an owner twice. */
  readonly violations: { readonly n3: number; readonly n4: number };
  /** Windows of three with fewer locations than min(3, locations there are); absent where none were given. */
  readonly locationViolations?: number;
  /** Partitions that change owner. */
  readonly moves: number;
  /** The fewest changes after which counts differ by at most one, whatever the spacing. */
  readonly leastMoves: number;
  /** Whether a balanced ring of this size and so many members can have fewer n=3 violations. */
  readonly avoidable: boolean;
}

/** A claim to be judged: what it was asked, and the owners that it gave. */
export interface CertifyInput extends ClaimInput {
  readonly after: readonly NodeId[];
}

/** `after` must be owned by members only (asserted). */
export function certify(input: CertifyInput): Certificate {
  const { members, after, locations } = input;
  const { size, memberCount, before, shares } = problemOf(input);
  const reached = problemOf({ ...input, owners: after });
  assert(reached.before.every((owner) => owner >= 0) && reached.size === size, 'members own the whole ring');
  const n3 = windowsWithRepeat(after, 3);
  return {
    counts: countsOf(members, after),
    violations: { n3, n4: windowsWithRepeat(after, 4) },
    ...(locations !== undefined && {
      locationViolations:
        reached.locations === undefined ? n3 : locationsLacking(reached.before, reached.locations).windows,
    }),
    moves: before.reduce((moves, owner, p) => (owner === reached.before[p] ? moves : moves + 1), 0),
    leastMoves: shares.leastMoves,
    avoidable: n3 > leastWindowsWithRepeat(size, memberCount),
  };
}

function countsOf(members: readonly NodeId[], owners: readonly NodeId[]): Map<NodeId, number> {
  const counts = new Map(members.map((member) => [member, 0]));
  for (const owner of owners) counts.set(owner, (counts.get(owner) as number) + 1);
  return counts;
}
