/** The scale table in words: two tables in Markdown, of what a join takes and of what a node costs. */
import type { ScaleRow } from './measure.ts';

type Column = readonly [head: string, cell: (row: ScaleRow) => string];

const WHICH: readonly Column[] = [
  ['ring', ({ ringSize }) => String(ringSize)],
  ['nodes', ({ nodes }) => String(nodes)],
];

const JOIN: readonly Column[] = [
  ...WHICH,
  ['seconds', ({ join }) => seconds(join.seconds)],
  ['epochs', ({ join }) => String(join.epochs)],
  ['frames', ({ join }) => count(join.total.frames)],
  ['heartbeats', ({ join }) => count(join.sent.heartbeat.frames)],
  ['documents, votes', ({ join }) => count(join.sent.document.frames + join.sent.agreement.frames)],
  ['handoff', ({ join }) => count(join.sent.handoff.frames)],
  ['bytes', ({ join }) => bytes(join.total.bytes)],
  ['a node', ({ join, nodes }) => bytes(join.total.bytes / (nodes + 1))],
  ['the claimant', ({ join }) => bytes(join.busiest.bytes)],
  ['longest turn, ms', ({ join }) => ms(join.longestTurnMs)],
  ['plan, ms', ({ plan }) => ms(plan.ms)],
  ['its longest turn, ms', ({ plan }) => ms(plan.longestTurnMs)],
];

const NODE: readonly Column[] = [
  ...WHICH,
  ['formed, s', ({ formed }) => seconds(formed.seconds)],
  ['frames/s', ({ idle, nodes }) => count(idle.total.frames / idle.seconds / nodes)],
  ['bytes/s', ({ idle, nodes }) => bytes(idle.total.bytes / idle.seconds / nodes)],
  ['cpu idle, ms/s', ({ idle }) => ms(idle.cpuMs.average)],
  ['cpu joining, ms/s', ({ join }) => ms(join.cpuMs.average)],
  ['busiest, ms/s', ({ join }) => ms(join.cpuMs.busiest)],
  ['document', ({ documentBytes }) => bytes(documentBytes)],
  ['largest', ({ documentBytesMax }) => bytes(documentBytesMax)],
  ['memory', ({ memoryPerNode }) => bytes(memoryPerNode)],
];

export function describeRows(rows: readonly ScaleRow[]): string {
  return [
    'One more node joins, from the commit until all is quiet; all nodes together where nothing else is said:\n',
    ...tableOf(JOIN, rows),
    '\nA node, idle where nothing else is said:\n',
    ...tableOf(NODE, rows),
  ].join('\n');
}

function tableOf(columns: readonly Column[], rows: readonly ScaleRow[]): string[] {
  const heads = columns.map(([head]) => head);
  const body = rows.map((row) => columns.map(([, cell]) => cell(row)));
  const widths = heads.map((head, at) =>
    Math.max(...[head, ...body.map((cells) => cells[at] ?? '')].map(({ length }) => length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join(' | ')} |`;
  return [line(heads), line(widths.map((width) => `${'-'.repeat(width - 1)}:`)), ...body.map(line)];
}

function seconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function bytes(value: number): string {
  if (value < 1_000) return `${Math.round(value)} B`;
  const [unit, name] = value < 1_000_000 ? [1_000, 'kB'] : [1_000_000, 'MB'];
  const amount = value / unit;
  return `${amount.toFixed(amount < 10 ? 1 : 0)} ${name}`;
}
