/** When a disk is called slow. */
import { expect, it } from 'vitest';
import { CommitTimes } from './commit-times.ts';

function timesOf(): { times: CommitTimes; said: string[]; commit: (tookMs: number, count: number) => void } {
  const said: string[] = [];
  const times = new CommitTimes((slow, meanMs) =>
    said.push(`${slow ? 'slow' : 'well'} ${Math.round(meanMs)}`),
  );
  let now = 1_000;
  const commit = (tookMs: number, count: number): void => {
    for (let i = 0; i < count; i++) times.ended(tookMs, (now += Math.max(tookMs, 1)));
  };
  return { times, said, commit };
}

it('slow commits for ten seconds make it slow, quick ones for ten seconds make it well; each is said once', () => {
  const { times, said, commit } = timesOf();
  commit(200, 40);
  expect([said, times.slow]).toEqual([[], false]);
  commit(200, 100);
  expect([said, times.slow]).toEqual([['slow 200'], true]);
  commit(2, 20_000);
  expect([said, times.slow]).toEqual([['slow 200', expect.stringMatching(/^well/)], false]);
});

it('one that hangs among quick ones does not', () => {
  const { times, said, commit } = timesOf();
  commit(2, 4_000);
  commit(3_000, 1);
  commit(2, 6_000);
  expect(said).toEqual([]);
  expect(times.figures).toMatchObject({ commits: 10_001, seconds: 23 });
});
