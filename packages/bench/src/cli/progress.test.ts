import { describe, expect, it } from 'vitest';
import { checkStall } from '../run/stall-check.ts';
import { settle } from '../definition/settle.ts';
import { stallingDriver } from '../load/stalling-driver.ts';
import { VirtualClock } from '../load/virtual-clock.ts';
import { bar, Progress } from './progress.ts';

const driver = stallingDriver({ clock: new VirtualClock(), answerUs: 1, stallFromUs: 0, stallUs: 0 });
const definition = settle({ driver, operations: { ask: 1 }, durationS: 10 });

async function show(isTty: boolean): Promise<string> {
  let shown = '';
  const progress = new Progress({ out: (text) => (shown += text), err: () => {}, isTty }, definition);
  for (const window of (await checkStall()).open.windows) progress.show(window);
  return shown;
}

describe('the progress of a run', () => {
  it('is a line every five seconds in a log', async () => {
    const lines = (await show(false)).trimEnd().split('\n');
    expect(lines.length).toBe(2);
    expect(lines[0]).toMatch(/^5 of 10 s: \d+\/s, p99 [\d.]+ m?s, 0 failed so far$/);
  });

  it('is drawn over itself on a terminal', async () => {
    const shown = await show(true);
    const pictures = shown.split('\u001b[2A');
    expect(pictures.length).toBe(10);
    expect(pictures[4]).toMatch(/█{15}░{15} 50% {2}5 of 10 s/);
    expect(pictures[4]).toMatch(/ {2}ask +█{30} /);
    expect(pictures.every((picture) => picture.split('\n').length === 3)).toBe(true);
  });

  it('has bars of one length', () => {
    expect([0, 0.5, 1, 7, -1].map((share) => bar(share).length)).toEqual([30, 30, 30, 30, 30]);
  });
});
