/**
 * One transfer of a vnode's items to another node, as a machine.
 *
 * The walk goes through the items of some ranges in hash order, a page at a time, with a few frames under way. What
 * changes meanwhile is applied by the vnode and *passed on* here, so that an item present throughout is sent at
 * least once and a changed one again; items are merged at the receiver, so that twice and out of order does no harm.
 *
 * ownership: once all that was sent up to the end of the walk is acknowledged, a last, empty frame asks the receiver
 * to declare itself whole; with its acknowledgement, and those of all before it, the transfer is complete. It does not
 * wait for a moment in which nothing is passed on, or a busy partition would never move; and it goes on passing items
 * on until the ring has switched.
 * hinted: what the receiver holds durably is forgotten here, item by item, unless it changed since it was sent.
 *
 * Items are kept until they are acknowledged, so what may be under way is limited, of the walk and of what is passed on:
 * a receiver that takes frames and stores nothing must not fill its sender.
 *
 * Not here: resuming. A transfer that failed begins anew.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { HashRange } from '../contracts/store.ts';
import type { ItemCursor, ItemPage } from '../contracts/vnode.ts';
import type { TransferKind } from './duties.ts';

export type TransferEvent =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'page'; readonly page: ItemPage }
  | { readonly kind: 'acked'; readonly seq: number; readonly stored: boolean }
  | { readonly kind: 'passOn'; readonly item: Uint8Array }
  | { readonly kind: 'lost'; readonly reason: string };

export type TransferEffect =
  | { readonly kind: 'offer' }
  /** Walk on from here and step back with `page`. */
  | { readonly kind: 'walk'; readonly cursor: ItemCursor | undefined; readonly within: HashRange }
  | {
      readonly kind: 'items';
      readonly seq: number;
      readonly items: readonly Uint8Array[];
      readonly last: boolean;
    }
  /** The receiver holds these durably. */
  | { readonly kind: 'forget'; readonly items: readonly Uint8Array[] }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Frames of the walk sent and not acknowledged; enough to keep a link busy, few enough to stop soon. What is passed on
 * does not count: a partition that is written to faster than its receiver answers would never be walked through.
 */
const FRAMES_UNDER_WAY_MAX = 4;
/** Bytes of those, at which no other is begun: large values are few at a time, and never none. */
const WALKED_BYTES_MAX = 2 * 1024 * 1024;
/**
 * Bytes passed on and not acknowledged, at which a transfer is given up. A receiver that stores well has a few
 * commits' worth open: at 100 MB a second and 20 ms a commit that is 2 MB.
 */
export const PASSED_ON_BYTES_MAX = 32 * 1024 * 1024;
/** What an item costs beside its bytes, roughly: small ones must not come for free. */
const ITEM_OVERHEAD_BYTES = 128;
/** A page is cut into frames of about this many bytes: with what was in flight it may be larger than a frame can be. */
const FRAME_BYTES = 1024 * 1024;
/** Without any answer for this long a transfer is given up, ms. */
const STALLED_MS = 15_000;
/** An offer costs nothing to answer; the answer is lost when the receiver has no connection to this node yet, ms. */
const UNANSWERED_MS = 2_000;

interface SentFrame {
  readonly items: readonly Uint8Array[];
  /** From the walk, not passed on. */
  readonly walked: boolean;
}

type State = 'offered' | 'walking' | 'finishing' | 'complete' | 'failed';

export interface OutboundInit {
  readonly kind: TransferKind;
  /** What is handed over, in hash order; not empty. */
  readonly ranges: readonly HashRange[];
  readonly now: number;
}

export class OutboundTransfer {
  readonly kind: TransferKind;
  #state: State = 'offered';
  #seq = 0;
  #walkEnded = false;
  /** Frames sent up to the end of the walk have lower numbers. */
  #walkEndSeq: number | undefined;
  #lastSeq = -1;
  #walkOpen = false;
  /** Where the walk stands: in which of the ranges, and where in that. */
  readonly #ranges: readonly HashRange[];
  #rangeAt = 0;
  #cursor: ItemCursor | undefined;
  #lastProgress: number;
  readonly #unacked = new Map<number, SentFrame>();
  /** Of those, how many are of the walk, how large they are, and how large the others. */
  #walkedUnderWay = 0;
  #walkedBytes = 0;
  #passedOnBytes = 0;
  /** Of the last page, what is not sent yet. */
  #toSend: Uint8Array[][] = [];
  /** Items and bytes the receiver holds durably. */
  itemsAcked = 0;
  bytesAcked = 0;

  constructor({ kind, ranges, now }: OutboundInit) {
    this.kind = kind;
    this.#ranges = ranges;
    this.#lastProgress = now;
  }

  get state(): State {
    return this.#state;
  }

  /** Everything handed to this transfer so far is held by the receiver. */
  get quiet(): boolean {
    return this.#state === 'complete' && this.#unacked.size === 0;
  }

  /** Bytes passed on and not acknowledged. */
  get passedOnBytes(): number {
    return this.#passedOnBytes;
  }

  begin(): TransferEffect[] {
    return [{ kind: 'offer' }];
  }

