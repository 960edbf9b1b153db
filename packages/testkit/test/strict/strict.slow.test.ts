/** Strict keys under faults (strict-play.ts), a few seeds of it; and bugs planted on purpose, each of which is caught. */
import { describeLinearizability, isLinearizable } from '@rkv/testkit';
import { describe, expect, it } from 'vitest';
import { PLANTED_STRICT } from './planted.ts';
import { describeStrict, playStrict } from './strict-play.ts';

const SEEDS = 12;
const SEEDS_MAX = 100;

describe('strict keys under faults', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('are linearizable with seed %i', (seed) => {
    const result = playStrict({ seed });
    expect(isLinearizable(result.verdict), describeLinearizability(result.verdict)).toBe(true);
    expect(result.stuck, describeStrict(result)).toEqual([]);
    expect(result.answered).toBeGreaterThan(100);
  });
});

describe('a planted bug', () => {
  it.each(Object.entries(PLANTED_STRICT))(
    'is caught: %s',
    (name, openVnode) => {
      for (let seed = 1; seed <= SEEDS_MAX; seed++)
        if (!isLinearizable(playStrict({ seed, openVnode }).verdict)) return;
      expect.fail(`"${name}" was not caught within ${SEEDS_MAX} seeds`);
    },
    300_000,
  );
});
