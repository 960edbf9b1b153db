/**
 * What a reader of the numbers must be told before he believes them.
 */
import type { BenchResult } from './result.ts';

const FAILED_SHARE = 0.01;
/** Our own lateness may be this part of what we tell of the system. */
const LATENESS_SHARE = 0.2;

type Told = Pick<BenchResult, 'all' | 'unsent' | 'lateness' | 'loop' | 'labels'>;

export function warningsFor({ all, unsent, lateness, labels }: Told): string[] {
  const warnings: string[] = [];
  if (unsent > 0) {
    warnings.push(
      `${unsent.toLocaleString('en')} operations were due and never sent: the rate was more than the system, or these ` +
        'workers, could do. The percentiles leave them out, and so are better than the truth.',
    );
  }
  const attempts = all.succeeded + all.failed;
  if (attempts > 0 && all.failed / attempts > FAILED_SHARE) {
    const percent = ((100 * all.failed) / attempts).toFixed(1);
    warnings.push(`${percent}% of the operations failed; latencies are of those that did not.`);
  }
  if (lateness.count > 0 && lateness.p99 > LATENESS_SHARE * Math.max(all.response.p99, 1)) {
    warnings.push(
      `The load generator itself was late by ${lateness.p99} us at p99, of ${all.response.p99} us in all: it shares its ` +
        'cores with something, or its threads have too much to do.',
    );
  }
  for (const { label, succeeded, failed } of labels) {
    if (succeeded + failed === 0) warnings.push(`\`${label}\` was never run.`);
  }
  return warnings;
}
