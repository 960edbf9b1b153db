/**
 * Chance from the seed. Every worker and every stream of arrivals has dice of its own, so what one draws does not depend
 * on how fast another is: the same seed gives each worker the same keys, operations and values in the same order.
 */
import { Prng } from '@rkv/core';

/** 0 <= result < 1 */
export type Random = () => number;

/** With 53 bits; a throw of Prng has 32, too few to give each of a million keys its fair share. */
export function fraction(prng: Prng): Random {
  return () => ((prng.u32() >>> 5) * 0x400_0000 + (prng.u32() >>> 6)) / 0x20_0000_0000_0000;
}

/** Dice for one purpose (`worker`, `arrivals`) of one number. */
export function diceFor(seed: number, purpose: string, id: number): Prng {
  let mixed = seed >>> 0;
  for (const letter of `${purpose}:${id}`)
    mixed = Math.imul(mixed ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return new Prng(mixed);
}

export function exponential(mean: number, random: Random): number {
  return -Math.log(1 - random()) * mean;
}

/** lowest <= result <= highest */
export function between(lowest: number, highest: number, random: Random): number {
  return lowest + Math.floor(random() * (highest - lowest + 1));
}
