/**
 * One transfer of a vnode's items to another node, as a machine.
 *
 * The walk goes through the items of some ranges in hash order, a page at a time, with a few frames under way. What
 * changes meanwhile is applied by the vnode and *passed on* here, so that an item present throughout is sent at
 * least once and a changed one again; items are merged at the receiver, so that twice and out of order does no harm.
 *
 * To resume is to begin again at a place that holds something: of each page the receiver is told only count and digest
 * (stretch.ts). If it holds the same there, that page is done; otherwise it names the digests of what it holds, and
 * what is not among them is sent. So nothing needs to be remembered between two lives of either side, no cursor that
 * could run ahead of its items, and what was written while no transfer ran is found like everything else. This is the
 * exchange that must find nothing left (rules 9), page by page and while changes are passed on: once the walk has
 * come by a page, both sides stay alike in it. An empty place is not asked.
 *
 * ownership: once all that was sent up to the end of the walk is acknowledged, a last, empty frame asks the receiver
 * to declare itself whole; with its acknowledgement, and those of all before it, the transfer is complete. It does not
 * wait for a moment in which nothing is passed on, or a busy partition would never move; and it goes on passing items
 * on until the ring has switched.
 * hinted: what the receiver holds durably is forgotten here, item by item, unless it changed since it was sent. What
 * is left is what was not acknowledged, so there is nothing to compare.
 * repair: a copy of a range goes to another copy of it. Nothing is passed on, for writes go to both anyway.
 *
 * Items are kept until they are acknowledged, so what may be under way is limited, of the walk and of what is passed on:
 * a receiver that takes frames and stores nothing must not fill its sender.
 *
 * Between the end of the walk and the last frame the vnode is *sealed*: it persists that from now on it does nothing that
 * would have to be counted in a majority (fenced commands). What it did before has been passed on by then, and is stored
 * when the last frame is acknowledged. Everything else goes on as before.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { HashRange } from '../contracts/store.ts';
import type { ItemCursor, ItemPage } from '../contracts/vnode.ts';
import type { TransferKind } from './duties.ts';
import { digestsOf, itemsNotAmong, sumOf, type StretchSum } from './stretch.ts';

/** What a transfer is told, in the form of data. */
export type TransferEvent =
  /** `compare`: the receiver holds something already. */
  | { readonly kind: 'accepted'; readonly compare: boolean }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'page'; readonly page: ItemPage }
  | { readonly kind: 'acked'; readonly seq: number; readonly stored: boolean }
  /** Of the page compared under this number the receiver holds the items with these digests, and perhaps others. */
  | { readonly kind: 'held'; readonly seq: number; readonly digests: Uint32Array }
  | { readonly kind: 'passOn'; readonly item: Uint8Array }
  /** The seal is durable. */
  | { readonly kind: 'sealed' }
  | { readonly kind: 'lost'; readonly reason: string };

/** What a transfer wants done, in the form of data. */
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
  /** Does the receiver hold just this in a stretch of the walk? */
  | { readonly kind: 'compare'; readonly seq: number; readonly stretch: Stretch }
  /** The receiver holds these durably. */
  | { readonly kind: 'forget'; readonly items: readonly Uint8Array[] }
  /** Seal the vnode, and step back with `sealed`. */
  | { readonly kind: 'seal' }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly reason: string };

/** A part of the walk: after one cursor up to another, or from the beginning, to the end of a range. */
export interface Stretch {
  readonly within: HashRange;
  readonly after: ItemCursor | undefined;
  readonly upTo: ItemCursor | undefined;
  readonly sum: StretchSum;
}

/** Frames of the walk sent and not acknowledged; bytes are what limits them, but where items are tiny. */
const FRAMES_UNDER_WAY_MAX = 64;
/**
 * Bytes of those, at which no other is begun: large values are few at a time, and never none. At 20 ms from a frame to
 * its acknowledgement, a disk's commit and flush included, four transfers move 100 MB a second. More fills no link better and
 * comes in at the receiver in bursts that its requests notice. What is passed on does not count: a partition that is
 * written to faster than its receiver answers would never be walked through.
 */
