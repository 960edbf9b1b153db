/**
 * One acceptor of a strict key. Ballots are drawn as numbers, moments in ms; what is held is said as `7:text`, and `7+`
 * is the successor of 7.
 */
import { compareStamps, latin1Encode, putStampMs, stampMs, STAMP_BYTES, ZERO_STAMP } from '@rkv/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ballotOf, isNothing, isSettled, mayAccept, promise, promisedOf, successorOf } from './ballot.ts';
import { problemOf } from './check.ts';
import { encodeEntry, encodeSwept, encodeTombstone, fieldsOf } from './codec.ts';
import { PROMISED_BYTES, STRING } from './layout.ts';
import { merge } from './merge.ts';

const KEY = 'k';
const MS_MAX = 2 ** 48 - 1;
const stamp = (ms: number, counter = 0, random = 0xaa): Uint8Array => {
  const out = new Uint8Array(STAMP_BYTES).fill(random, 8);
  putStampMs(out, 0, ms);
  out[6] = counter >>> 8;
  out[7] = counter & 0xff;
  return out;
};
/** A value as it is accepted, and what is promised with it: nothing, or a ballot. */
const value = (ms: number, promised?: Uint8Array): Uint8Array =>
  encodeEntry(KEY, {
    type: STRING,
    version: stamp(ms),
    promised: promised && promisedOf(promised),
    payload: latin1Encode(`v${ms}`),
  });
/** Accepted in the usual way: whoever proposed it was promised what follows it. */
const accepted = (ms: number): Uint8Array => value(ms, successorOf(stamp(ms)));
const promiseOnly = (ms: number): Uint8Array => promise(KEY, undefined, stamp(ms)) as Uint8Array;

describe('the successor of a ballot', () => {
  it.each<[string, Uint8Array, Uint8Array]>([
    ['is one counter step on', stamp(7, 3), stamp(7, 4)],
    ['carries within the counter', stamp(7, 0x00ff), stamp(7, 0x0100)],
    ['carries into the milliseconds', stamp(7, 0xffff), stamp(8, 0)],
    ['carries through all of them', stamp(0xffff_ffff, 0xffff), stamp(0x1_0000_0000, 0)],
  ])('%s', (_, ballot, next) => {
    expect(successorOf(ballot)).toEqual(next);
    expect(successorOf(Uint8Array.of(1, 2, 3, ...ballot, 4), 3)).toEqual(next);
  });

  it('is a copy, and above it; with the same random bits nothing lies between', () => {
    const ballots = fc.tuple(fc.integer({ min: 0, max: MS_MAX - 1 }), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(ballots, ([ms, counter]) => {
        const ballot = stamp(ms, counter);
        const before = ballot.slice();
        const next = successorOf(ballot);
        expect(ballot).toEqual(before);
        expect(compareStamps(next, 0, ballot, 0)).toBeGreaterThan(0);
        expect(next.slice(8)).toEqual(ballot.slice(8));
        expect(numberOf(next) - numberOf(ballot)).toBe(1n);
      }),
    );
  });

  it('is promised as it is, with eight zero bytes behind it', () => {
    const promised = promisedOf(stamp(7, 1));
    expect([promised.slice(0, STAMP_BYTES), promised.length]).toEqual([stamp(7, 1), PROMISED_BYTES]);
    expect(promised.slice(STAMP_BYTES)).toEqual(new Uint8Array(PROMISED_BYTES - STAMP_BYTES));
  });
});

