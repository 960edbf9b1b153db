/**
 * The claim table: every row of the original's claim beside ours, and the sums. `npm run claim:table`
 *
 * Rows: `at once` (all members join in one plan), `one by one` on our own growing ring, and the same step from the ring that
 * the original had before it. Leaves are not in the vectors (the original's crash on many rings); claim.slow.test.ts sweeps ours.
 *
 * Exits with 1 if a row of ours is worse on balance or on windows of three, or a row drawn at once on windows of four.
 */
import { claim, certify, type NodeId } from '@rkv/core';
import { loadVectors } from '../packages/core/test-vectors/load.ts';

interface Step {
  readonly members: readonly number[];
  readonly owners: readonly number[];
}

interface ClaimVectors {
  readonly fresh: readonly (Step & { readonly ringSize: number })[];
  readonly sequentialJoins: readonly { readonly ringSize: number; readonly steps: readonly Step[] }[];
}

interface Figures {
  readonly spread: number;
  readonly n3: number;
  readonly n4: number;
  readonly moves: number;
  readonly least: number;
}

interface Row {
  readonly ringSize: number;
  readonly members: number;
  readonly how: string;
  readonly theirs: Figures;
  readonly ours: Figures;
}

const AT_ONCE = 'at once';
const nameOf = (number: number): NodeId => 'abcdefghijkl'.charAt(number - 1) as NodeId;
const aloneOn = (ringSize: number): NodeId[] => Array.from({ length: ringSize }, () => nameOf(1));

/** Counted from the owners, theirs and ours alike. */
function figuresOf(before: readonly NodeId[], members: readonly NodeId[], after: readonly NodeId[]): Figures {
  const { counts, violations, moves, leastMoves } = certify({ owners: before, members, after });
  const held = [...counts.values()];
  return { spread: Math.max(...held) - Math.min(...held), ...violations, moves, least: leastMoves };
}

function rowsOf(vectors: ClaimVectors): Row[] {
  const atOnce = vectors.fresh.map(
    ({ ringSize, ...step }) => rowOf(AT_ONCE, step, aloneOn(ringSize), aloneOn(ringSize)).row,
  );
  const oneByOne = vectors.sequentialJoins.flatMap(({ ringSize, steps }) => {
    const rows: Row[] = [];
    let ours: readonly NodeId[] = aloneOn(ringSize);
    let theirs: readonly NodeId[] = ours;
    for (const step of steps) {
      const grown = rowOf('one by one', step, theirs, ours);
      rows.push(grown.row, rowOf('from theirs', step, theirs, theirs).row);
      ours = grown.owners;
      theirs = step.owners.map(nameOf);
    }
    return rows;
  });
  return [...atOnce, ...oneByOne];
}

/** The same step by both, each from a ring of its own. */
function rowOf(
  how: string,
  step: Step,
  theirsBefore: readonly NodeId[],
  oursBefore: readonly NodeId[],
): { row: Row; owners: readonly NodeId[] } {
  const members = step.members.map(nameOf);
  const { owners } = claim({ owners: oursBefore, members });
  const row = {
    ringSize: oursBefore.length,
    members: members.length,
    how,
    theirs: figuresOf(theirsBefore, members, step.owners.map(nameOf)),
    ours: figuresOf(oursBefore, members, owners),
  };
  return { row, owners };
}

/** Negative: ours is better, by what the rows are compared on, the most important first. */
function compare({ how, theirs, ours }: Row): number {
  const n4 = how === AT_ONCE ? ours.n4 - theirs.n4 : 0;
  return ours.spread - theirs.spread || ours.n3 - theirs.n3 || n4 || ours.moves - theirs.moves;
}

function isWorse({ how, theirs, ours }: Row): boolean {
  return ours.spread > theirs.spread || ours.n3 > theirs.n3 || (how === AT_ONCE && ours.n4 > theirs.n4);
}

const HEAD = 'ring members how          spread    n3        n4        moves     least     ours is';
const pair = (theirs: number, ours: number): string => `${theirs} > ${ours}`.padEnd(10);

function describeRow(row: Row): string {
  const { ringSize, members, how, theirs, ours } = row;
  const order = compare(row);
  const verdict = isWorse(row) ? 'WORSE' : order < 0 ? 'better' : order > 0 ? 'more moves' : 'equal';
  return [
    `${String(ringSize).padStart(4)} ${String(members).padStart(7)} ${how.padEnd(12)} `,
    pair(theirs.spread, ours.spread),
    pair(theirs.n3, ours.n3),
    how === AT_ONCE ? pair(theirs.n4, ours.n4) : ''.padEnd(10),
    pair(theirs.moves, ours.moves),
    pair(theirs.least, ours.least),
    verdict,
  ].join('');
}

function describeSums(how: string, rows: readonly Row[]): string {
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const over = (of: (row: Row) => Figures): number =>
    rows.filter((row) => row.members > 3 && of(row).moves > of(row).least + 1).length;
  const better = rows.filter((row) => compare(row) < 0).length;
  const equal = rows.filter((row) => compare(row) === 0).length;
  return [
    `${how}: ${rows.length} rows; ours is better in ${better}, equal in ${equal}, moves more in ${rows.length - better - equal}`,
    `  moves          ${sum(({ theirs }) => theirs.moves)} > ${sum(({ ours }) => ours.moves)}  (least possible: ${sum(({ theirs }) => theirs.least)} > ${sum(({ ours }) => ours.least)})`,
    `  n3 violations  ${sum(({ theirs }) => theirs.n3)} > ${sum(({ ours }) => ours.n3)}`,
    ...(how === AT_ONCE
      ? [`  n4 violations  ${sum(({ theirs }) => theirs.n4)} > ${sum(({ ours }) => ours.n4)}`]
      : []),
    `  rows with four members or more that move more than the least and one: ${over(({ theirs }) => theirs)} > ${over(({ ours }) => ours)}`,
  ].join('\n');
}

function main(): void {
  const rows = rowsOf(loadVectors<ClaimVectors>('claim'));
  const lines = [
    'The original > ours. n3, n4: windows of three and four partitions with an owner twice.',
    '',
    HEAD,
  ];
  lines.push(...rows.map(describeRow), '');
  for (const how of new Set(rows.map((row) => row.how)))
    lines.push(
      describeSums(
        how,
        rows.filter((row) => row.how === how),
      ),
    );
  const worse = rows.filter(isWorse).length;
  lines.push('', worse === 0 ? 'No row is worse.' : `${worse} rows are WORSE.`);
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = worse === 0 ? 0 : 1;
}

main();
