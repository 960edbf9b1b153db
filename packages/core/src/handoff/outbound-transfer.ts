/**
 * One transfer of a vnode's items to another node, as a machine.
 *
 * The walk goes through all items in the module's order, a page at a time, with a few frames under way. What
 * changes meanwhile is applied by the vnode and *passed on* here, so that an item present throughout is sent at
 * least once and a changed one again; items are merged at the receiver, so that twice and out of order does no harm.
 *
 * ownership: a last, empty frame asks the receiver to declare itself whole; with its acknowledgement the transfer
 * is complete, and it goes on passing items on until the ring has switched.
 * hinted: what the receiver holds durably is forgotten here, item by item, unless it changed since it was sent.
 *
 * Not here: resuming. A transfer that failed begins anew.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { ItemCursor, ItemPage } from '../contracts/vnode.ts';

export type TransferKind = 'ownership' | 'hinted';

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
  | { readonly kind: 'walk'; readonly cursor: ItemCursor | undefined }
  | { readonly kind: 'items'; readonly seq: number; readonly items: readonly Uint8Array[]; readonly last: boolean }
  /** The receiver holds these durably. */
  | { readonly kind: 'forget'; readonly items: readonly Uint8Array[] }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Frames sent and not acknowledged; enough to keep a link busy, few enough to stop soon. */
const FRAMES_UNDER_WAY_MAX = 4;
/** Without any answer for this long a transfer is given up, ms. */
const STALLED_MS = 15_000;

type State = 'offered' | 'walking' | 'finishing' | 'complete' | 'failed';

export class OutboundTransfer {
  readonly kind: TransferKind;
  #state: State = 'offered';
  #seq = 0;
  #lastSeq = -1;
  #walkEnded = false;
  #walkOpen = false;
  #cursor: ItemCursor | undefined;
  #lastProgress: number;
  readonly #unacked = new Map<number, readonly Uint8Array[]>();
  /** Items and bytes the receiver holds durably. */
  itemsAcked = 0;
  bytesAcked = 0;

  constructor(kind: TransferKind, now: number) {
    this.kind = kind;
    this.#lastProgress = now;
  }

  get state(): State {
    return this.#state;
  }

  /** Everything handed to this transfer so far is held by the receiver. */
  get quiet(): boolean {
    return this.#state === 'complete' && this.#unacked.size === 0;
  }

  begin(): TransferEffect[] {
    return [{ kind: 'offer' }];
  }

  tick(now: number): TransferEffect[] {
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
    this.#walkEnded = page.next === undefined;
    const effects = page.items.length > 0 ? [this.#frame(page.items, false)] : [];
    return [...effects, ...this.#advance()];
  }

  #handlePassOn(item: Uint8Array, now: number): TransferEffect[] {
    // Before the offer is accepted the walk has not begun, and will come by this item.
    if (this.#state === 'offered') return [];
    if (this.#unacked.size === 0) this.#lastProgress = now;
    return [this.#frame([item], false)];
  }

  #handleAck(seq: number, stored: boolean, now: number): TransferEffect[] {
    const items = this.#unacked.get(seq);
    if (items === undefined) return [];
    if (!stored) return this.#fail('the receiver could not store an item');
    this.#unacked.delete(seq);
    this.#lastProgress = now;
    this.itemsAcked += items.length;
    for (const item of items) this.bytesAcked += item.length;
    const effects: TransferEffect[] = this.kind === 'hinted' && items.length > 0 ? [{ kind: 'forget', items }] : [];
    if (seq === this.#lastSeq) {
      this.#state = 'complete';
      effects.push({ kind: 'complete' });
    }
    return [...effects, ...this.#advance()];
  }

  #advance(): TransferEffect[] {
    if (this.#state !== 'walking') return [];
    if (!this.#walkEnded) {
      if (this.#walkOpen || this.#unacked.size >= FRAMES_UNDER_WAY_MAX) return [];
      this.#walkOpen = true;
      return [{ kind: 'walk', cursor: this.#cursor }];
    }
    if (this.#unacked.size > 0) return [];
    this.#state = 'finishing';
    const last = this.#frame([], true);
    this.#lastSeq = this.#seq - 1;
    return [last];
  }

  #frame(items: readonly Uint8Array[], last: boolean): TransferEffect {
    const seq = this.#seq++;
    this.#unacked.set(seq, items);
    return { kind: 'items', seq, items, last };
  }

  #fail(reason: string): TransferEffect[] {
    this.#state = 'failed';
    this.#unacked.clear();
    return [{ kind: 'failed', reason }];
  }
}
