/** Transfers as operators read them: what moves as arrow and bar, what waits with its reason and for how long. */
import { describeBytes, describeTime } from '@rkv/core';
import type { LimitsView, TransfersView } from '../admin/api.ts';

const BAR_WIDTH = 50;

type Active = TransfersView['active'][number];
type Waiting = TransfersView['waiting'][number];

export function describeTransfers({ active, waiting }: TransfersView): string {
  if (active.length + waiting.length === 0) return 'No transfers are active or waiting.';
  return [
    `Active transfers: ${active.length}`,
    ...active.flatMap((transfer) => ['', ...describeActive(transfer)]),
    ...(active.length > 0 ? [''] : []),
    `Waiting: ${waiting.length}`,
    ...describeWaiting(waiting),
  ].join('\n');
}

/** One line each, none when nothing waits. */
export function describeWaiting(waiting: TransfersView['waiting']): string[] {
  return waiting.map((transfer) => {
    const { reason, sinceMs } = transfer;
    const since = sinceMs === undefined || sinceMs < 1_000 ? '' : ` (for ${describeTime(sinceMs)})`;
    return `  ${describeName(transfer)}: ${reason}${since}`;
  });
}

function describeActive(transfer: Active): string[] {
  const { kind, service, partition, from, to, items, bytes, note, sinceMs, etaMs } = transfer;
  const { walked, total, itemsPerSecond = 0, bytesPerSecond = 0 } = transfer;
  const of = total === undefined ? '' : ` of about ${Math.max(total, walked ?? 0)}`;
  const arrow = `'${from}'  ${'='.repeat(Math.max(1, BAR_WIDTH - from.length - to.length - 9))}>  '${to}'`;
  return [
    `transfer type: ${kind}`,
    ...(service === undefined ? [] : [`service:       ${service}`]),
    `partition:     ${describePartition(transfer, partition)}`,
    ...(sinceMs === undefined ? [] : [`started:       ${describeTime(sinceMs)} ago`]),
    `items:         ${walked ?? items}${of}, ${describeBytes(bytes)}`,
    ...(etaMs === undefined ? [] : [`time left:     about ${describeTime(etaMs)}`]),
    ...(note === undefined ? [] : [`note:          ${note}`]),
    '',
    centred(`${Math.round(itemsPerSecond)} items/s`),
    ` ${arrow}`,
    ...(total === undefined ? [] : [describeBar(total === 0 ? 1 : Math.min((walked ?? 0) / total, 1))]),
    centred(`${describeBytes(bytesPerSecond)}/s`),
  ];
}

function describeName(transfer: Waiting): string {
  const { kind, partition, from, to } = transfer;
  return `${kind} partition ${describePartition(transfer, partition)} from '${from}' to '${to}'`;
}

/** A repair brings what another partition holds. */
function describePartition({ sourcePartition }: { sourcePartition?: number }, partition: number): string {
  const other = sourcePartition === undefined || sourcePartition === partition;
  return other ? String(partition) : `${partition} (from the copies of partition ${sourcePartition})`;
}

function describeBar(part: number): string {
  const done = Math.floor(part * BAR_WIDTH);
  return `|${'#'.repeat(done)}${' '.repeat(BAR_WIDTH - done)}|  ${Math.floor(part * 100)}%`;
}

function centred(text: string): string {
  return ' '.repeat(Math.max(0, Math.floor((BAR_WIDTH + 2 - text.length) / 2))) + text;
}

/** A table of the limits per node. */
export function describeLimits({ nodes, failed }: LimitsView): string {
  const rows = nodes.map(({ node, out, in: into, bytesPerSecond }) => {
    const bandwidth = bytesPerSecond === null ? 'none' : `${describeBytes(bytesPerSecond)}/s`;
    return [String(out), String(into), bandwidth, `'${node}'`];
  });
  const table = [['Out', 'In', 'Bandwidth', 'Node'], ...rows].map((row) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(at === 2 ? 12 : 5))).join(' '),
  );
  return [...table, ...failed.map(({ node, reason }) => `'${node}': ${reason}`)].join('\n');
}
