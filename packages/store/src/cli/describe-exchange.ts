/** Whether copies are alike, as operators read it: in one sentence, and as a table by partition. */
import type { ExchangeView } from '../admin/api.ts';
import { describeTime } from './describe-transfers.ts';

type Compared = ExchangeView['partitions'][number];

/** One sentence, and one for each thing that is not as it should be. */
export function describeExchange({ partitions, differing, paused, failed }: ExchangeView): string {
  const known = partitions.flatMap(({ comparedMs }) => (comparedMs === null ? [] : [comparedMs]));
  const mended = partitions.reduce((sum, partition) => sum + partition.mended, 0);
  const which =
    known.length === partitions.length
      ? 'all partitions'
      : `${known.length} of ${partitions.length} partitions`;
  const alike =
    known.length === 0
      ? 'The copies of no partition have been compared yet'
      : `The copies of ${which} were alike within the last ${describeTime(Math.max(...known))}`;
  return [
    `${alike}; ${mended} items were mended.`,
    ...(differing === 0 ? [] : [`Pairs of copies that differ and are being mended: ${differing}`]),
    ...(paused.length === 0 ? [] : [`Paused at ${paused.map((name) => `'${name}'`).join(', ')}.`]),
    ...failed.map(({ node, reason }) => `'${node}' does not say: ${reason}`),
  ].join('\n');
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

function rowOf({ partition, pairs, comparedMs, mended, service, reason }: Compared): string[] {
  const alike = comparedMs === null ? 'not yet' : `${describeTime(comparedMs)} ago`;
  return [String(partition), String(pairs), alike, String(mended), service, reason ?? ''];
}
