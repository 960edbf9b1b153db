/**
 * A system that is quick and then, for a while, is not: whatever it is asked during the stall it answers when the stall is
 * over. On the clock that it is given, so on a virtual one it always does the same.
 */
import type { Clock } from '../contracts/clock.ts';
import type { Driver } from '../contracts/driver.ts';

/** How the system answers, and when it stalls; microseconds of the clock given. */
export interface StallInit {
  readonly clock: Clock;
  /** How long an answer takes otherwise. */
  readonly answerUs: number;
  readonly stallFromUs: number;
  readonly stallUs: number;
}

export function stallingDriver({
  clock,
  answerUs,
  stallFromUs,
  stallUs,
}: StallInit): Driver<undefined, 'ask'> {
  const stallEndUs = stallFromUs + stallUs;
  return {
    name: 'a system that stalls',
    operations: ['ask'],
    new: () => undefined,
    async run() {
      const readyUs = clock.now() + answerUs;
      const isCaught = readyUs > stallFromUs && clock.now() < stallEndUs;
      await clock.sleepUntil(isCaught ? stallEndUs + answerUs : readyUs);
      return 'ok';
    },
    terminate() {},
  };
}
