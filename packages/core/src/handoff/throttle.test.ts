import { describe, expect, it } from 'vitest';
import { Throttle } from './throttle.ts';

function limited(bytesPerSecond: number): Throttle {
  const throttle = new Throttle();
  throttle.limitTo(bytesPerSecond);
  return throttle;
}

describe('a throttle', () => {
  it('without a limit makes nobody wait', () => {
    const throttle = new Throttle();
    throttle.charge(1e9, 0);
    expect(throttle.waitMs(0)).toBe(0);
  });

  it('lets what was sent be paid for, all of it', () => {
    const throttle = limited(1_000);
    throttle.charge(500, 10_000);
    throttle.charge(1_500, 10_000);
    expect(throttle.waitMs(10_000)).toBe(1_900);
    expect(throttle.waitMs(11_000)).toBe(900);
    expect(throttle.waitMs(12_000)).toBe(0);
  });

  it('saves up a tenth of a second, however long nothing was sent', () => {
    const throttle = limited(1_000);
    throttle.charge(100, 60_000);
    expect(throttle.waitMs(60_000)).toBe(0);
    throttle.charge(100, 60_000);
    expect(throttle.waitMs(60_000)).toBe(100);
  });

  it('forgives what was charged under another limit', () => {
    const throttle = limited(1);
    throttle.charge(1_000_000, 0);
    throttle.limitTo(1_000);
    expect(throttle.waitMs(0)).toBe(0);
  });
});