  tick(now: number): TransferEffect[] {
    if (this.#state === 'offered' && now - this.#lastProgress >= UNANSWERED_MS) {
      return this.#fail(`no answer to the offer for ${UNANSWERED_MS / 1000} s`);
    }
    const waiting = this.#state !== 'failed' && (this.#state !== 'complete' || this.#unacked.size > 0);
    if (!waiting || now - this.#lastProgress < STALLED_MS) return [];
    return this.#fail(`no answer for ${STALLED_MS / 1000} s`);
  }

  step(event: TransferEvent, now: number): TransferEffect[] {
    if (this.#state === 'failed') return [];
    switch (event.kind) {
      case 'accepted':
        return this.#handleAccepted(now);
      case 'refused':
        return this.#fail(event.reason);
      case 'page':
        return this.#handlePage(event.page);
      case 'acked':
        return this.#handleAck(event.seq, event.stored, now);
      case 'passOn':
        return this.#handlePassOn(event.item, now);
      case 'lost':
        return this.#fail(event.reason);
      default:
        return unreachable(event);
    }
  }

  #handleAccepted(now: number): TransferEffect[] {
    if (this.#state !== 'offered') return [];
    this.#state = 'walking';
    this.#lastProgress = now;
    return this.#advance();
  }

  #handlePage(page: ItemPage): TransferEffect[] {
    assert(this.#walkOpen, 'a page was asked for');
    this.#walkOpen = false;
    this.#cursor = page.next;
    if (page.next === undefined) this.#rangeAt++;
    this.#walkEnded = this.#rangeAt === this.#ranges.length;
    this.#toSend = framesOf(page.items);
    return this.#advance();
  }

  #handlePassOn(item: Uint8Array, now: number): TransferEffect[] {
    // Before the offer is accepted the walk has not begun, and will come by this item.
    if (this.#state === 'offered') return [];
    if (this.#passedOnBytes + item.length > PASSED_ON_BYTES_MAX)
      return this.#fail(
        `the receiver does not keep up: ${this.#passedOnBytes} bytes passed on are not acknowledged`,
      );
    if (this.#unacked.size === 0) this.#lastProgress = now;
    return [this.#frame([item])];
  }

  #handleAck(seq: number, stored: boolean, now: number): TransferEffect[] {
    const frame = this.#unacked.get(seq);
    if (frame === undefined) return [];
    const { items, walked } = frame;
    if (!stored) return this.#fail('the receiver could not store an item');
    this.#unacked.delete(seq);
    if (!walked) this.#passedOnBytes -= sizeOf(items);
    else {
      this.#walkedUnderWay--;
      this.#walkedBytes -= sizeOf(items);
    }
    this.#lastProgress = now;
    this.itemsAcked += items.length;
    for (const item of items) this.bytesAcked += item.length;
    const effects: TransferEffect[] =
      this.kind === 'hinted' && items.length > 0 ? [{ kind: 'forget', items }] : [];
    if (this.#state === 'finishing' && this.#oldestUnacked > this.#lastSeq) {
      this.#state = 'complete';
      effects.push({ kind: 'complete' });
    }
    return [...effects, ...this.#advance()];
  }

  #advance(): TransferEffect[] {
    if (this.#state !== 'walking') return [];
    const effects: TransferEffect[] = [];
    while (this.#toSend.length > 0 && this.#hasRoom)
      effects.push(this.#walkedFrame(this.#toSend.shift() as Uint8Array[]));
    if (this.#toSend.length > 0) return effects;
    return [...effects, ...(this.#walkEnded ? this.#finish() : this.#walkOn())];
  }

  get #hasRoom(): boolean {
    return this.#walkedUnderWay < FRAMES_UNDER_WAY_MAX && this.#walkedBytes < WALKED_BYTES_MAX;
  }

  #walkOn(): TransferEffect[] {
    if (this.#walkOpen || !this.#hasRoom) return [];
    this.#walkOpen = true;
    return [{ kind: 'walk', cursor: this.#cursor, within: this.#ranges[this.#rangeAt] as HashRange }];
  }

  #finish(): TransferEffect[] {
    this.#walkEndSeq ??= this.#seq;
    if (this.#oldestUnacked < this.#walkEndSeq) return [];
    this.#state = 'finishing';
    this.#lastSeq = this.#seq;
    return [this.#frame([])];
  }

  /** Frames are kept in the order sent. */
  get #oldestUnacked(): number {
    const [oldest = this.#seq] = this.#unacked.keys();
    return oldest;
  }

  #walkedFrame(items: readonly Uint8Array[]): TransferEffect {
    this.#walkedUnderWay++;
    this.#walkedBytes += sizeOf(items);
    return this.#frame(items, true);
  }

  #frame(items: readonly Uint8Array[], walked = false): TransferEffect {
    const seq = this.#seq++;
    this.#unacked.set(seq, { items, walked });
    if (!walked) this.#passedOnBytes += sizeOf(items);
    return { kind: 'items', seq, items, last: seq === this.#lastSeq };
  }

  #fail(reason: string): TransferEffect[] {
    this.#state = 'failed';
    this.#unacked.clear();
    this.#passedOnBytes = 0;
    return [{ kind: 'failed', reason }];
  }
}

function sizeOf(items: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const item of items) bytes += item.length + ITEM_OVERHEAD_BYTES;
  return bytes;
}

function framesOf(items: readonly Uint8Array[]): Uint8Array[][] {
  const frames: Uint8Array[][] = [];
  let room = 0;
  for (const item of items) {
    if (frames.length === 0 || item.length > room) {
      frames.push([]);
      room = FRAME_BYTES;
    }
    frames.at(-1)?.push(item);
    room -= item.length;
  }
  return frames;
}