const WALKED_BYTES_MAX = 512 * 1024;
/**
 * Bytes passed on and not acknowledged, at which a transfer is given up. A receiver that stores well has a few
 * commits' worth open: at 100 MB a second and 20 ms a commit that is 2 MB.
 */
export const PASSED_ON_BYTES_MAX = 32 * 1024 * 1024;
/** What an item costs beside its bytes, roughly: small ones must not come for free. */
const ITEM_OVERHEAD_BYTES = 128;
/** A page is cut into frames of about this many bytes: with what was in flight it may be larger than a frame can be. */
const FRAME_BYTES = 1024 * 1024;
/**
 * Without any answer for this long a transfer is given up, ms; and so much later as what is under way takes over a slow
 * link. It is the time of one answer: a transfer as a whole may take as long as it takes.
 */
const STALLED_MS = 15_000;
const SLOW_LINK_BYTES_PER_MS = 256;
/** One that is complete, and waits for the ring to switch, asks its receiver so often whether it still stands, ms. */
const PROBE_MS = 5_000;
/** An offer costs nothing to answer; the answer is lost when the receiver has no connection to this node yet, ms. */
const UNANSWERED_MS = 2_000;

/** walked: sent by the walk. compared: of the walk, asked about. passedOn: changed meanwhile; the last frame is one too. */
type Origin = 'walked' | 'compared' | 'passedOn';

interface SentFrame {
  readonly items: readonly Uint8Array[];
  readonly origin: Origin;
}

/** How far a transfer has come; items and bytes of them. */
export interface TransferProgress {
  /** The receiver has acknowledged them: it was sent them, or held them already. */
  readonly items: number;
  readonly bytes: number;
  /** Of these, what the walk has come by. */
  readonly walked: number;
  /** Sent so far, acknowledged or not. */
  readonly itemsSent: number;
  readonly bytesSent: number;
}

/** How far a transfer has come. */
export type TransferState = 'offered' | 'walking' | 'sealing' | 'finishing' | 'complete' | 'failed';

/** What a transfer is born with. */
export interface OutboundInit {
  readonly kind: TransferKind;
  /** What is handed over, in hash order; not empty. */
  readonly ranges: readonly HashRange[];
  readonly now: number;
}

export class OutboundTransfer {
  readonly kind: TransferKind;
  #state: TransferState = 'offered';
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
  /** Pages of which it is not known yet whether they must be sent. */
  #askedAbout = 0;
  #passedOnBytes = 0;
  /** Of the last page, what is not sent yet. */
  #toSend: Uint8Array[][] = [];
  /** The receiver holds something: it is asked before it is sent anything. */
  #compares = false;
  #items = 0;
  #bytes = 0;
  #walked = 0;
  #itemsSent = 0;
  #bytesSent = 0;

  constructor({ kind, ranges, now }: OutboundInit) {
    this.kind = kind;
    this.#ranges = ranges;
    this.#lastProgress = now;
  }

