/** Whether copies are alike, as operators read it: in one sentence, and as a table by partition. */
import { describeCount, describeTime } from '@rkv/core';
import type { ExchangeView } from '../admin/api.ts';

type Compared = ExchangeView['partitions'][number];

/** One sentence, and one for each thing that is not as it should be. */
export function describeExchange({ partitions, differing, paused, failed }: ExchangeView): string {
  return [
    capitalized(describeAlike(partitions, failed.length > 0)),
    ...(differing === 0
      ? []
      : [`${describeCount(differing, 'pair')} of copies differ and are being mended.`]),
    ...(paused.length === 0 ? [] : [`Paused at ${paused.map((name) => `'${name}'`).join(', ')}.`]),
    ...failed.map(({ node, reason }) => `'${node}' was not heard: ${reason}.`),
  ].join('\n');
}

function describeAlike(partitions: readonly Compared[], isPart: boolean): string {
  const of = isPart ? 'Of what the members that answered compare: ' : '';
  if (partitions.length === 0) return `${of}there are no two copies of anything to compare.`;
  const known = partitions.flatMap(({ alikeMs }) => (alikeMs === null ? [] : [alikeMs]));
  const mended = `${describeCount(
    partitions.reduce((sum, partition) => sum + partition.mended, 0),
    'item',
  )} mended.`;
  if (known.length === 0) return `${of}the copies of no partition are known to be alike yet; ${mended}`;
  const which =
    known.length === partitions.length
      ? 'all partitions'
      : `${known.length} of ${partitions.length} partitions`;
  const since = describeTime(Math.max(...known));
  return `${of}the copies of ${which} were alike within the last ${since}; ${mended}`;
}

/** A table by partition, and the sentence below it. */
export function describeComparisons(view: ExchangeView): string {
  const header = ['Partition', 'Pairs', 'Alike', 'Mended', 'Service', ''];
  const rows = [header, ...view.partitions.map(rowOf)];
  const widths = header.map((_, at) => Math.max(...rows.map((row) => (row[at] as string).length)));
  const table = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] as number))
      .join('  ')
      .trimEnd(),
  );
  return [...table, '', describeExchange(view)].join('\n');
}

function rowOf({ partition, pairs, alikeMs, mended, service, reason }: Compared): string[] {
  const alike = alikeMs === null ? 'not yet' : `${describeTime(alikeMs)} ago`;
  return [String(partition), String(pairs), alike, String(mended), service, reason ?? ''];
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
