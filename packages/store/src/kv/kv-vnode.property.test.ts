/** What must hold of a vnode whatever happens to it, in whichever order. */
import { SPACE_ENTRY } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeEntry, merging, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { PLACE, recountOf, talliesOf, VnodeStage, walk } from '../../test/kv/vnode-stage.ts';
import { merge } from '../entry/merge.ts';
import { placeKey } from './coordinator.ts';
import { encodeItem } from './items.ts';

describe('whatever happens', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const move = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ move: fc.constant('put'), key, time: fc.integer({ min: 1, max: 30 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ move: fc.constant('delete'), key, time: fc.integer({ min: 1, max: 30 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ move: fc.constant('handoff'), key, time: fc.integer({ min: 1, max: 30 }) }),
    },
    { weight: 3, arbitrary: fc.record({ move: fc.constant('commit'), key, time: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ move: fc.constant('fail'), key, time: fc.nat(5) }) },
  );

  it('what was acknowledged is there, and the tallies are right, in the next life too', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 50 }), (moves) => {
        const stage = new VnodeStage();
        const acknowledged = new Map<string, Uint8Array>();
        const acknowledge = (key: string, entry: Uint8Array): void => {
          acknowledged.set(key, merge(key, acknowledged.get(key), entry));
        };
        for (const { move, key, time } of moves) {
          const entry = move === 'delete' ? tombstoneAt(key, time) : valueAt(key, time, `${key}${time}`);
          if (move === 'commit')
            stage.store.commit(Math.min(stage.store.submittedSeq, stage.store.committedSeq + time));
          else if (move === 'fail') {
            stage.store.fail(stage.store.committedSeq + 1 + time);
            stage.store.full = false;
          } else if (move === 'handoff') {
            stage.vnode.handleHandoffItem(
              encodeItem(placeKey(key), entry),
              (stored) => stored && acknowledge(key, entry),
            );
          } else {
            stage.vnode.handleCommand(merging(key, entry), {
              reply: () => acknowledge(key, entry),
              refuse() {},
              fail() {},
            });
          }
        }
        stage.store.commit();
        for (const [key, entry] of acknowledged) {
          const held = stage.store.get(SPACE_ENTRY, PLACE, placeKey(key)) as Uint8Array;
          expect(describeEntry(held && merge(key, held.slice(), entry))).toBe(describeEntry(held));
        }
        expect(talliesOf(stage)).toEqual(recountOf(stage));
        expect(talliesOf(new VnodeStage({ store: stage.store.reopen() }))).toEqual(recountOf(stage));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a walk over all items', () => {
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);

  it('misses nothing that is written meanwhile and passed on', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(19)),
        fc.integer({ min: 1, max: 200 }),
        fc.infiniteStream(fc.boolean()),
        (writes, budget, commits) => {
          const stage = new VnodeStage();
          for (const key of keys) stage.put(key, 1);
          stage.store.commit(10);
          stage.passedOn.length = 0;
          let time = 2;
          const between = (): void => {
            const next = writes.shift();
            if (next !== undefined) stage.put(keys[next] as string, time++);
            if (commits.next().value === true) stage.store.commit();
          };
          const received = new Map<string, string>();
          for (const item of [...walk(stage, budget, between), ...stage.passedOn]) {
            const [key = '', held = ''] = item.split(' ');
            if (parseInt(held) >= parseInt(received.get(key) ?? '0')) received.set(key, held);
          }
          stage.store.commit();
          expect([...received].map((pair) => pair.join(' ')).toSorted()).toEqual(stage.content);
        },
      ),
      { numRuns: 100 },
    );
  });
});
