/**
 * The hash trees of one vnode whose items lie in the node's store: kept with every change, and known again after a restart.
 *
 * What a vnode holds at this moment is what the store has committed under what is on its way there. A tree is exact
 * when it is the sum of just that.
 *
 *     on the disk      per group of 64 leaves the sums as they were at its last checkpoint; before the group first changes
 *                      after that, a mark goes into the batch of the change. So whatever prefix of the batches a crash
 *                      leaves: a group without a mark is as its sums say
 *     at a start       groups without a mark are read when they are first changed or asked for, marked ones are counted
 *     a count          walks through the hashes of a group in steps, and between two of them all up to where it stands is
 *                      counted and nothing behind it is. So a change up to there changes the sums, and one behind it does
 *                      not: the walk will come by what it left
 *     the proof        once all of a range is known its root must be the digest that the vnode has of it by other means, which
 *                      rides with each commit. If it is not, what was read is not believed, and all of it is counted. So is a
 *                      directory of a version without trees, which has no records: they would say that nothing is held
 *     a checkpoint     some time after the first change; a few groups in a step
 *
 * The vnode whose last item goes has no records left. On a store that ends with the process none are written.
 *
 * Source: rules 11. Not here: what an item's state is; that is the module's.
 */
import type { Host, Timer } from '../contracts/host.ts';
import type { PartitionId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { HashRange, Place, RecordKey, Store, StoreRecord } from '../contracts/store.ts';
import type { VnodePool } from '../contracts/vnode.ts';
import { partitionOf } from '../ring/hash-space.ts';
import { GroupRecords } from './group-records.ts';
import { CLEAN, DIRTY, KNOWN, RangeTree, SUSPECT, WRITTEN } from './range-tree.ts';

/** The first two words of a hash. Items at one position are counted together. */
export type Position = readonly [hashHi: number, hashLo: number];

/** What the trees need of the vnode that they are of. */
export interface TreeItems {
  /**
   * Tell of the items within a range behind a position, about `limit` of them; what is on its way into the store counts
   * as there, what is on its way out as gone. The position up to which it told of all, undefined: of the whole range.
   */
  visit(
    within: HashRange,
    after: Position | undefined,
    limit: number,
    found: (hashHi: number, stateHi: number, stateLo: number) => void,
  ): Position | undefined;
  /** The sum of the states of a range, as the vnode keeps it with each change: two words. Undefined: it keeps none. */
  digestOf(range: PartitionId): Position | undefined;
  /** All of a range was counted, and the digest is another. */
  digestIsWrong(range: PartitionId, counted: Position): void;
}

/** What trees of a vnode are given: their place, the store, and a way to walk its items. */
export interface StoredTreesInit {
  readonly place: Place;
  readonly store: Store;
  readonly host: Host;
  readonly pool: VnodePool;
  readonly logger: Logger;
  readonly items: TreeItems;
  /** Ranges in which something is held. */
  readonly held: readonly PartitionId[];
  /** They are counted anew in each life, and nothing of them is stored. */
  readonly inMemory?: boolean;
}

/** Items counted in one step: some tenths of a millisecond. */
const STEP_ITEMS = 500;
/** Groups read, or written, in one step. */
const STEP_GROUPS = 32;
/** Then others of this vnode have their turn in the pool. */
const STEPS_PER_JOB = 32;

/**
 * From the first change after a checkpoint to the next one. Half a minute of writes is counted again after a crash, a
 * second or two of background work; and at most every half minute all sums are written, some megabytes a node.
 */
const CHECKPOINT_MS = 30_000;

/** Where a count stands: in this group everything up to `upTo` is counted; undefined: nothing yet. */
interface Count {
  readonly tree: RangeTree;
  group: number;
  upTo: Position | undefined;
}

export class StoredTrees {
  readonly #init: StoredTreesInit;
  readonly #ringBits: number;
  readonly #ringMask: number;
  readonly #partition: PartitionId;
  readonly #records: GroupRecords;
  /** Something of them outlives the process. */
  readonly #persists: boolean;
  /** By how far a range lies before the vnode's own: few, and all of them near. */
  readonly #trees: (RangeTree | undefined)[] = [];
  /** What is being counted, and what will be after it. */
  #counts: Count[] = [];
  #counting = false;
  #timer: Timer | undefined;
  #closed = false;

  constructor(init: StoredTreesInit) {
    this.#init = init;
    this.#ringBits = init.place.ringBits;
    this.#ringMask = (1 << this.#ringBits) - 1;
    this.#partition = init.place.partition;
    this.#records = new GroupRecords(init.store, init.place);
    this.#persists = init.store.volatile !== true && init.inMemory !== true;
    for (const range of init.held) this.#make(range, false);
  }

  /** Before an item changes: what must go into the store together with it, if anything. */
  markFor(at: RecordKey): StoreRecord | undefined {
    if (!this.#persists) return undefined;
    const tree = this.#treeOf(at.hashHi);
    const group = tree.sums.groupOf(at.hashHi);
    if (!tree.has(group, CLEAN)) return undefined;
    if (!tree.has(group, KNOWN | SUSPECT)) this.#read(tree, group);
    // It may have been marked before.
    if (!tree.has(group, CLEAN)) return undefined;
    tree.drop(group, CLEAN);
    return this.#records.mark(tree.startOf(group));
  }

  /** The store has not taken the mark that it was to have. */
  notMarked(at: RecordKey): void {
    const tree = this.#treeOf(at.hashHi);
    tree.set(tree.sums.groupOf(at.hashHi), CLEAN);
  }

  /** An item came, changed or went: the difference of its states. */
  changed(at: RecordKey, stateHi: number, stateLo: number): void {
    const tree = this.#treeOf(at.hashHi);
    const group = tree.sums.groupOf(at.hashHi);
    if (!tree.has(group, KNOWN)) {
      if (this.#isCounted(tree, group, at)) tree.sums.add(at.hashHi, stateHi, stateLo);
      return;
    }
    tree.sums.add(at.hashHi, stateHi, stateLo);
    if (this.#persists && tree.set(group, DIRTY)) this.#checkpointLater();
  }

  /** As `ItemTrees.sums`. */
  sums(within: HashRange, parts: number): Uint32Array | undefined {
    const tree = this.#trees[this.#distanceOf(within.start)];
    if (tree === undefined) return new Uint32Array(2 * parts);
    if (tree.unknown === 0) return tree.sums.sums(within, parts);
    if (!this.#counts.some((count) => count.tree === tree))
      this.#counts.push({ tree, group: 0, upTo: undefined });
    this.#countOn();
    return undefined;
  }

  /** What is known of a range is not so: all of it is counted before its sums are told again. */
  distrust(range: PartitionId): void {
    const distance = (this.#partition - range) & this.#ringMask;
    const tree = this.#trees[distance] ?? this.#make(range, false);
    this.#counts = this.#counts.filter((count) => count.tree !== tree);
    tree.becomeSuspect();
  }

  /** Batches were lost: who knows which marks and sums were in them. */
  storeFailed(): void {
    if (!this.#persists) return;
    for (const tree of this.#all()) tree.storeFailed();
    this.#checkpointLater();
  }

  /** For the batch in which the last item goes: the removal of all that is stored here. */
  removals(): StoreRecord[] {
    if (!this.#persists) return [];
    const starts = new Set(this.#records.groups());
    // And what may be on its way.
    for (const tree of this.#all()) for (const start of tree.recorded()) starts.add(start);
    return [...starts].flatMap((start) => this.#records.removal(start));
  }

  /** That batch is on its way. */
  becomeEmpty(): void {
    this.#counts = [];
    for (const tree of this.#all()) tree.becomeEmpty();
  }

  /** Nothing is set going any more. `inOrder`: what is known is written, and the next start finds it. */
  close(inOrder: boolean): void {
    if (inOrder && !this.#closed && this.#persists) while (!this.#checkpoint());
    this.#closed = true;
    this.#timer?.cancel();
  }

  #treeOf(hashHi: number): RangeTree {
    return this.#trees[this.#distanceOf(hashHi)] ?? this.#make(this.#rangeOf(hashHi), true);
  }

  #rangeOf(hashHi: number): PartitionId {
    return partitionOf(hashHi, this.#ringBits);
  }

  #distanceOf(hashHi: number): number {
    return (this.#partition - this.#rangeOf(hashHi)) & this.#ringMask;
  }

  #make(range: PartitionId, known: boolean): RangeTree {
    const tree = new RangeTree(this.#init.place, range, known);
    this.#trees[(this.#partition - range) & this.#ringMask] = tree;
    return tree;
  }

  #all(): RangeTree[] {
    return this.#trees.filter((tree) => tree !== undefined);
  }

  #isCounted(tree: RangeTree, group: number, at: RecordKey): boolean {
    const count = this.#counts[0];
    if (count?.tree !== tree || count.group !== group || count.upTo === undefined) return false;
    const [hashHi, hashLo] = count.upTo;
    return at.hashHi < hashHi || (at.hashHi === hashHi && at.hashLo <= hashLo);
  }

  /** What the disk says of a group of which nothing is known yet, and which has not changed since this vnode was opened. */
  #read(tree: RangeTree, group: number): void {
    const start = tree.startOf(group);
    const isMarked = this.#records.isMarked(start);
    if (isMarked) tree.drop(group, CLEAN);
    const leaves = isMarked ? undefined : this.#records.read(start);
    if (leaves === undefined) tree.set(group, SUSPECT);
    else tree.becomeRead(group, leaves);
  }

  /** A job in the pool counts on, and then another. */
  #countOn(): void {
    if (this.#counting || this.#closed || this.#counts.length === 0) return;
    this.#counting = true;
    let steps = 0;
    // Whoever asks for the sums next sets it going again. A step that threw has counted who knows what.
    const end = (): void => {
      this.#counting = false;
    };
    const fail = (): void => {
      end();
      const [count] = this.#counts;
      if (count !== undefined) count.upTo = undefined;
    };
    this.#init.pool.run({ refuse: end, fail }, () => {
      this.#countStep();
      if (this.#counts.length > 0 && !this.#closed && ++steps < STEPS_PER_JOB) return false;
      end();
      this.#countOn();
      return true;
    });
  }

  #countStep(): void {
    let items = STEP_ITEMS;
    for (let groups = 0; groups < STEP_GROUPS && items > 0; groups++) {
      const count = this.#counts[0];
      if (count === undefined) return;
      if (count.group === count.tree.sums.groups) return this.#prove(count);
      items -= this.#count(count, items);
      if (count.upTo !== undefined) return;
    }
  }

  /** Count on in the group where the count stands, and say how many items that were. */
  #count(count: Count, limit: number): number {
    const { tree, group } = count;
    if (this.#persists && !tree.has(group, KNOWN | SUSPECT)) this.#read(tree, group);
    let items = 0;
    if (!tree.has(group, KNOWN)) {
      if (count.upTo === undefined) tree.sums.clearGroup(group);
      const within = tree.rangeOf(group);
      count.upTo = this.#init.items.visit(within, count.upTo, limit, (hashHi, stateHi, stateLo) => {
        items++;
        tree.sums.add(hashHi, stateHi, stateLo);
      });
      if (count.upTo !== undefined) return items;
      tree.becomeCounted(group);
      if (this.#persists && tree.set(group, DIRTY)) this.#checkpointLater();
    }
    count.group++;
    return items;
  }

  #prove(count: Count): void {
    const { tree } = count;
    const { items, logger, place } = this.#init;
    this.#counts.shift();
    const [hi, lo] = tree.sums.root() as unknown as Position;
    const digest = items.digestOf(tree.range);
    if (digest === undefined || (hi === digest[0] && lo === digest[1])) return tree.becomeProven();
    if (!tree.wasRead) {
      items.digestIsWrong(tree.range, [hi, lo]);
      return tree.becomeProven();
    }
    const { partition } = place;
    logger.info(
      { partition, range: tree.range },
      'the hash tree of a range is not as it was stored; it is counted',
    );
    tree.becomeSuspect();
    this.#counts.unshift({ tree, group: 0, upTo: undefined });
  }

  #checkpointLater(): void {
    if (this.#closed) return;
    this.#timer ??= this.#init.host.setTimer(CHECKPOINT_MS, () => {
      this.#timer = undefined;
      const later = (): void => this.#checkpointLater();
      this.#init.pool.run({ refuse: later, fail: later }, () => this.#closed || this.#checkpoint());
    });
  }

  /** Write the sums of some groups. True: of all that are known, or the store takes nothing. */
  #checkpoint(): boolean {
    const records: StoreRecord[] = [];
    const written: [RangeTree, number][] = [];
    for (const tree of this.#all()) {
      for (const group of tree.dirty(STEP_GROUPS - written.length)) {
        written.push([tree, group]);
        records.push(...this.#records.sums(tree.startOf(group), tree.sums.leavesOf(group)));
      }
    }
    if (written.length === 0) return true;
    if (this.#init.store.submit(records) === undefined) {
      this.#checkpointLater();
      return true;
    }
    for (const [tree, group] of written) {
      tree.drop(group, DIRTY);
      tree.set(group, CLEAN | WRITTEN);
    }
    return written.length < STEP_GROUPS;
  }
}