describe('what an acceptor holds', () => {
  it.each<[string, Uint8Array | undefined, Uint8Array, boolean]>([
    ['nothing', undefined, ZERO_STAMP, true],
    ['a value without any promise', value(7), stamp(7), true],
    ['a tombstone', encodeTombstone(KEY, stamp(7)), stamp(7), true],
    ['a promise, and never a value', promiseOnly(7), stamp(7), false],
    ['a value, and the promise that came with it', accepted(7), stamp(7, 1), true],
    ['a value, and a promise to somebody else', value(7, stamp(9)), stamp(9), false],
    ['a value, and a promise two steps above it', value(7, stamp(7, 2)), stamp(7, 2), false],
    [
      'a value, and the promise of another of that step',
      value(7, stamp(7, 1, 0xbb)),
      stamp(7, 1, 0xbb),
      false,
    ],
    ['a value, and the promise under which it came', value(7, stamp(7)), stamp(7), true],
    ['a value that was merged above the promise', value(7, stamp(5)), stamp(7), true],
  ])('%s: its ballot, and whether it is settled', (_, held, ballot, settled) => {
    expect(ballotOf(held)).toEqual(ballot);
    expect(isSettled(held)).toBe(settled);
  });

  it('is nothing when it only promised', () => {
    expect([promiseOnly(7), accepted(7), encodeTombstone(KEY, stamp(7))].map(isNothing)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('shows its ballot as a copy', () => {
    const held = accepted(7);
    ballotOf(held).fill(0);
    expect(held).toEqual(accepted(7));
  });
});

describe('a promise', () => {
  it.each<[string, Uint8Array | undefined, number]>([
    ['to whoever comes first', undefined, 7],
    ['above another one', promiseOnly(7), 8],
    ['above a value', value(7), 8],
    ['above a value and what was promised with it', accepted(7), 8],
    ['above a value that was merged above the promise', value(7, stamp(5)), 8],
  ])('is given %s, and leaves the rest as it is', (_, held, ballot) => {
    const after = promise(KEY, held, stamp(ballot)) as Uint8Array;
    expect(problemOf(KEY, after)).toBeUndefined();
    expect(ballotOf(after)).toEqual(stamp(ballot));
    if (held === undefined) expect(isNothing(after)).toBe(true);
    else
      expect({ ...fieldsOf(after), promised: undefined }).toEqual({ ...fieldsOf(held), promised: undefined });
  });

  it.each<[string, Uint8Array, Uint8Array]>([
    ['the same ballot a second time', promiseOnly(7), stamp(7)],
    ['a lower one', promiseOnly(7), stamp(6)],
    ['the version of what is held', value(7), stamp(7)],
    ['what lies between a value and its promise', value(7, stamp(9)), stamp(8)],
    ['what lies between a promise and a value merged above it', value(7, stamp(5)), stamp(6)],
    ['the successor, which its proposer has already', accepted(7), successorOf(stamp(7))],
  ])('is not given of %s', (_, held, ballot) => {
    expect(promise(KEY, held, ballot)).toBeUndefined();
  });
});

describe('to accept', () => {
  const swept = encodeSwept(KEY, accepted(7));

  it.each<[string, Uint8Array | undefined, number, boolean]>([
    ['nothing is held', undefined, 7, true],
    ['just this was promised', promiseOnly(7), 7, true],
    ['a lower one was promised', promiseOnly(6), 7, true],
    ['a higher one was promised', promiseOnly(8), 7, false],
    ['a lower one is held, unpromised', value(6), 7, true],
    ['a lower one is held, and its successor promised', accepted(6), 7, true],
    ['a lower one is held, and a higher one promised', value(6, stamp(8)), 7, false],
    ['a higher one is held', value(8), 7, false],
    ['a higher one was merged, and just this promised', value(8, stamp(7)), 7, false],
    ['it is held already', accepted(7), 7, true],
    ['it is held already, and a higher one promised', value(7, stamp(9)), 7, true],
    ['it was swept', swept, 7, true],
  ])('%s', (_, held, ballot, may) => {
    expect(mayAccept(held, accepted(ballot))).toBe(may);
  });
});

/** The same acceptor as two numbers; of 7 and its successor, 14 and 15. */
class Twin {
  /** The highest promised. */
  promised = 0;
  /** The highest held. */
  held = 0;

  get ballot(): number {
    return Math.max(this.promised, this.held);
  }
  promise(ballot: number): boolean {
    const granted = 2 * ballot > this.ballot;
    if (granted) this.promised = 2 * ballot;
    return granted;
  }
  accept(ballot: number): boolean {
    const may = 2 * ballot === this.held || (2 * ballot > this.held && 2 * ballot >= this.promised);
    if (may) this.merge(ballot, true);
    return may;
  }
  merge(ballot: number, promises: boolean): void {
    this.held = Math.max(this.held, 2 * ballot);
    if (promises) this.promised = Math.max(this.promised, 2 * ballot + 1);
  }
}

/** 7 and its successor, as the twin has them. */
const drawn = (ballot: Uint8Array): number => 2 * stampMs(ballot, 0) + (ballot[7] as number);

describe('one acceptor, whatever comes', () => {
  const events = fc.array(
    fc.record({
      kind: fc.constantFrom('promise', 'accept', 'merge', 'merge with its promise'),
      ballot: fc.integer({ min: 1, max: 12 }),
    }),
    { maxLength: 30 },
  );

  it('accepts nothing below what it promised, and its ballot never falls', () => {
    fc.assert(
      fc.property(events, (sequence) => {
        const twin = new Twin();
        let held: Uint8Array | undefined;
        for (const { kind, ballot } of sequence) {
          const before = ballotOf(held);
          if (kind === 'promise') {
            const after = promise(KEY, held, stamp(ballot));
            expect(after !== undefined).toBe(twin.promise(ballot));
            held = after ?? held;
          } else if (kind === 'accept') {
            const may = mayAccept(held, accepted(ballot));
            const isAgain =
              held !== undefined && compareStamps(stamp(ballot), 0, fieldsOf(held).version, 0) === 0;
            if (may && !isAgain) expect(compareStamps(stamp(ballot), 0, before, 0)).toBeGreaterThanOrEqual(0);
            expect(may).toBe(twin.accept(ballot));
            if (may) held = merge(KEY, held, accepted(ballot));
          } else {
            const promises = kind !== 'merge';
            held = merge(KEY, held, promises ? accepted(ballot) : value(ballot));
            twin.merge(ballot, promises);
          }
          expect(compareStamps(ballotOf(held), 0, before, 0)).toBeGreaterThanOrEqual(0);
          expect(drawn(ballotOf(held))).toBe(twin.ballot);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('what it accepts is what it holds then', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (before, ballot) => {
        for (const held of [promiseOnly(before), value(before), accepted(before)])
          if (mayAccept(held, accepted(ballot)))
            expect(isSettled(merge(KEY, held, accepted(ballot)))).toBe(true);
      }),
    );
  });
});

/** Milliseconds and counter. */
function numberOf(ballot: Uint8Array): bigint {
  return new DataView(ballot.buffer, ballot.byteOffset).getBigUint64(0);
}
