/** Bits that turn over in the data file of one node of three: nobody is told what was not written, and the node heals. */
import { expect, it } from 'vitest';
import { playFlips } from './flips.ts';

const ROUNDS = Number(process.env['RKV_FLIP_ROUNDS'] ?? 2);

it(
  `serves no wrong value and is whole again within a minute, ${ROUNDS} times ten bits`,
  async () => {
    const report = await playFlips({ rounds: ROUNDS, flipsPerRound: 10, say: console.log });
    console.log(report);
    expect(report.wrong).toEqual([]);
    expect(report.lost).toEqual([]);
    expect(report.damaged + report.setAside).toBeGreaterThan(0);
  },
  60_000 + ROUNDS * 90_000,
);

it('is whole again when every other page was hit, and lmdb with it', async () => {
  const report = await playFlips({ rounds: 1, flipsPerRound: 400, seed: 5 });
  console.log(report);
  expect(report.wrong).toEqual([]);
  expect(report.lost).toEqual([]);
  expect(report.setAside).toBe(1);
}, 150_000);

it('is whole again when what was hit is the pages themselves, which mending an entry may die of', async () => {
  const report = await playFlips({ rounds: 3, flipsPerRound: 10, isAimed: true, seed: 3, say: console.log });
  console.log(report);
  expect(report.wrong).toEqual([]);
  expect(report.lost).toEqual([]);
  expect(report.setAside).toBeGreaterThan(0);
}, 300_000);
