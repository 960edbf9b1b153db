/**
 * Whatever the order of pages, acknowledgements and changes: what was there throughout is sent, what is forgotten was
 * acknowledged, and what is complete has arrived. The other side is a map that merges.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Decode, latin1Encode } from '../base/bytes.ts';
import { ALL_HASHES } from '../ring/ranges.ts';
import type { TransferKind } from './duties.ts';
import { OutboundTransfer, type TransferEffect, type TransferEvent } from './outbound-transfer.ts';

type Move =
  { move: 'walk' } | { move: 'seal' } | { move: 'ack'; pick: number } | { move: 'write'; key: number };

const KEYS = 12;
const keyOf = (number: number): string => String.fromCharCode(97 + number);

class Play {
  readonly machine: OutboundTransfer;
  readonly source = new Map<string, number>();
  readonly acknowledged = new Map<string, number>();
  readonly forgotten: string[] = [];
  readonly frames = new Map<number, readonly string[]>();
  complete = 0;
  /** The frame that asks the receiver whether it is whole. */
  lastSeq: number | undefined;
  #sealing = false;
  #sealed = false;
  /** Fenced changes made before the seal was durable: all of them must have arrived when the transfer is complete. */
  readonly #fenced = new Map<string, number>();
  #page: { cursor: string | undefined } | undefined;

  constructor(kind: TransferKind, keys: readonly number[]) {
    this.machine = new OutboundTransfer({ kind, ranges: [ALL_HASHES], now: 0 });
    for (const key of keys) this.source.set(keyOf(key), 0);
    this.machine.begin();
    this.step({ kind: 'accepted', compare: false });
  }

  step(event: TransferEvent): void {
    for (const effect of this.machine.step(event, 0)) this.#perform(effect);
  }

  make(move: Move): void {
    if (move.move === 'walk' && this.#page !== undefined) this.#walk(this.#page.cursor);
    else if (move.move === 'ack' && this.frames.size > 0)
      this.#ack([...this.frames.keys()][move.pick % this.frames.size] as number);
    else if (move.move === 'seal' && this.#sealing) {
      this.#sealing = false;
      this.#sealed = true;
      this.step({ kind: 'sealed' });
    } else if (move.move === 'write') this.#write(keyOf(move.key));
  }

  /** Let everything come to its end. */
  finish(): void {
    for (let left = 200; left > 0; left--) {
      this.make({ move: 'walk' });
      this.make({ move: 'ack', pick: 0 });
      this.make({ move: 'seal' });
    }
  }

  #walk(cursor: string | undefined): void {
    this.#page = undefined;
    const keys = [...this.source.keys()].filter((key) => cursor === undefined || key > cursor).toSorted();
    const page = keys.slice(0, 2);
    const items = page.map((key) => latin1Encode(`${key}${this.source.get(key)}`));
    const next = keys.length > 2 ? latin1Encode(page.at(-1) as string) : undefined;
    this.step({ kind: 'page', page: { items, next } });
  }

  #ack(seq: number): void {
    for (const item of this.frames.get(seq) ?? []) {
      const [key = '', version] = [item[0], Number(item.slice(1))];
      this.acknowledged.set(key, Math.max(this.acknowledged.get(key) ?? -1, version));
    }
    this.frames.delete(seq);
    this.step({ kind: 'acked', seq, stored: true });
  }

  #write(key: string): void {
    const version = (this.source.get(key) ?? -1) + 1;
    this.source.set(key, version);
    if (!this.#sealed) this.#fenced.set(key, version);
    if (this.machine.kind === 'ownership')
      this.step({ kind: 'passOn', item: latin1Encode(`${key}${version}`) });
  }

  #perform(effect: TransferEffect): void {
    switch (effect.kind) {
      case 'walk':
        expect(this.#page, 'one page at a time').toBeUndefined();
        this.#page = { cursor: effect.cursor === undefined ? undefined : latin1Decode(effect.cursor) };
        return;
      case 'items':
        this.frames.set(
          effect.seq,
          effect.items.map((item) => latin1Decode(item)),
        );
        if (effect.last) this.lastSeq = effect.seq;
        return;
      case 'forget':
        for (const item of effect.items) {
          const text = latin1Decode(item);
          expect(this.acknowledged.get(text[0] as string), `${text} is forgotten`).toBeGreaterThanOrEqual(
            Number(text.slice(1)),
          );
          this.forgotten.push(text[0] as string);
        }
        return;
      case 'seal':
        this.#sealing = true;
        return;
      case 'complete':
        this.complete++;
        // All before the last frame has arrived; what was passed on since may be under way.
        for (const seq of this.frames.keys()) expect(seq).toBeGreaterThan(this.lastSeq as number);
        if (this.#sealed)
          for (const [key, version] of this.#fenced)
            expect(this.acknowledged.get(key), `${key} as it was sealed`).toBeGreaterThanOrEqual(version);
        return;
      default:
        throw new Error(`${effect.kind} was not expected`);
    }
  }
}

const moves = fc.array(
  fc.oneof(
    fc.constant<Move>({ move: 'walk' }),
    fc.constant<Move>({ move: 'seal' }),
    fc.nat(20).map((pick): Move => ({ move: 'ack', pick })),
    fc.nat(KEYS - 1).map((key): Move => ({ move: 'write', key })),
  ),
  { maxLength: 60 },
);
const keys = fc.uniqueArray(fc.nat(KEYS - 1));

describe('a transfer', () => {
  it('of ownership: in the end the receiver holds what the source holds, and once it is complete', () => {
    fc.assert(
      fc.property(keys, moves, (present, made) => {
        const play = new Play('ownership', present);
        for (const move of made) play.make(move);
        play.finish();
        expect(play.complete).toBe(1);
        expect(play.machine.quiet).toBe(true);
        expect(new Map([...play.acknowledged].toSorted())).toEqual(new Map([...play.source].toSorted()));
      }),
    );
  });

  it('of ownership: completes though writes never cease', () => {
    fc.assert(
      fc.property(keys, fc.nat(5), (present, behind) => {
        const play = new Play('ownership', present);
        for (let i = 0; i < 200 && play.complete === 0; i++) {
          play.make({ move: 'write', key: i % KEYS });
          play.make({ move: 'walk' });
          play.make({ move: 'seal' });
          // The receiver is always some frames behind.
          if (play.frames.size > behind + 1) play.make({ move: 'ack', pick: 0 });
        }
        expect(play.complete).toBe(1);
      }),
    );
  });

  it('of hints: what was there throughout is sent and forgotten, nothing before it is acknowledged', () => {
    fc.assert(
      fc.property(keys, moves, (present, made) => {
        const play = new Play('hinted', present);
        for (const move of made) play.make(move);
        play.finish();
        expect(play.complete).toBe(1);
        for (const key of present) expect(play.forgotten).toContain(keyOf(key));
      }),
    );
  });

  it('cuts what would not fit a frame', () => {
    const machine = new OutboundTransfer({ kind: 'ownership', ranges: [ALL_HASHES], now: 0 });
    machine.begin();
    machine.step({ kind: 'accepted', compare: false }, 0);
    const items = Array.from({ length: 40 }, () => new Uint8Array(300_000));
    const sent: TransferEffect[] = [...machine.step({ kind: 'page', page: { items, next: undefined } }, 0)];
    for (let seq = 0; machine.state === 'walking'; seq++)
      sent.push(...machine.step({ kind: 'acked', seq, stored: true }, 0));
    const frames = sent.flatMap((effect) => (effect.kind === 'items' ? [effect.items.length] : []));
    expect(Math.max(...frames)).toBe(3);
    expect(frames.reduce((sum, count) => sum + count)).toBe(40);
  });
});
