/**
 * The scrub of one vnode: everything that it holds is read, checked, and counted again.
 *
 * Of each entry its checksums, that it lies where its key belongs, and that a look for it finds it: an engine without
 * checksums of its own (lmdb) may have lost the way to what it still has. Of each range how many entries there are and the
 * sum of their states, which is then what the tallies say. Where that is another sum than before, or something is damaged,
 * the hash tree of the range is counted anew: it differs from those of the other replicas by just what is damaged or
 * missing, and the exchange mends it.
 *
 * *Unsound* is a store that has lost entries without a trace, or the way to them: what is written to it may be lost as well.
 * That is for whoever owns the store to judge; here it is only told, with the reason.
 *
 * It runs a moment after the vnode was opened, once a day, when damage was met, and when somebody asks for it, in the
 * pool of its node, in steps of some tenths of a millisecond.
 *
 * Source: rules 5. Not here: bringing anything from other replicas.
 */
import { partitionOf, rangeOf, SPACE_ENTRY, type PartitionId, type Position, type Timer } from '@rkv/core';
import { placeKey } from './coordinator.ts';
import type { Damage } from './damage.ts';
import type { ItemTreesParts } from './item-trees.ts';
import { visitItems } from './visit-items.ts';

export interface ScrubParts extends ItemTreesParts {
  readonly damage: Damage;
  /** The sums of a range were counted anew: its tree is to be. */
  readonly distrust: (range: PartitionId) => void;
  readonly onUnsound: (why: string) => void;
}

/** How far the check of a vnode's entries has come, and what it found. */
export interface ScrubStatus {
  readonly running: boolean;
  /** Entries that the scrub which runs, or else the last one, has come by; and how many there are. */
  readonly checked: number;
  readonly entries: number;
  /** Known to be damaged now, and replaced since the vnode was opened. */
  readonly damaged: number;
  readonly healed: number;
  /** How long ago the last one ended; missing: none has yet. */
  readonly endedAgoMs?: number;
}

/** Entries, or bytes of them, that are looked at in one step. */
const STEP_ENTRIES = 128;
const STEP_BYTES = 128 * 1024;
/** Then other jobs of this vnode have their turn. */
const STEPS_PER_JOB = 32;
/** After a start there is enough to do at first. */
const FIRST_AFTER_MS = 5_000;
const EVERY_MS = 24 * 60 * 60 * 1_000;
/** One that could not go on is begun anew. */
const AGAIN_AFTER_MS = 60_000;
/** What is met together is looked at together. */
const GATHER_MS = 1_000;

