/** The scale table in words: a line of Markdown for each row. */
import type { ScaleRow } from './measure.ts';

type Column = readonly [head: string, cell: (row: ScaleRow) => string];

const COLUMNS: readonly Column[] = [
  ['ring', ({ ringSize }) => String(ringSize)],
  ['nodes', ({ nodes }) => String(nodes)],
  ['formed s', ({ formed }) => seconds(formed.seconds)],
  ['join s', ({ join }) => seconds(join.seconds)],
  ['epochs', ({ join }) => String(join.epochs)],
  ['join frames', ({ join }) => count(join.total.frames)],
  ['of them documents', ({ join }) => count(join.sent.document.frames + join.sent.agreement.frames)],
  ['heartbeats', ({ join }) => count(join.sent.heartbeat.frames)],
  ['handoff', ({ join }) => count(join.sent.handoff.frames)],
  ['join bytes', ({ join }) => bytes(join.total.bytes)],
  ['a node', ({ join, nodes }) => bytes(join.total.bytes / (nodes + 1))],
  ['busiest', ({ join }) => bytes(join.busiest.bytes)],
  ['idle frames a node and s', ({ idle, nodes }) => count(idle.total.frames / idle.seconds / nodes)],
  ['bytes', ({ idle, nodes }) => bytes(idle.total.bytes / idle.seconds / nodes)],
  ['document', ({ documentBytes }) => bytes(documentBytes)],
  ['largest', ({ documentBytesMax }) => bytes(documentBytesMax)],
  ['memory a node', ({ memoryPerNode }) => bytes(memoryPerNode)],
  ['idle cpu ms/s', ({ idle }) => ms(idle.cpuMs.average)],
  ['join cpu ms/s', ({ join }) => ms(join.cpuMs.average)],
  ['busiest', ({ join }) => ms(join.cpuMs.busiest)],
  ['longest turn ms', ({ join }) => ms(join.longestTurnMs)],
  ['plan ms', ({ planMs }) => ms(planMs)],
  ['real s', ({ formed, join }) => `${seconds(formed.realSeconds)} + ${seconds(join.realSeconds)}`],
];

const heads = COLUMNS.map(([head]) => head);

export const HEAD = `${line(heads)}\n${line(heads.map((head) => '-'.repeat(head.length - 1) + ':'))}`;

export function describeRow(row: ScaleRow): string {
  return line(COLUMNS.map(([head, cell]) => cell(row).padStart(head.length)));
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
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
