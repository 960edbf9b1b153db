/**
 * The hash trees of one vnode whose items lie in the node's store: kept with every change, counted where that is not known.
 *
 * What a vnode holds at this moment is what the store has committed under what is on its way there. A tree is exact
 * when it is the sum of just that. A vnode that begins empty has exact trees from its first item on; one that finds items
 * in the store counts them when first asked, group by group: a walk goes through the hashes of a group in steps, and
 * between two steps everything up to where it stands is counted and nothing behind it is. So a change up to there changes
 * the sum, and one behind it does not: the walk will come by what it left.
 *
 * Not here: what an item's state is; that is the module's.
 */
import type { VnodePool } from '../contracts/vnode.ts';
import type { HashRange, Place, RecordKey } from '../contracts/store.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { partitionOf } from '../ring/hash-space.ts';
import { rangeOf } from '../ring/ranges.ts';
import { HashTree } from './hash-tree.ts';

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
}

export interface StoredTreesInit {
  readonly place: Place;
  readonly pool: VnodePool;
  readonly items: TreeItems;
  /** Ranges in which something is held. */
  readonly held: readonly PartitionId[];
}

/** Items counted in one step: some tenths of a millisecond. */
const STEP_ITEMS = 500;
/** Groups looked at in one step: where they hold few items, finding them is what takes time. */
const STEP_GROUPS = 32;
/** Then others of this vnode have their turn in the pool. */
const STEPS_PER_JOB = 32;

/** The group's sums are exact. */
const KNOWN = 1;

/** The tree of one range, and what is known of each group. */
interface RangeTree {
  readonly range: HashRange;
  readonly sums: HashTree;
  readonly flags: Uint8Array;
  /** Groups that are not known. */
  unknown: number;
}

/** Where a count stands: in this group everything up to `upTo` is counted; undefined: nothing yet. */
interface Count {
  readonly tree: RangeTree;
  group: number;
  upTo: Position | undefined;
}

export class StoredTrees {
  readonly #init: StoredTreesInit;
  readonly #trees = new Map<PartitionId, RangeTree>();
  /** What is being counted, and what will be after it. */
  #counts: Count[] = [];
  #running = false;

  constructor(init: StoredTreesInit) {
    this.#init = init;
    for (const range of init.held) this.#make(range, false);
  }

  /** An item came, changed or went: the difference of its states. */
  changed(at: RecordKey, stateHi: number, stateLo: number): void {
    const range = partitionOf(at.hashHi, this.#init.place.ringBits);
    const tree = this.#trees.get(range) ?? this.#make(range, true);
    const group = tree.sums.groupOf(at.hashHi);
    if (((tree.flags[group] as number) & KNOWN) !== 0 || this.#isCounted(tree, group, at))
      tree.sums.add(at.hashHi, stateHi, stateLo);
  }

  /** As `ItemTrees.sums`. */
  sums(within: HashRange, parts: number): Uint32Array | undefined {
    const tree = this.#trees.get(partitionOf(within.start, this.#init.place.ringBits));
    if (tree === undefined) return new Uint32Array(2 * parts);
    if (tree.unknown === 0) return tree.sums.sums(within, parts);
    if (!this.#counts.some((count) => count.tree === tree))
      this.#counts.push({ tree, group: 0, upTo: undefined });
    this.#goOn();
    return undefined;
  }

  #make(range: PartitionId, known: boolean): RangeTree {
    const { place } = this.#init;
    const sums = new HashTree(place);
    const flags = new Uint8Array(sums.groups);
    if (known) flags.fill(KNOWN);
    const unknown = known ? 0 : sums.groups;
    const tree = { range: rangeOf(range, place.ringBits), sums, flags, unknown };
    this.#trees.set(range, tree);
    return tree;
  }

  #isCounted(tree: RangeTree, group: number, at: RecordKey): boolean {
    const count = this.#counts[0];
    if (count?.tree !== tree || count.group !== group || count.upTo === undefined) return false;
    const [hashHi, hashLo] = count.upTo;
    return at.hashHi < hashHi || (at.hashHi === hashHi && at.hashLo <= hashLo);
  }

  /** A job in the pool counts on, and then another. */
  #goOn(): void {
    if (this.#running || this.#counts.length === 0) return;
    this.#running = true;
    let steps = 0;
    // Whoever asks for the sums next sets it going again. A step that threw has counted who knows what.
    const end = (): void => {
      this.#running = false;
    };
    const fail = (): void => {
      end();
      const [count] = this.#counts;
      if (count !== undefined) count.upTo = undefined;
    };
    this.#init.pool.run({ refuse: end, fail }, () => {
      this.#step();
      if (this.#counts.length > 0 && ++steps < STEPS_PER_JOB) return false;
      end();
      this.#goOn();
      return true;
    });
  }

  #step(): void {
    let items = STEP_ITEMS;
    for (let groups = 0; groups < STEP_GROUPS && items > 0; groups++) {
      const count = this.#counts[0];
      if (count === undefined) return;
      items -= this.#count(count, items);
    }
  }

  /** Count on in the group where the count stands, and say how many items that were. */
  #count(count: Count, limit: number): number {
    const { tree, group } = count;
    const start = tree.range.start + group * tree.sums.groupWidth;
    const within = { start, end: start + tree.sums.groupWidth };
    let items = 0;
    if (count.upTo === undefined) tree.sums.clearGroup(group);
    count.upTo = this.#init.items.visit(within, count.upTo, limit, (hashHi, stateHi, stateLo) => {
      items++;
      tree.sums.add(hashHi, stateHi, stateLo);
    });
    if (count.upTo === undefined) this.#becomeKnown(count);
    return items;
  }

  #becomeKnown(count: Count): void {
    const { tree } = count;
    tree.flags[count.group] = KNOWN;
    tree.unknown--;
    count.group++;
    if (tree.unknown === 0) this.#counts.shift();
  }
}
