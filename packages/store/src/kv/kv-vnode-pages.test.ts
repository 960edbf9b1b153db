/** Pages of a range, as scans and healing ask for them. */
import type { PartitionId, RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { merging, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { BITS, VnodeStage } from '../../test/kv/vnode-stage.ts';
import type { PageReply } from './commands.ts';
import { placeKey } from './coordinator.ts';
import { positionOf, rangeAt } from './key-space.ts';

describe('a page of a range', () => {
  const page = (
    stage: VnodeStage,
    range: PartitionId,
    limit = 100,
    after?: RecordKey,
    nowMs = 1_000,
  ): PageReply => {
    let found: PageReply | undefined;
    stage.vnode.handleCommand(
      { kind: 'page', range, limit, after, nowMs },
      { reply: (reply) => (found = reply as PageReply), refuse() {}, fail() {} },
    );
    return found as PageReply;
  };
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
  const rangeOf = (key: string): PartitionId => {
    const { hashHi, hashLo } = placeKey(key);
    return rangeAt(positionOf(hashHi, hashLo), BITS);
  };

  it.each([...Array(8).keys()] as PartitionId[])(
    'range %i holds its own keys and no others, in hash order',
    (range) => {
      const stage = new VnodeStage();
      for (const key of keys) stage.put(key, 1);
      stage.store.commit();
      const { items, more } = page(stage, range);
      expect(items.map(({ key }) => key).toSorted()).toEqual(
        keys.filter((key) => rangeOf(key) === range).toSorted(),
      );
      expect(items.map(({ hashHi }) => hashHi)).toEqual(
        items.map(({ hashHi }) => hashHi).toSorted((a, b) => a - b),
      );
      expect(more).toBe(false);
    },
  );

  it.each([...Array(8).keys()] as PartitionId[])('range %i can be walked through in small pages', (range) => {
    const stage = new VnodeStage();
    for (const key of keys) stage.put(key, 1);
    stage.store.commit();
    const found: string[] = [];
    let after: RecordKey | undefined;
    for (let reply = page(stage, range, 2); ; reply = page(stage, range, 2, after)) {
      found.push(...reply.items.map(({ key }) => key));
      after = reply.items.at(-1);
      if (!reply.more) break;
    }
    expect(found.toSorted()).toEqual(keys.filter((key) => rangeOf(key) === range).toSorted());
  });

  it('says what is alive at the moment that it is asked about, and not by a clock of its own', () => {
    const stage = new VnodeStage();
    stage.put('k1', 1);
    stage.send(merging('k1', tombstoneAt('k1', 2)));
    stage.put('k2', 1);
    stage.send(merging('k3', valueAt('k3', 1, 'v', 1_500)));
    stage.store.commit();
    const alive = (nowMs: number): string[] =>
      ([...Array(8).keys()] as PartitionId[])
        .flatMap((range) =>
          page(stage, range, 100, undefined, nowMs)
            .items.filter(({ live }) => live)
            .map(({ key }) => key),
        )
        .toSorted();
    stage.host.advance(5_000);
    expect(alive(1_499)).toEqual(['k2', 'k3']);
    expect(alive(1_500)).toEqual(['k2']);
  });

  it('ends early where keys are long, but never before a second place in hash space: a walk must get on', () => {
    const stage = new VnodeStage();
    const long = keys.slice(0, 8).map((key) => key.padEnd(300_000, 'x'));
    for (const key of long) stage.put(key, 1);
    stage.store.commit();
    for (const range of new Set(long.map(rangeOf))) {
      const { items, more } = page(stage, range);
      const all = long.filter((key) => rangeOf(key) === range).length;
      expect(items).toHaveLength(Math.min(2, all));
      if (all > 2) expect(more).toBe(true);
    }
  });
});

describe('a page of more keys than one call should read', () => {
  it('is read in the pool, and is the page that smaller ones make', () => {
    const stage = new VnodeStage();
    const range = 1 as PartitionId;
    const pages: PageReply[] = [];
    const ask = (limit: number, after?: RecordKey): void =>
      stage.vnode.handleCommand(
        { kind: 'page', range, limit, after, nowMs: 1_000 },
        { reply: (reply) => pages.push(reply as PageReply), refuse() {}, fail() {} },
      );
    for (let i = 0; i < 20_000; i++) stage.put(`k${i}`, 1);
    stage.store.commit();
    ask(2_200);
    expect(pages).toEqual([]);
    stage.host.advance(0);
    ask(1_000);
    ask(1_000, pages[1]?.items.at(-1));
    ask(200, pages[2]?.items.at(-1));
    const [large, ...small] = pages as [PageReply, ...PageReply[]];
    expect(large.items).toHaveLength(2_200);
    expect(large).toEqual({ kind: 'page', items: small.flatMap(({ items }) => items), more: true });
    ask(60_000);
    stage.host.advance(0);
    expect(pages.at(-1)?.more).toBe(false);
  });
});
