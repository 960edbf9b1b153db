import { describe, expect, it } from 'vitest';
import { whyUnclean, type Holdings } from './clean.ts';

const CLEAN: Holdings = {
  document: { pending: [] },
  partial: 0,
  foreign: 0,
  outbound: 0,
  isMerging: false,
  whyBarMustWait: undefined,
  unserved: undefined,
};

describe('a member', () => {
  it('is clean that holds what is its own, wholly, with nothing on its way', () => {
    expect(whyUnclean(CLEAN)).toBeUndefined();
  });

  it.each<[string, Partial<Holdings>]>([
    ['partitions are moving', { document: { pending: [{}] as never } }],
    ['partitions are moving', { document: { pending: [], resize: {} as never } }],
    ['some of its vnodes are partial', { partial: 1 }],
    ['it holds copies for others', { foreign: 1 }],
    ['transfers run', { outbound: 1 }],
    ['transfers run', { isMerging: true }],
    ['a flush goes on', { whyBarMustWait: 'a flush goes on' }],
    ['it holds items of locks, which it does not run', { unserved: 'locks' }],
  ])('is not while %s', (why, but) => {
    expect(whyUnclean({ ...CLEAN, ...but })).toBe(why);
  });
});
