/**
 * What docs/operations.md says of detection, measured. A cut in one direction shows under TCP as bytes that nobody
 * acknowledges: the side that is still heard says that it hears nothing, until its own connection gives up.
 */
import type { PresetName } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { MISHAPS, Stage, type Mishap } from './detection.ts';

/** The bounds that hold for each seed, ms: until the silent one is suspected, and until it learns that it is deaf. */
const BOUNDS: Readonly<Record<PresetName, { readonly silent: number; readonly deaf: number }>> = {
  local: { silent: 2_000, deaf: 2_700 },
  lan: { silent: 4_600, deaf: 6_000 },
  wan: { silent: 7_200, deaf: 10_500 },
};
const PRESETS = Object.keys(BOUNDS) as PresetName[];
const SEEDS = [1, 2, 3];

const told: string[] = [];

describe.each(PRESETS)('preset %s', (preset) => {
  it.each(MISHAPS)('%s', (mishap) => {
    const found = SEEDS.map((seed) => new Stage(preset, seed).detect(mishap));
    const { silent, deaf } = BOUNDS[preset];
    const most = (pick: (detection: (typeof found)[number]) => number | undefined): number =>
      Math.max(...found.map((detection) => pick(detection) ?? Number.NaN));
    const there = most((detection) => detection.there);
    const back = most((detection) => detection.back);
    told.push(`${preset} | ${mishap} | ${there} | ${back} | ${most(({ again }) => again)}`);
    const bounds: Readonly<Record<Mishap, readonly [there: number, back: number]>> = {
      kill: [500, Number.NaN],
      power: [silent, Number.NaN],
      cut: [silent, silent],
      'one way, deaf': [deaf, silent],
      'one way, mute': [silent, deaf],
      'stopped 20 s': [silent, Number.NaN],
    };
    const [thereMost, backMost] = bounds[mishap];
    expect(there).toBeLessThanOrEqual(thereMost);
    if (Number.isNaN(backMost)) expect(back, 'whoever stood still blames nobody').toBeNaN();
    else expect(back).toBeLessThanOrEqual(backMost);
  });
});
