import { describe, expect, it } from 'vitest';
import { checkStall } from './stall-check.ts';

describe('a stall of one second in ten', () => {
  it('is hidden by the closed loop and shown by the open one', async () => {
    const { closed, open, holds } = await checkStall();
    // Four workers, one slow answer each, of 36,000: nobody looks that far.
    expect(closed.all.service).toMatchObject({ p99: 1_000, p999: 1_000, max: 1_001_000 });
    expect(closed.all.response).toEqual(closed.all.service);
    // A tenth of all came during the stall, and waited half a second on average.
    expect(open.all.response.p95).toBeGreaterThan(400_000);
    expect(open.all.response.p99).toBeGreaterThan(850_000);
    // The same run, counted from when operations were sent: hidden again.
    expect(open.all.service).toMatchObject({ p99: 1_000, p999: 1_000 });
    expect(holds).toBe(true);
  });

  it('says the same each time', async () => {
    const [one, other] = [await checkStall(), await checkStall()];
    expect(one.open.all).toEqual(other.open.all);
    expect(one.closed.windows).toEqual(other.closed.windows);
  });
});
