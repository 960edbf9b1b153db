import { expect, it } from 'vitest';
import { describeBytes, describeCount, describeTime } from './quantities.ts';

it('tells counts', () => {
  expect([0, 1, 2].map((count) => describeCount(count, 'key'))).toEqual(['0 keys', '1 key', '2 keys']);
  expect([1, 2].map((count) => describeCount(count, 'entry', 'entries'))).toEqual(['1 entry', '2 entries']);
});

it('tells times as finely as they matter', () => {
  expect([0, 999, 1_000, 9_940, 10_000, 119_000, 120_000, 7_199_000, 7_200_000].map(describeTime)).toEqual([
    ...['0 ms', '999 ms', '1.0 s', '9.9 s', '10 s', '119 s', '2 min', '120 min', '2 h'],
  ]);
});

it('tells sizes in decimal units', () => {
  expect([0, 999, 1_000, 9_950, 10_400_000, 3e15].map(describeBytes)).toEqual([
    ...['0 B', '999 B', '1 kB', '10 kB', '10 MB', '3000 TB'],
  ]);
});
