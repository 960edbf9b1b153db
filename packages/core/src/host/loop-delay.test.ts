import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { LoopDelay } from './loop-delay.ts';

const STALL_MS = 600;

function stall(): void {
  const until = performance.now() + STALL_MS;
  while (performance.now() < until);
}

let delay: LoopDelay;
afterEach(() => delay.stop());

/** Rings of a timer of this test, so that those of the histogram have had their turns. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await pause(10);
}

describe('delay of the event loop', () => {
  it('of a loop that was held shows, before the first window has ended', async () => {
    delay = new LoopDelay();
    delay.start();
    await turns(3);
    stall();
    await turns(3);
    expect(delay.recent.maxMs).toBeGreaterThan(STALL_MS * 0.9);
    expect(delay.recent.meanMs).toBeLessThan(delay.recent.maxMs);
  });

  it('that ends with its window counts there, and no more in the next', async () => {
    delay = new LoopDelay(500);
    delay.start();
    await turns(3);
    stall(); // beyond the end of the window
    await turns(5);
    expect(delay.recent.maxMs).toBeGreaterThan(STALL_MS * 0.9);
    const deadline = performance.now() + 20_000;
    while (delay.recent.maxMs > STALL_MS / 2 && performance.now() < deadline) await pause(20);
    expect(delay.recent.maxMs).toBeLessThan(STALL_MS / 2);
  });
});
