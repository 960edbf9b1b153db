/**
 * One direction of the way between two machines: how long it takes, and whether it is cut.
 *
 * Cuts are counted, so that two faults may cut one link and the first to heal does not undo the other.
 */
import type { Prng } from '@rkv/core';

/** What the way from one machine to another is like. */
export interface LinkProperties {
  /** Every packet takes at least this. */
  readonly delayMs: number;
  /** And up to this much more, drawn per packet. */
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /**
   * Harsher than TCP ever is: single frames vanish, come twice or overtake each other on a connection that
   * stays open. Off (undefined) unless a test wants to see that machines survive it.
   */
  readonly lossy: Lossiness | undefined;
}

/** Chances per frame, 0..1 each. */
export interface Lossiness {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
}

/** A quick local network: a gigabit a second, a few tenths of a millisecond. */
export const LOCAL_NETWORK: LinkProperties = {
  delayMs: 0.1,
  jitterMs: 0.4,
  bytesPerMs: 125_000,
  lossy: undefined,
};

/** A packet that is under way when its link is cut gets through with this chance. */
const UNDER_WAY_PASSES = 0.5;

/** The way from one machine to another, in one direction. */
export class Link {
  readonly from: string;
  readonly to: string;
  readonly prng: Prng;
  properties: LinkProperties;
  #cuts = 0;
  #cutSince = 0;
  #waiting: (() => void)[] = [];

  constructor(from: string, to: string, properties: LinkProperties, prng: Prng) {
    this.from = from;
    this.to = to;
    this.properties = properties;
    this.prng = prng;
  }

  get isCut(): boolean {
    return this.#cuts > 0;
  }

  /** How long a packet sent now is under way. */
  drawDelayMs(): number {
    return this.properties.delayMs + (this.prng.below(1024) / 1024) * this.properties.jitterMs;
  }

  /** Whether a packet that left at `sentAt` and would arrive now does. */
  drawPasses(sentAt: number): boolean {
    return !this.isCut || (sentAt < this.#cutSince && this.prng.chance(UNDER_WAY_PASSES));
  }

  cut(now: number): void {
    if (this.#cuts++ === 0) this.#cutSince = now;
  }

  /** Take back one cut. */
  heal(): void {
    if (this.#cuts === 0) return;
    this.#cuts--;
    if (this.#cuts === 0) this.#wake();
  }

  /** Take back all cuts. */
  mend(): void {
    if (this.#cuts === 0) return;
    this.#cuts = 0;
    this.#wake();
  }

  /** `run` now, or when the link is whole again. */
  whenWhole(run: () => void): void {
    if (this.isCut) this.#waiting.push(run);
    else run();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
  }
}
