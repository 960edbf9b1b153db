/** Every request has a deadline by its coordinator's own clock, and must be answered by then, whatever the answer is. */
import type { Timer } from '@rkv/core';
import { REQUEST_TIMEOUT_MS, type SimNode } from './rkv-cluster.ts';

/** How late an answer may be beyond its deadline, by the coordinator's monotonic clock. */
const SLACK_MS = 100;
/** A timer that is later than this was held by a process that stood still. */
const TIMER_LATENESS_MS_MAX = 5;

/**
 * Report the request unless the function returned is called in time. A coordinator that dies owes no answer, and one
 * that stood still when the time was up has as long again from when it goes on.
 */
export function expectAnswer(
  { host, machine }: SimNode,
  what: string,
  report: (problem: string) => void,
): () => void {
  const after = (ms: number, then: (lateMs: number) => void): Timer => {
    const due = host.monotonic() + ms;
    return host.setTimer(ms, () => then(host.monotonic() - due));
  };
  // The slack begins when the timer of the deadline fires: where the process stood still over the deadline, the request's own
  // timer fires only then as well. And anew, when it has stood still again.
  const expectSoon = (): void => {
    timer = after(SLACK_MS, (lateMs) => {
      if (lateMs > TIMER_LATENESS_MS_MAX) expectSoon();
      else report(`${what} through ${machine} is not answered ${SLACK_MS} ms after its deadline`);
    });
  };
  let timer = after(REQUEST_TIMEOUT_MS, expectSoon);
  let count = 0;
  return () => {
    timer.cancel();
    if (++count > 1) report(`${what} through ${machine} is answered ${count} times`);
  };
}
