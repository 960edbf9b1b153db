/**
 * Fair comparison on a machine that others use too: short rounds, every subject once in each, in turning order.
 *
 * Absolute numbers of such a machine drift by a factor of two within minutes; two measurements next to each other
 * drift together. So the ratio is taken within each round, and the median of those ratios is what counts.
 */
import { cpuNs } from './subjects.mjs';

/**
 * Measures `rounds` times. Each subject is `{ name, pids, measure }`, measure resolving with `{ rps, p50, p99, requests }`;
 * the first is the one that the others are compared with. Resolves with one row per subject: medians, and `ratios`,
 * the first's requests per second by this one's, round by round. `loadUs`: this process's own processor time per request.
 */
export async function compare(rounds, subjects) {
  const seen = subjects.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const turn = (i + round) % subjects.length;
      seen[turn].push(await measured(subjects[turn]));
    }
  }
  return subjects.map(({ name }, i) => {
    const results = seen[i];
    const of = (field) => median(results.map((result) => result[field]));
    const ratios = results.map(({ rps }, round) => seen[0][round].rps / rps);
    const times = { cpuUs: of('cpuUs'), loadUs: of('loadUs') };
    return { name, rps: of('rps'), p50: of('p50'), p99: of('p99'), ...times, ratios };
  });
}

async function measured({ pids, measure }) {
  const before = [cpuNs(pids), cpuNs([process.pid])];
  const result = await measure();
  const [cpuUs, loadUs] = [cpuNs(pids), cpuNs([process.pid])].map(
    (ns, i) => (ns - before[i]) / 1000 / result.requests,
  );
  return { ...result, cpuUs, loadUs };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `43.2k/s, 1.1/3.9 ms, 18 us`: requests, p50 and p99, processor time of all processes of the subject per request. */
export function describeSpeed({ rps, p50, p99, cpuUs }) {
  const times = `${short(p50)}/${short(p99)} ms`;
  return `${describeRate(rps)}, ${times}${cpuUs > 0 ? `, ${cpuUs.toFixed(1)} us` : ''}`;
}

/** `**0.91** (0.85-0.97)`: the median of the rounds, and their range. */
export function describeRatio(ratios) {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `**${median(ratios).toFixed(2)}** (${least.toFixed(2)}-${most.toFixed(2)})`;
}

function describeRate(rps) {
  return rps >= 99_500 ? `${Math.round(rps / 1000)}k/s` : `${(rps / 1000).toFixed(1)}k/s`;
}

function short(ms) {
  return ms >= 10 ? ms.toFixed(0) : ms.toFixed(1);
}

/** A table in markdown. */
export function table(head, rows) {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
