/**
 * The desk at which a node carries out a flush: all its vnodes do their part, those too that hold something for others.
 *
 * A flush is asked of a node and not of a partition, because copies lie where no preference list leads: hints for a member that
 * is up again, what is on its way to a new owner. While it goes on, what comes in and is stamped below the flush is treated as if it had
 * been there: an item of another copy becomes the tombstone at once, and a write is stamped anew, above. Or else what a walk has
 * gone by would come back behind it.
 *
 * Who began it asks again and again, and is answered when the node is done, or after a while how far it is. When nobody asks any more
 * it is given up. So it needs no memory that outlives the node: one that was started again is asked again and begins anew.
 *
 * A flush is stamped above the bar of every node, as a write is: a tombstone at or below it might be reaped at once, and what it
 * overrules come back. Clocks alone do not see to that, for a node forgets its own when it ends, and its wall clock may have been
 * set back since.
 */
import {
  compareStamps,
  STAMP_BYTES,
  type Host,
  type HybridClock,
  type ReplyToken,
  type Timer,
  type VnodeContext,
} from '@rkv/core';
import { VERSION_AT } from '../entry/layout.ts';
import type { FlushCommand, FlushedReply } from './flush-wire.ts';
import type { KvReply } from './commands.ts';
import { remainsOf, type VnodeFlush } from './vnode-flush.ts';

/** How long an asker waits for more than a word of how far it is. */
const ANSWER_MS = 500;
/** When nobody has asked for so long, nobody will. */
export const LEASE_MS = 10_000;

interface Flush {
  readonly stamp: Uint8Array;
  readonly going: Set<VnodeFlush>;
  readonly waiting: Set<ReplyToken<KvReply>>;
  state: 'running' | 'done' | 'failed';
  /** By the monotonic clock. */
  askedMs: number;
}

export class FlushDesk {
  readonly #clock: HybridClock;
  readonly #vnodes = new Set<VnodeFlush>();
  #flush: Flush | undefined;
  #lease: Timer | undefined;

  constructor(clock: HybridClock) {
    this.#clock = clock;
  }

  /** A vnode was opened; it takes part in what goes on. */
  add(vnode: VnodeFlush): void {
    this.#vnodes.add(vnode);
    const flush = this.#flush;
    if (flush === undefined) return;
    flush.state = 'running';
    this.#begin(flush, vnode);
  }

  /** It is closed: empty, with its node, or (not `inOrder`) given up, so that nothing can be said of what it held. */
  remove(vnode: VnodeFlush, inOrder: boolean): void {
    vnode.cancel();
    this.#vnodes.delete(vnode);
    const flush = this.#flush;
    if (flush === undefined) return;
    if (this.#vnodes.size === 0) this.#drop(flush);
    else this.#settled(flush, vnode, inOrder);
  }

  /** The context is that of the vnode through which the node is asked. */
  handle({ phase, stamp }: FlushCommand, { host, bounds }: VnodeContext, token: ReplyToken<KvReply>): void {
    const { bar } = bounds;
    if (phase === 'clock') {
      const status = this.#status();
      return token.reply(compareStamps(bar, 0, status.clock, 0) > 0 ? { ...status, clock: bar } : status);
    }
    if (phase === 'end') {
      if (this.#flush !== undefined && compareStamps(this.#flush.stamp, 0, stamp, 0) <= 0)
        this.#drop(this.#flush);
      return token.reply(this.#status());
    }
    this.#clock.observe(stamp, 0);
    let flush = this.#flush;
    // A later one does all that an earlier one is to do.
    if (flush === undefined || compareStamps(flush.stamp, 0, stamp, 0) < 0) {
      if (compareStamps(stamp, 0, bar, 0) <= 0) return token.reply(this.#status('failed'));
      flush = this.#start(stamp, host);
    }
    flush.askedMs = host.monotonic();
    if (flush.state !== 'running') return token.reply(this.#status(flush.state));
    flush.waiting.add(token);
    host.setTimer(ANSWER_MS, () => {
      if (flush.waiting.delete(token)) token.reply(this.#status());
    });
  }

  /** Until whoever began it has said that it ended, or says nothing any more. */
  get isOn(): boolean {
    return this.#flush !== undefined;
  }

  /** The stamp of the flush that goes on, where this entry is stamped below it. Borrowed. */
  floorAbove(entry: Uint8Array): Uint8Array | undefined {
    const stamp = this.#flush?.stamp;
    return stamp !== undefined && compareStamps(entry, VERSION_AT, stamp, 0) < 0 ? stamp : undefined;
  }

  /** What is to be stored of an entry that comes in. */
  remainsOf(key: string, entry: Uint8Array): Uint8Array {
    const stamp = this.floorAbove(entry);
    return stamp === undefined ? entry : remainsOf(key, entry, stamp);
  }

  #start(stamp: Uint8Array, host: Host): Flush {
    if (this.#flush !== undefined) this.#drop(this.#flush);
    const flush: Flush = {
      stamp,
      going: new Set(this.#vnodes),
      waiting: new Set(),
      state: 'running',
      askedMs: host.monotonic(),
    };
    this.#flush = flush;
    this.#lease ??= this.#watch(host);
    for (const vnode of this.#vnodes) if (this.#flush === flush) this.#begin(flush, vnode);
    return flush;
  }

  #begin(flush: Flush, vnode: VnodeFlush): void {
    flush.going.add(vnode);
    vnode.begin(flush.stamp, (ok) => this.#settled(flush, vnode, ok));
  }

  #settled(flush: Flush, vnode: VnodeFlush, ok: boolean): void {
    if (flush !== this.#flush || !flush.going.delete(vnode)) return;
    if (ok && flush.going.size > 0) return;
    flush.state = ok ? 'done' : 'failed';
    // What stood in the way may be over when it is asked for again.
    if (!ok) this.#drop(flush);
    else this.#tell(flush);
  }

  /** It is not gone on with, and whoever waits for it is told. */
  #drop(flush: Flush): void {
    this.#flush = undefined;
    this.#lease?.cancel();
    this.#lease = undefined;
    for (const vnode of flush.going) vnode.cancel();
    this.#tell(flush);
  }

  #tell(flush: Flush): void {
    const status = this.#status(flush.state);
    const waiting = [...flush.waiting];
    flush.waiting.clear();
    for (const token of waiting) token.reply(status);
  }

  #watch(host: Host): Timer {
    return host.setTimer(LEASE_MS, () => {
      this.#lease = undefined;
      const flush = this.#flush;
      if (flush === undefined) return;
      if (host.monotonic() - flush.askedMs >= LEASE_MS) this.#drop(flush);
      else this.#lease = this.#watch(host);
    });
  }

  #status(state: FlushedReply['state'] = this.#flush?.state ?? 'idle'): FlushedReply {
    const clock = new Uint8Array(STAMP_BYTES);
    this.#clock.write(clock, 0);
    let records = 0;
    for (const vnode of this.#vnodes) records += vnode.records;
    return { kind: 'flushed', state, clock, records };
  }
}