export class VnodeScrub {
  readonly #parts: ScrubParts;
  #running = false;
  /** Damage was met behind the place where the scrub stands. */
  #again = false;
  #ranges: PartitionId[] = [];
  #after: Position | undefined;
  /** Of the present range a part was counted. */
  #counting = false;
  #checked = 0;
  #unsound: string | undefined;
  #endedAt: number | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: ScrubParts) {
    this.#parts = parts;
    if (parts.context.store.volatile !== true) this.#beginIn(FIRST_AFTER_MS);
  }

  get status(): ScrubStatus {
    const { tallies, damage, context } = this.#parts;
    return {
      running: this.#running,
      checked: this.#checked,
      entries: tallies.total + damage.count(),
      damaged: damage.count(),
      healed: damage.healed,
      ...(this.#endedAt !== undefined && { endedAgoMs: context.host.monotonic() - this.#endedAt }),
    };
  }

  /** Begin now. False: one is running. */
  begin(): boolean {
    if (this.#running || this.#closed) return false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#running = true;
    this.#again = false;
    this.#checked = 0;
    this.#unsound = undefined;
    this.#ranges = this.#findRanges();
    this.#goOn();
    return true;
  }

  /** What was counted of some range is not so. */
  want(): void {
    if (this.#running) this.#again = true;
    else this.#beginIn(GATHER_MS);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #beginIn(ms: number): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#parts.context.host.setTimer(ms, () => this.begin());
  }

  /** Those of the tallies, and those of which there is something though the tallies know nothing of it. */
  #findRanges(): PartitionId[] {
    const { tallies, context } = this.#parts;
    const { ringBits } = context.place;
    const ranges = new Set(tallies.held);
    let start = 0;
    for (;;) {
      let found: PartitionId | undefined;
      const within = { start, end: 2 ** 32 };
      visitItems(
        this.#parts,
        within,
        undefined,
        () => found !== undefined,
        (hashHi) => {
          found ??= partitionOf(hashHi, ringBits);
        },
      );
      if (found === undefined) break;
      ranges.add(found);
      start = rangeOf(found, ringBits).end;
      if (start >= 2 ** 32) break;
    }
    return [...ranges];
  }

  #goOn(): void {
    let steps = 0;
    const fail = (): void => this.#giveUp();
    this.#parts.context.pool.run({ refuse: fail, fail }, () => {
      if (this.#closed) return true;
      if (this.#step()) {
        this.#end();
        return true;
      }
      if (++steps < STEPS_PER_JOB) return false;
      this.#goOn();
      return true;
    });
  }

  /** True: all was looked at. */
  #step(): boolean {
    const [range] = this.#ranges;
    if (range === undefined) return true;
    const { tallies, context } = this.#parts;
    if (!this.#counting) {
      this.#counting = true;
      tallies.beginRecount(range);
    }
    let entries = 0;
    let bytes = 0;
    const upTo = visitItems(
      this.#parts,
      rangeOf(range, context.place.ringBits),
      this.#after,
      () => entries >= STEP_ENTRIES || bytes >= STEP_BYTES,
      (hashHi, hashLo, key, entry, isStored) => {
        entries++;
        bytes += entry.length;
        this.#look(hashHi, hashLo, key, entry, isStored);
      },
    );
    this.#checked += entries;
    this.#after = upTo;
    if (upTo === undefined) this.#endRange(range);
    else tallies.recountedTo(upTo);
    return this.#ranges.length === 0;
  }

  #look(hashHi: number, hashLo: number, key: string, entry: Uint8Array, isStored: boolean): void {
    const { tallies, damage, context } = this.#parts;
    const at = { hashHi, hashLo, key };
    const isDamaged = isStored && damage.isIn(at, entry);
    if (!isDamaged) tallies.recount(at, entry);
    if (!isStored || context.store.volatile === true) return;
    const belongs = placeKey(key);
    if (belongs.hashHi !== hashHi || belongs.hashLo !== hashLo)
      this.#unsound ??= 'an entry lies where its key does not belong';
    else if (context.store.get(SPACE_ENTRY, context.place, at) === undefined)
      this.#unsound ??= 'an entry is there and cannot be found';
  }

  #endRange(range: PartitionId): void {
    const { tallies, damage, context, distrust } = this.#parts;
    this.#ranges.shift();
    this.#counting = false;
    const isInexact = damage.takeReplaced(range);
    const before = tallies.endRecount();
    const now = tallies.of(range);
    const isSame =
      before.entries === now.entries && before.digestHi === now.digestHi && before.digestLo === now.digestLo;
    if (isSame) return;
    distrust(range);
    const damaged = damage.count(range);
    context.logger.error(
      { partition: context.place.partition, range, before: before.entries, entries: now.entries, damaged },
      'the entries of a range are not those that were counted; they were counted anew, and what is missing is asked of the others',
    );
    if (!isInexact && before.entries > now.entries + damaged)
      this.#unsound ??= 'entries are gone without a trace';
  }

  #end(): void {
    this.#running = false;
    this.#endedAt = this.#parts.context.host.monotonic();
    this.#beginIn(this.#again ? GATHER_MS : EVERY_MS);
    if (this.#unsound !== undefined) this.#parts.onUnsound(this.#unsound);
  }

  /** The pool did not take it, or a step threw: what was counted is not believed. */
  #giveUp(): void {
    this.#running = false;
    this.#counting = false;
    this.#after = undefined;
    this.#parts.tallies.dropRecount();
    this.#beginIn(AGAIN_AFTER_MS);
  }
}
