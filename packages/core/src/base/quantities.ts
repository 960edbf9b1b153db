/** Counts, times and sizes as people are told them. */

/** `1 key`, `5 keys`. */
export function describeCount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `300 ms`, `1.5 s`, `47 s`, `12 min`, `3 h`; of `ms` milliseconds. */
export function describeTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

/** `10 MB`; decimal, as bandwidths are told. */
export function describeBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let amount = bytes;
  let unit = 0;
  for (; amount >= 1_000 && unit < units.length - 1; unit++) amount /= 1_000;
  return `${amount >= 10 || unit === 0 ? Math.round(amount) : Math.round(amount * 10) / 10} ${units[unit]}`;
}
