/** Bugs planted into clocks: stamps that are made twice. */
import { HybridClock, latin1Encode, Prng, type HybridClockInit, type StampPlace } from '@rkv/core';
import { digestBytes } from '@rkv/testkit';

/** Stamps are the wall clock's reading and nothing else: a clock set back makes stamps anew that were made before. */
export class WallClock extends HybridClock {
  readonly #init: HybridClockInit;

  constructor(init: HybridClockInit) {
    super(init);
    this.#init = init;
  }

  override write(out: Uint8Array, at: number, _floor?: StampPlace): void {
    new HybridClock(this.#init).write(out, at);
  }

  override observe(): boolean {
    return true;
  }
}

/**
 * The random bits of a stamp are the machine's, the same in each life. Alone that does no harm; when the wall clock has been
 * set back between two lives, a stamp that was given out is given out again.
 */
export function withActorOf(init: HybridClockInit, machine: string): HybridClock {
  const dice = new Prng(digestBytes(latin1Encode(machine)));
  return new HybridClock({ ...init, random: () => dice.u32() });
}