  get state(): TransferState {
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

  get progress(): TransferProgress {
    return {
      items: this.#items,
      bytes: this.#bytes,
      walked: this.#walked,
      itemsSent: this.#itemsSent,
      bytesSent: this.#bytesSent,
    };
  }

  begin(): TransferEffect[] {
    return [{ kind: 'offer' }];
  }

  tick(now: number): TransferEffect[] {
    if (this.#state === 'offered' && now - this.#lastProgress >= UNANSWERED_MS) {
      return this.#fail(`no answer to the offer for ${UNANSWERED_MS / 1000} s`);
    }
    if (this.#state === 'sealing' && now - this.#lastProgress >= STALLED_MS)
      return this.#fail('the store does not take the seal');
    if (this.#unacked.size === 0) return this.#probe(now);
    const slowMs = Math.floor((this.#walkedBytes + this.#passedOnBytes) / SLOW_LINK_BYTES_PER_MS);
    if (now - this.#lastProgress < STALLED_MS + slowMs) return [];
    return this.#fail(`no answer for ${STALLED_MS / 1000} s`);
  }

  /** A receiver may have given it up unheard, and where nothing is passed on nobody would notice: the switch would wait. */
  #probe(now: number): TransferEffect[] {
    if (this.#state !== 'complete' || now - this.#lastProgress < PROBE_MS) return [];
    this.#lastProgress = now;
    return [this.#frame([], 'passedOn', now)];
  }

  step(event: TransferEvent, now: number): TransferEffect[] {
    if (this.#state === 'failed') return [];
    switch (event.kind) {
      case 'accepted':
        return this.#handleAccepted(event.compare, now);
      case 'refused':
        return this.#fail(event.reason);
      case 'page':
        return this.#handlePage(event.page, now);
      case 'acked':
        return this.#handleAck(event.seq, event.stored, now);
      case 'held':
        return this.#handleHeld(event.seq, event.digests, now);
      case 'passOn':
        return this.#handlePassOn(event.item, now);
      case 'sealed':
        return this.#handleSealed(now);
      case 'lost':
        return this.#fail(event.reason);
      default:
        return unreachable(event);
    }
  }

  #handleAccepted(compare: boolean, now: number): TransferEffect[] {
    if (this.#state !== 'offered') return [];
    this.#state = 'walking';
    this.#compares = compare && this.kind !== 'hinted';
    this.#lastProgress = now;
    return this.#advance(now);
  }

  #handlePage(page: ItemPage, now: number): TransferEffect[] {
    assert(this.#walkOpen, 'a page was asked for');
    this.#walkOpen = false;
    const stretch = {
      within: this.#ranges[this.#rangeAt] as HashRange,
      after: this.#cursor,
      upTo: page.next,
    };
    this.#cursor = page.next;
    if (page.next === undefined) this.#rangeAt++;
    this.#walkEnded = this.#rangeAt === this.#ranges.length;
    if (!this.#compares) this.#toSend.push(...framesOf(page.items));
    else if (page.items.length > 0) return [this.#compare(page.items, stretch, now), ...this.#advance(now)];
    return this.#advance(now);
  }

  #handlePassOn(item: Uint8Array, now: number): TransferEffect[] {
    // Before the offer is accepted the walk has not begun, and will come by this item.
    if (this.#state === 'offered') return [];
    if (this.#passedOnBytes + item.length > PASSED_ON_BYTES_MAX)
      return this.#fail(
        `the receiver does not keep up: ${this.#passedOnBytes} bytes passed on are not acknowledged`,
      );
    return [this.#frame([item], 'passedOn', now)];
  }

  #handleAck(seq: number, stored: boolean, now: number): TransferEffect[] {
    const frame = this.#unacked.get(seq);
    if (frame === undefined) return [];
    if (!stored) return this.#fail('the receiver could not store an item');
    this.#settle(seq, frame, now);
    const { items, origin } = frame;
    this.#count(items, origin);
    const effects: TransferEffect[] =
      this.kind === 'hinted' && items.length > 0 ? [{ kind: 'forget', items }] : [];
    if (this.#state === 'finishing' && this.#oldestUnacked > this.#lastSeq) {
      this.#state = 'complete';
      effects.push({ kind: 'complete' });
    }
    return [...effects, ...this.#advance(now)];
  }

  /** The two sides differ in a page: what the receiver has not goes out now. */
  #handleHeld(seq: number, digests: Uint32Array, now: number): TransferEffect[] {
    const frame = this.#unacked.get(seq);
    if (frame?.origin !== 'compared') return [];
    this.#settle(seq, frame, now);
    const missing = itemsNotAmong(frame.items, digests);
    const sent = new Set(missing);
    this.#count(
      frame.items.filter((item) => !sent.has(item)),
      'compared',
    );
    this.#toSend.unshift(...framesOf(missing));
    return this.#advance(now);
  }

  #settle(seq: number, { items, origin }: SentFrame, now: number): void {
    this.#unacked.delete(seq);
    this.#lastProgress = now;
    if (origin === 'compared') this.#askedAbout--;
    if (origin === 'passedOn') this.#passedOnBytes -= sizeOf(items);
    else {
      this.#walkedUnderWay--;
      this.#walkedBytes -= sizeOf(items);
    }
  }

  #count(items: readonly Uint8Array[], origin: Origin): void {
    this.#items += items.length;
    if (origin !== 'passedOn') this.#walked += items.length;
    for (const item of items) this.#bytes += item.length;
  }

  #advance(now: number): TransferEffect[] {
    if (this.#state !== 'walking') return [];
    const effects: TransferEffect[] = [];
    while (this.#toSend.length > 0 && this.#hasRoom)
      effects.push(this.#frame(this.#toSend.shift() as Uint8Array[], 'walked', now));
    if (this.#toSend.length > 0) return effects;
    return [...effects, ...(this.#walkEnded ? this.#finish(now) : this.#walkOn())];
  }

  get #hasRoom(): boolean {
    return this.#walkedUnderWay < FRAMES_UNDER_WAY_MAX && this.#walkedBytes < WALKED_BYTES_MAX;
  }

  #walkOn(): TransferEffect[] {
    if (this.#walkOpen || !this.#hasRoom) return [];
    this.#walkOpen = true;
    return [{ kind: 'walk', cursor: this.#cursor, within: this.#ranges[this.#rangeAt] as HashRange }];
  }

  #finish(now: number): TransferEffect[] {
    if (this.#askedAbout > 0) return [];
    this.#walkEndSeq ??= this.#seq;
    if (this.#oldestUnacked < this.#walkEndSeq) return [];
    if (this.kind === 'ownership' || this.kind === 'resize') {
      this.#state = 'sealing';
      this.#lastProgress = now;
      return [{ kind: 'seal' }];
    }
    return [this.#lastFrame(now)];
  }

  #handleSealed(now: number): TransferEffect[] {
    return this.#state === 'sealing' ? [this.#lastFrame(now)] : [];
  }

  #lastFrame(now: number): TransferEffect {
    this.#state = 'finishing';
    this.#lastSeq = this.#seq;
    return this.#frame([], 'passedOn', now);
  }

  /** Frames are kept in the order sent. */
  get #oldestUnacked(): number {
    const [oldest = this.#seq] = this.#unacked.keys();
    return oldest;
  }

  #frame(items: readonly Uint8Array[], origin: Origin, now: number): TransferEffect {
    const seq = this.#keep(items, origin, now);
    this.#itemsSent += items.length;
    for (const item of items) this.#bytesSent += item.length;
    return { kind: 'items', seq, items, last: seq === this.#lastSeq };
  }

  #compare(items: readonly Uint8Array[], stretch: Omit<Stretch, 'sum'>, now: number): TransferEffect {
    const seq = this.#keep(items, 'compared', now);
    return { kind: 'compare', seq, stretch: { ...stretch, sum: sumOf(digestsOf(items)) } };
  }

  /** Until it is acknowledged. */
  #keep(items: readonly Uint8Array[], origin: Origin, now: number): number {
    if (this.#unacked.size === 0) this.#lastProgress = now;
    const seq = this.#seq++;
    this.#unacked.set(seq, { items, origin });
    if (origin === 'compared') this.#askedAbout++;
    if (origin === 'passedOn') this.#passedOnBytes += sizeOf(items);
    else {
      this.#walkedUnderWay++;
      this.#walkedBytes += sizeOf(items);
    }
    return seq;
  }

  #fail(reason: string): TransferEffect[] {
    this.#state = 'failed';
    this.#unacked.clear();
    this.#passedOnBytes = 0;
    this.#toSend = [];
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
