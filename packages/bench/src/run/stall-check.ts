/**
 * The check that this tool is honest: a system stalls for one second of ten, and is asked in both ways.
 *
 * The closed loop asks once, waits, and asks on: one slow answer among thousands, and no percentile that anyone looks at
 * knows of it. The open loop has a hundred users a second, who come whether or not it answers: a tenth of them wait, up to
 * a second. Both run here on virtual time, with the very code that a real run uses, so the check takes a moment and its
 * numbers are always the same.
 */
import type { Bench } from '../definition/bench.ts';
import { stallingDriver } from '../load/stalling-driver.ts';
import { VirtualClock } from '../load/virtual-clock.ts';
import type { BenchResult } from '../results/result.ts';
import { runBench } from './run.ts';

export interface StallCheck {
  readonly closed: BenchResult;
  readonly open: BenchResult;
  /** The closed loop hides it at p99.9, and the open one shows it at p99. */
  readonly holds: boolean;
}

const ANSWER_US = 1_000;
const STALL_US = 1_000_000;
const [STALL_FROM_S, DURATION_S] = [4, 10];
const WORKERS = 4;
const RATE = 1_000;

/** Whether an open loop sees a stall that a closed one hides, by the code of a real run on virtual time. */
export async function checkStall(): Promise<StallCheck> {
  const closed = await play('max');
  const open = await play({ rate: RATE });
  const holds =
    closed.all.response.p999 < STALL_US / 100 &&
    closed.all.response.max >= STALL_US &&
    open.all.service.p99 < STALL_US / 100 &&
    open.all.response.p99 > STALL_US / 2;
  return { closed, open, holds };
}

function play(mode: NonNullable<Bench['mode']>): Promise<BenchResult> {
  const clock = new VirtualClock();
  const stall = { stallFromUs: STALL_FROM_S * 1e6, stallUs: STALL_US };
  const driver = stallingDriver({ clock, answerUs: ANSWER_US, ...stall });
  const bench = { driver, operations: { ask: 1 }, mode, workers: WORKERS, durationS: DURATION_S };
  return clock.play(runBench({ bench }, { clock }));
}
