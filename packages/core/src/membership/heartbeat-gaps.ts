/**
 * The gaps between a peer's heartbeats: their mean and how far they stray from it, in three numbers per peer.
 *
 * From these follows how long a silence must last before it is news. The time grows with loss, jitter and pauses as
 * they are on this way and not as somebody guessed them, and shrinks again when the way is quiet.
 *
 * Source: accrual detection (Hayashibara et al., SRDS 2004) asks how unlikely a silence is; we solve it for the time,
 * so that nothing is computed per tick. Gaps are taken to have an exponential tail, as Cassandra takes them, and not a
 * normal one: k heartbeats lost one after the other happen with p^k, which falls much slower than a normal tail. For
 * such a tail, P(gap > mean + x * deviation) is about e^-x. Mean and deviation are moving averages, as in Jacobson's
 * estimate of round trips (SIGCOMM 1988), for memory that is bounded and a past that fades.
 *
 * Not here: what the silence means (liveness.ts). A gap beyond the ceiling is an outage and teaches nothing about the way.
 */
import type { MembershipPreset } from './preset.ts';

export type GapTiming = Pick<
  MembershipPreset,
  'heartbeatIntervalMs' | 'suspectLeastMs' | 'suspectFirstMs' | 'suspectMostMs'
>;

/** A share of a millionth: at four heartbeats a second, one false suspicion in three days. It is phi = 6. */
const DEVIATIONS = Math.log(1e6);
/** One gap's share of the averages. Larger: quicker to learn, and a lucky run makes impatient. */
const GAIN = 1 / 64;

export class HeartbeatGaps {
  readonly #timing: GapTiming;
  #mean: number;
  #variance: number;
  /** When the heartbeat came from which the next gap counts. */
  #lastAt: number | undefined;

  constructor(timing: GapTiming) {
    this.#timing = timing;
    this.#mean = timing.heartbeatIntervalMs;
    this.#variance = ((timing.suspectFirstMs - this.#mean) / DEVIATIONS) ** 2;
  }

  /** The silence after which the peer is suspected, ms. */
  get patienceMs(): number {
    const { suspectLeastMs, suspectMostMs } = this.#timing;
    const wanted = this.#mean + DEVIATIONS * Math.sqrt(this.#variance);
    return Math.min(suspectMostMs, Math.max(suspectLeastMs, wanted));
  }

  /** Heartbeats out of turn (a new ring is told at once) and those that had queued up say nothing about the way. */
  note(now: number): void {
    const gap = this.#lastAt === undefined ? undefined : now - this.#lastAt;
    if (gap !== undefined && gap < this.#timing.heartbeatIntervalMs / 2) return;
    this.#lastAt = now;
    if (gap === undefined || gap > this.#timing.suspectMostMs) return;
    const error = gap - this.#mean;
    this.#mean += GAIN * error;
    this.#variance += GAIN * (error * error - this.#variance);
  }

  /** This much of the present gap was our own. */
  excuse(ms: number): void {
    if (this.#lastAt !== undefined) this.#lastAt += ms;
  }

  /** The connection ended: the gap until the next heartbeat is no gap. */
  interrupt(): void {
    this.#lastAt = undefined;
  }
}
