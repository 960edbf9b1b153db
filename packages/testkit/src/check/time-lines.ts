/**
 * Operations drawn as lines, one below the other, each from its begin to its end:
 *
 *     c1 n1  write a     |--|            0.000 to 1.000
 *     c2 n2  write b        |--|         0.900 to 2.000
 *     c1 n1  read -> a           |--|    3.000 to 4.000  <--
 *
 * Columns are the moments in their order and not to scale: what matters is what came before what.
 */
import { describeOperation, type Operation } from '../history/operation.ts';

/** Columns from one moment to the next; narrower when there are many. */
const STEP_MAX = 3;
const WIDTH_MAX = 90;
/** Longer ones are cut, so that the lines stay below each other. */
const WORDS_MAX = 48;

/** A line of text for each operation, drawn over time; the marked one has an arrow. */
export function drawTimeLines(operations: readonly Operation[], marked?: Operation): string {
  const moments = [...new Set(operations.flatMap(({ begin, end }) => [begin, end]))]
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
  const step = Math.max(1, Math.min(STEP_MAX, Math.floor(WIDTH_MAX / (moments.length + 1))));
  const columns = new Map(moments.map((moment, at) => [moment, at * step]));
  const width = moments.length * step + 1;
  const line = ({ begin, end }: Operation): string => {
    const from = columns.get(begin) as number;
    const to = columns.get(end) ?? width - 1;
    return `${' '.repeat(from)}|${'-'.repeat(Math.max(0, to - from - 1))}${to < width - 1 ? '|' : '>'}`;
  };
  const cells = operations.map((operation) => [
    `${operation.client}${operation.node === undefined ? '' : ` ${operation.node}`}`,
    shortened(describeOperation(operation)),
    line(operation),
    `${describeMoment(operation.begin)} to ${describeMoment(operation.end)}`,
  ]);
  const widths = [0, 1, 2].map((at) => Math.max(...cells.map((row) => (row[at] as string).length)));
  return cells
    .map((row, at) => {
      const [who, what, drawn] = row.map((cell, i) => cell.padEnd(widths[i] ?? 0));
      return `  ${who}  ${what}  ${drawn}  ${row[3]}${operations[at] === marked ? '  <--' : ''}`;
    })
    .join('\n');
}

/** `a or b`, `nothing`; the dots say that there may be more. */
export function describeStates(states: readonly string[]): string {
  return states.map(shortened).join(' or ');
}

function shortened(words: string): string {
  return words.length <= WORDS_MAX ? words : `${words.slice(0, WORDS_MAX - 3)}...`;
}

function describeMoment(ms: number): string {
  return Number.isFinite(ms) ? ms.toFixed(3) : '?';
}
