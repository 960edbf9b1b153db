/** Whatever happens to a vnode, its trees are the sums of what it holds at that moment. */
import {
  covers,
  HashTree,
  rangeOf,
  SPACE_ENTRY,
  type CopiesPerKey,
  type HashRange,
  type PartitionId,
  type WithCopies,
} from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merging, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { BITS, PLACE, VnodeStage } from '../../test/kv/vnode-stage.ts';
import { placeKey } from './coordinator.ts';
import { encodeItem } from './items.ts';
import { digestState } from './range-tally.ts';

const ranges = [...Array(8).keys()].map((range) => rangeOf(range as PartitionId, BITS));
const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);
const RUNS = Number(process.env['RUNS'] ?? 100);
const nothing = { reply() {}, refuse() {}, fail() {} };

/** Of each third key there is one copy, of the next there are three, of the next five. */
const perKey: CopiesPerKey = {
  name: 'by thirds',
  numbers: [1, 3, 5],
  copiesOf: (name) => 1 + 2 * (Number(name.slice(1)) % 3),
};
/** All keys, those of which there are at least two copies, those of which there are at least four. */
const ONLY: readonly (WithCopies | undefined)[] = [undefined, { atLeast: 2, perKey }, { atLeast: 4, perKey }];

function sumsOf(
  stage: VnodeStage,
  within: HashRange,
  parts: number,
  only?: WithCopies,
): number[] | undefined {
  const sums = stage.vnode.trees.sums(within, parts, only);
  return sums && [...sums];
}

/** Asked again and again until it is known. */
function countedSumsOf(stage: VnodeStage, within: HashRange, parts: number, only?: WithCopies): number[] {
  for (let i = 0; i < 1_000; i++) {
    const sums = sumsOf(stage, within, parts, only);
    if (sums !== undefined) return sums;
    stage.host.advance(1);
  }
  throw new Error('the count does not end');
}

/** What the states that the vnode names amount to. */
function statesSummed(
  stage: VnodeStage,
  within: HashRange,
  limit: number,
  only?: WithCopies,
): { sums: number[]; count: number } {
  const tree = new HashTree(PLACE);
  let count = 0;
  let after: readonly [number, number] | undefined;
  for (let more = true; more;) {
    const page = stage.vnode.trees.states(within, after, limit, only);
    const { states } = page;
    for (let i = 0; i < states.length; i += 4) {
      const [hi, lo, stateHi, stateLo] = [...states.subarray(i, i + 4)] as [number, number, number, number];
      if (after !== undefined) expect(hi > after[0] || (hi === after[0] && lo >= after[1])).toBe(true);
      after = [hi, lo];
      tree.add(hi, stateHi, stateLo);
      count++;
    }
    more = page.upTo !== undefined;
    after = page.upTo;
  }
  return { sums: [...tree.sums(within, tree.groups)], count };
}

/** And what lies in the store. */
function storeSummed(stage: VnodeStage, within: HashRange, only?: WithCopies): number[] {
  const tree = new HashTree(PLACE);
  const state = new Uint32Array(2);
  stage.store.walk(SPACE_ENTRY, PLACE, undefined, 10_000, (hashHi, hashLo, name, entry) => {
    if (!covers([within], hashHi) || (only && only.perKey.copiesOf(name) < only.atLeast)) return true;
    digestState(hashHi, hashLo, entry, state);
    tree.add(hashHi, state[0] as number, state[1] as number);
    return true;
  });
  return [...tree.sums(within, tree.groups)];
}

const key = fc.constantFrom(...KEYS);
const time = fc.integer({ min: 1, max: 30 });
const kind = (name: string): fc.Arbitrary<string> => fc.constant(name);
const move = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: kind('put'), key, time }) },
  { weight: 2, arbitrary: fc.record({ move: kind('delete'), key, time }) },
  { weight: 2, arbitrary: fc.record({ move: kind('take in'), key, time }) },
  { weight: 2, arbitrary: fc.record({ move: kind('hand off'), key, time }) },
  { weight: 3, arbitrary: fc.record({ move: kind('commit'), key, time: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ move: kind('fail'), key, time: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ move: kind('crash'), key, time: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ move: kind('clear'), key, time: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ move: kind('checkpoint'), key, time: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ move: kind('restart'), key, time: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ move: kind('count'), key, time: fc.nat(3) }) },
);
type Move = typeof move extends fc.Arbitrary<infer M> ? M : never;

/** Two different writes of one time are none of ours. */
function complaints(stage: VnodeStage): string[] {
  return stage.logged.filter((message) => !message.includes('bear one stamp'));
}

/** Carry it out; what goes on after it. */
function play(stage: VnodeStage, { move, key, time }: Move): VnodeStage {
  const { store, vnode } = stage;
  switch (move) {
    case 'put':
      vnode.handleCommand(merging(key, valueAt(key, time, `${time}`)), nothing);
      return stage;
    case 'delete':
      vnode.handleCommand(merging(key, tombstoneAt(key, time)), nothing);
      return stage;
    case 'take in':
      vnode.handleHandoffItem(encodeItem(placeKey(key), valueAt(key, time, `${time}`)), () => {});
      return stage;
    case 'hand off':
      vnode.handleItemHandedOff(encodeItem(placeKey(key), valueAt(key, time, `${time}`)));
      return stage;
    case 'commit':
      store.commit(Math.min(store.submittedSeq, store.committedSeq + time));
      return stage;
    case 'fail':
      store.fail(store.committedSeq + 1 + time);
      store.full = false;
      return stage;
    case 'crash':
      store.commit(Math.min(store.submittedSeq, store.committedSeq + time));
      return new VnodeStage({ store: store.reopen() });
    case 'restart':
      vnode.close(true);
      store.commit();
      return new VnodeStage({ store: store.reopen() });
    case 'checkpoint':
      stage.host.advance(60_000);
      return stage;
    case 'clear':
      vnode.clearSome();
      return stage;
    default:
      for (const range of ranges) for (const only of ONLY) vnode.trees.sums(range, 1, only);
      stage.host.advance(time);
      return stage;
  }
}

describe('whatever happens', () => {
  it('sums are those of the states, and states those of the entries, on their way or stored', () => {
    fc.assert(
      fc.property(
        fc.array(move, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 5 }),
        (moves, limit) => {
          let stage = new VnodeStage();
          for (const each of moves) {
            stage = play(stage, each);
            // What the disk says is believed and right, or it is marked.
            expect(complaints(stage)).toEqual([]);
          }
          for (const range of ranges) {
            for (const only of ONLY) {
              const { sums } = statesSummed(stage, range, limit, only);
              expect(countedSumsOf(stage, range, 256, only)).toEqual(sums);
            }
          }
          stage.store.commit();
          for (const range of ranges) {
            for (const only of ONLY) {
              const stored = storeSummed(stage, range, only);
              expect(countedSumsOf(stage, range, 256, only)).toEqual(stored);
              expect(statesSummed(stage, range, limit, only).sums).toEqual(stored);
            }
          }
          expect(complaints(stage)).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
