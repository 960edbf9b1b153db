/**
 * The result for a terminal: a table of both latencies, and what to know about it.
 */
import type { BenchResult, Ending, LabelResult, Latencies } from '../results/result.ts';
import { describeCount, describeRate, describeUs } from './numbers.ts';

type Row = readonly string[];

/** As a table for a terminal, with warnings and errors. */
export function describeResult(result: BenchResult): string {
  const { name, loop, labels, all, measuredS, warnings } = result;
  const shown = labels.length > 1 ? [...labels, all] : labels;
  const both = loop === 'open';
  const rows = shown.flatMap((label) => rowsOf(label, both));
  const header = ['operation', '', 'ok', 'errors', 'rate', 'p50', 'p95', 'p99', 'p99.9', 'max'];
  return [
    `${name}: ${describeMode(result)}, ${measuredS.toFixed(1)} s measured; ${describeEnding(result.ended)}`,
    '',
    table([header, ...rows]),
    '',
    both
      ? 'response counts from when an operation was due, service from when it was sent.'
      : 'A closed loop: what a stall would have cost those who come meanwhile is not in these latencies.',
    ...describeErrors(all),
    ...warnings.map((warning) => `Warning: ${warning}`),
  ].join('\n');
}

export function describeMode({ loop, setup }: BenchResult): string {
  const { mode, workers } = setup as { mode: 'max' | { rate: number }; workers: number };
  const crowd = `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  if (mode === 'max') return `closed loop, as fast as ${crowd} can`;
  return `${loop} loop at ${describeRate(mode.rate)}, ${crowd}`;
}

export function describeEnding(ended: Ending): string {
  switch (ended.kind) {
    case 'duration':
      return 'ran its time';
    case 'workers':
      return `all workers ended: ${ended.reason ?? 'they had done all'}`;
    case 'interrupted':
      return 'interrupted';
    case 'error':
      return `ended by an error: ${ended.reason}`;
  }
}

function rowsOf(
  { label, succeeded, failed, throughput, service, response }: LabelResult,
  both: boolean,
): Row[] {
  const counts = [describeCount(succeeded), describeCount(failed), describeRate(throughput)];
  if (!both) return [[label, '', ...counts, ...percentiles(service)]];
  return [
    [label, 'response', ...counts, ...percentiles(response)],
    ['', 'service', '', '', '', ...percentiles(service)],
  ];
}

export function percentiles({ count, p50, p95, p99, p999, max }: Latencies): string[] {
  return [p50, p95, p99, p999, max].map((us) => (count === 0 ? '-' : describeUs(us)));
}

function describeErrors({ errors }: LabelResult): string[] {
  const kinds = Object.entries(errors).toSorted(([, a], [, b]) => b - a);
  return kinds.length === 0
    ? ['No errors.']
    : [`Errors: ${kinds.map(([kind, count]) => `${kind} ${describeCount(count)}`).join(', ')}`];
}

/** Words to the left, numbers to the right. */
export function table(rows: readonly Row[], wordColumns = 2): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const line = (row: Row): string =>
    row
      .map((cell, at) => (at < wordColumns ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}
