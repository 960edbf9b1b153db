/** `mergePages` against a dumb twin that has all replicas in memory and looks for each position in turn. */
import type { RecordKey } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionOf } from './key-space.ts';
import type { PageItem, PageReply } from './commands.ts';
import { mergePages } from './scan.ts';

/** Few positions, so that replicas meet and keys share one. */
const itemOf = (place: number, name: string, version: number, live: boolean): PageItem => {
  const state = new Uint8Array(24);
  state[0] = version;
  state[16] = live ? 1 : 0;
  return { hashHi: place, hashLo: 0, key: `${place}${name}`, state, live };
};
const item = fc
  .tuple(fc.nat(9), fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 3 }), fc.boolean())
  .map((args) => itemOf(...args));
const replica = fc
  .uniqueArray(item, { selector: ({ key }) => key, maxLength: 12 })
  .map((items) => items.toSorted((a, b) => a.hashHi - b.hashHi || (a.key < b.key ? -1 : 1)));
const cluster = fc.array(replica, { minLength: 1, maxLength: 3 });

const position = ({ hashHi, hashLo }: RecordKey): number => positionOf(hashHi, hashLo);
const END = positionOf(10, 0);

/** What a replica answers to a page from `from` on. */
function pageOf(items: readonly PageItem[], from: number, limit: number): PageReply {
  const rest = items.filter((one) => position(one) >= from);
  return { kind: 'page', items: rest.slice(0, limit), more: rest.length > limit };
}

/** The later state of a key decides; of one version a value with the larger sum. */
function aliveInAll(replicas: readonly (readonly PageItem[])[]): string[] {
  const keys = [...new Set(replicas.flat().map(({ key }) => key))];
  const alive = keys.filter((key) => {
    const versions = replicas.flat().filter((one) => one.key === key);
    const order = (one: PageItem): number => (one.state[0] as number) * 256 + (one.state[16] as number);
    return versions.toSorted((a, b) => order(b) - order(a))[0]?.live === true;
  });
  return alive.toSorted();
}

describe('pages of several replicas', () => {
  it('merged one after the other give what all of them hold together, each key once', () => {
    fc.assert(
      fc.property(cluster, fc.integer({ min: 1, max: 5 }), (replicas, limit) => {
        const found: string[] = [];
        let from = 0;
        let size = limit;
        for (let pages = 0; from < END; pages++) {
          expect(pages).toBeLessThan(100);
          const merged = mergePages(
            replicas.map((items) => pageOf(items, from, size)),
            from,
            END,
          );
          found.push(...merged.keys);
          size = merged.position === from ? size * 2 : limit;
          expect(merged.position).toBeGreaterThanOrEqual(from);
          from = merged.position;
        }
        expect(found.toSorted()).toEqual(aliveInAll(replicas));
      }),
      { numRuns: 500 },
    );
  });

  it('reach as far as the shortest of them, and no key beyond it is given', () => {
    const [one, two] = [
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ].map((places) => places.map((place) => itemOf(place, 'a', 1, true))) as [PageItem[], PageItem[]];
    const merged = mergePages([pageOf(one, 0, 2), pageOf(two, 0, 9)], 0, END);
    expect(merged).toEqual({ keys: ['1a'], position: positionOf(2, 0) });
  });

  it('of nothing reach to the end', () => {
    expect(mergePages([pageOf([], 0, 5), pageOf([], 0, 5)], 0, END)).toEqual({ keys: [], position: END });
  });

  it('are in hash order, whoever held the keys', () => {
    const merged = mergePages(
      [
        [5, 7],
        [4, 6],
      ].map((places) =>
        pageOf(
          places.map((place) => itemOf(place, 'a', 1, true)),
          0,
          9,
        ),
      ),
      0,
      END,
    );
    expect(merged.keys).toEqual(['4a', '5a', '6a', '7a']);
  });
});
