/** Numbers for people: three digits are enough. */

/** Microseconds as `0.21 ms`, `12.3 ms`, `1.02 s`. */
export function describeUs(us: number): string {
  if (us < 999.5) return `${Math.round(us)} us`;
  return us < 999_500 ? `${threeDigits(us / 1e3)} ms` : `${threeDigits(us / 1e6)} s`;
}

/** `812/s`, `12.3k/s`. */
export function describeRate(perSecond: number): string {
  if (perSecond < 1_000) return `${threeDigits(perSecond)}/s`;
  return perSecond < 1e6 ? `${threeDigits(perSecond / 1e3)}k/s` : `${threeDigits(perSecond / 1e6)}M/s`;
}

export function describeCount(count: number): string {
  return count.toLocaleString('en');
}

function threeDigits(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
