/**
 * One range of two copies, compared: down the trees to the leaves that differ, and there item by item.
 *
 * A machine with one question open at a time, so each costs a way there and back. A part that few items lie in is therefore
 * listed at once, and so is a range of which twice as many parts differ as it has pages of states.
 *
 * What differs is fetched and merged first; then our items are given where they still differ, so that of two versions of a key
 * one crosses the wire, if it is theirs that is later.
 *
 * What is being written while the two talk differs for a moment. Each level is asked after the one above was answered, so
 * by then such a difference is gone; where it is not, an item comes twice, which does no harm.
 *
 * Source: Merkle trees as in Dynamo 4.7; Riak's hashtree exchange. rules 11.
 */
import { assert } from '../base/assert.ts';
import { ZERO_STAMP } from '../base/hybrid-clock.ts';
import type { PartitionId } from '../contracts/ids.ts';
import type { HashRange } from '../contracts/store.ts';
import type { ItemTrees, StatePage } from '../contracts/vnode.ts';
import type { Answer, Position, Question } from './exchange-wire.ts';

/** Sums in one answer: those of a group of leaves, or of as many groups. */
const PARTS_MAX = 64;
/** States on one page: each is of an entry that was read to its end. */
export const STATES_MAX = 256;
/** Two of its position and two of its state. */
const WORDS_PER_STATE = 4;
/** A part that fills so much of a page is listed at once: fewer questions than sums and then states, and few bytes. */
const LISTED_PAGES = 1 / 4;
/** A part that differs costs a question for its states, and mostly one for its sums before. */
const QUESTIONS_PER_PART = 2;
/** Positions in one question for items: each is looked for in the store. */
export const POSITIONS_MAX = 64;
/** Bytes of items in one frame, about; one item may be longer. */
export const ITEMS_BYTES = 64 * 1024;
/** Items in one frame: they are merged in one step. */
const ITEMS_MAX = 64;

/** Why nothing came of a question to a node that does not keep to the protocol. */
export const OTHER_ANSWER = 'it was answered something else than was asked';

export type ComparisonEvent =
  | Answer
  /** What was to be merged is durable, or was not stored. */
  | { readonly kind: 'merged'; readonly changed: number; readonly failed: number };

export type ComparisonEffect =
  | { readonly kind: 'ask'; readonly question: Question }
  /** `asOf`: the reap floor here when they were asked for. */
  | { readonly kind: 'merge'; readonly items: readonly Uint8Array[]; readonly asOf: Uint8Array }
  /** `reason`: why it was given up; undefined: all of the range was compared. */
  | { readonly kind: 'end'; readonly reason: string | undefined };

export interface ComparisonInit {
  /** Of the copy here. */
  readonly trees: ItemTrees;
  /** The copy there. */
  readonly partition: PartitionId;
  readonly range: HashRange;
  /** Of all replicas of the range. */
  readonly leafWidth: number;
  /** The reap floor here, now. */
  floor(): Uint8Array;
}

/** Still to be compared; `listed`: by its states, whatever its width. */
interface Open {
  readonly within: HashRange;
  readonly listed: boolean;
}

export class Comparison {
  readonly #init: ComparisonInit;
  /** The next one last. */
  readonly #open: Open[];
  #current!: HashRange;
  /** The reap floor when the question was asked that is open. */
  #asOf: Uint8Array = ZERO_STAMP;
  /** What kind of answer is waited for. */
  #expected: Answer['kind'] | undefined;
  /** Our sums when theirs were asked for. */
  #oursWhenAsked: Uint32Array | undefined;
  /** How much of the hashes a page of states covers here; read when something first differs. */
  #pageWidth: number | undefined;
  /** Where the next page of states begins. */
  #after: Position | undefined;
  #more = false;
  /** Of the present page: their states, by name. */
  #theirs: ReadonlySet<string> = new Set();
  #toFetch: Position[] = [];
  #toGive: Position[] = [];
  /** Could not be stored, here or there. */
  failed = 0;

  constructor(init: ComparisonInit) {
    this.#init = init;
    this.#open = [{ within: init.range, listed: false }];
  }

  begin(): ComparisonEffect {
    return this.#next();
  }

  step(event: ComparisonEvent): ComparisonEffect {
    if (event.kind === 'merged') return this.#goOn(event);
    if (event.kind === 'refused') return { kind: 'end', reason: event.reason };
    if (event.kind === 'roots' || event.kind !== this.#expected) return { kind: 'end', reason: OTHER_ANSWER };
    switch (event.kind) {
      case 'sums':
        return this.#handleSums(event.sums);
      case 'states':
        return this.#handleStates(event);
      case 'items':
        return this.#handleItems(event.answered, event.items);
      case 'given':
        return this.#goOn(event);
    }
  }

  /** A store that takes nothing would be sent everything. */
  #goOn({ changed, failed }: { readonly changed: number; readonly failed: number }): ComparisonEffect {
    this.failed += failed;
    if (failed > 0 && changed === 0)
      return { kind: 'end', reason: `${this.failed} items could not be stored` };
    return this.#mend();
  }

  #next(): ComparisonEffect {
    const open = this.#open.pop();
    if (open === undefined) return { kind: 'end', reason: undefined };
    this.#current = open.within;
    this.#after = undefined;
    if (open.listed || this.#isLeaf(open.within)) return this.#askStates();
    const { partition, trees } = this.#init;
    const parts = this.#partsOf(open.within);
    this.#oursWhenAsked = trees.sums(open.within, parts);
    return this.#ask({ kind: 'sums', partition, within: open.within, parts });
  }

  #handleSums(theirs: Uint32Array | undefined): ComparisonEffect {
    const within = this.#current;
    const parts = this.#partsOf(within);
    const ours = this.#init.trees.sums(within, parts);
    if (ours === undefined || theirs === undefined)
      return { kind: 'end', reason: 'one of the two is still counting what it holds' };
    if (theirs.length !== 2 * parts) return { kind: 'end', reason: 'the two cut their ranges differently' };
    const differing = partsThatDiffer(ours, theirs);
    if (differing.length > 0) this.#openParts(within, widthOf(within) / parts, differing, ours);
    return this.#next();
  }

  /** Either all of the range, to be listed, or the parts of it. */
  #openParts(within: HashRange, width: number, parts: readonly number[], ours: Uint32Array): void {
    this.#pageWidth ??= widthOfPage(this.#init);
    // What is being written differs for a moment: that is no reason to read everything.
    const moving = new Set(this.#oursWhenAsked && partsThatDiffer(ours, this.#oursWhenAsked));
    const settled = parts.filter((part) => !moving.has(part));
    if (QUESTIONS_PER_PART * Math.ceil(widthOf(within) / this.#pageWidth) <= settled.length) {
      this.#open.push({ within, listed: true });
      return;
    }
    const listed = width <= LISTED_PAGES * this.#pageWidth;
    for (const part of parts.toReversed()) {
      const start = within.start + part * width;
      this.#open.push({ within: { start, end: start + width }, listed });
    }
  }

  #askStates(): ComparisonEffect {
    const { partition } = this.#init;
    const question = { partition, within: this.#current, after: this.#after, limit: STATES_MAX };
    return this.#ask({ kind: 'states', ...question });
  }

  #handleStates(theirs: StatePage): ComparisonEffect {
    const { trees } = this.#init;
    const ours = trees.states(this.#current, this.#after, STATES_MAX);
    // Compared is what both pages reach to.
    const end = earlier(ours.upTo, theirs.upTo);
    const [here, there] = [statesUpTo(ours.states, end), statesUpTo(theirs.states, end)];
    this.#more = end !== undefined;
    this.#after = end;
    this.#theirs = new Set(there.keys());
    this.#toFetch = positionsNotAmong(there, here);
    this.#toGive = positionsNotAmong(here, there);
    return this.#mend();
  }

  #handleItems(answered: number, items: readonly Uint8Array[]): ComparisonEffect {
    // Whoever answers none of them will not do better when asked again.
    this.#toFetch.splice(0, answered === 0 ? this.#toFetch.length : answered);
    return items.length > 0 ? { kind: 'merge', items, asOf: this.#asOf } : this.#mend();
  }

  /** What is left to do for the present page. */
  #mend(): ComparisonEffect {
    const { partition, floor } = this.#init;
    if (this.#toFetch.length > 0) {
      const positions = Uint32Array.from(this.#toFetch.slice(0, POSITIONS_MAX).flat());
      return this.#ask({ kind: 'items', partition, positions });
    }
    const items = this.#itemsToGive();
    if (items.length > 0) return this.#ask({ kind: 'give', partition, asOf: floor(), items });
    return this.#more ? this.#askStates() : this.#next();
  }

  #itemsToGive(): Uint8Array[] {
    const { trees } = this.#init;
    const items: Uint8Array[] = [];
    let bytes = 0;
    while (this.#toGive.length > 0 && bytes < ITEMS_BYTES && items.length < ITEMS_MAX) {
      const position = this.#toGive.pop() as Position;
      if (this.#isAsTheirs(position)) continue;
      for (const item of trees.itemsAt(...position)) {
        items.push(item);
        bytes += item.length;
      }
    }
    return items;
  }

  /** After what they hold there has been merged in. */
  #isAsTheirs([hashHi, hashLo]: Position): boolean {
    const before: Position | undefined = hashLo === 0 ? undefined : [hashHi, hashLo - 1];
    const page = this.#init.trees.states({ start: hashHi, end: hashHi + 1 }, before, 1);
    return namesOf(page.states).every(
      ({ name, position }) => position[0] !== hashHi || position[1] !== hashLo || this.#theirs.has(name),
    );
  }

  #ask(question: Question): ComparisonEffect {
    this.#asOf = this.#init.floor();
    this.#expected = question.kind === 'give' ? 'given' : question.kind;
    return { kind: 'ask', question };
  }

  #isLeaf(within: HashRange): boolean {
    return widthOf(within) <= this.#init.leafWidth;
  }

  #partsOf(within: HashRange): number {
    const leaves = widthOf(within) / this.#init.leafWidth;
    assert(Number.isInteger(leaves), 'a range is cut into whole leaves');
    return Math.min(PARTS_MAX, leaves);
  }
}

/** How many values of a hash's first word a page of states covers here: hashes lie evenly, so the first page tells of all. */
function widthOfPage({ trees, range }: ComparisonInit): number {
  const { states, upTo } = trees.states(range, undefined, STATES_MAX);
  if (upTo !== undefined) return upTo[0] + 1 - range.start;
  return (widthOf(range) * STATES_MAX) / Math.max(1, states.length / WORDS_PER_STATE);
}

/** In their order; the sums are two words each. */
function partsThatDiffer(ours: Uint32Array, theirs: Uint32Array): number[] {
  const parts: number[] = [];
  for (let at = 0; at < ours.length; at += 2)
    if (ours[at] !== theirs[at] || ours[at + 1] !== theirs[at + 1]) parts.push(at / 2);
  return parts;
}

function widthOf({ start, end }: HashRange): number {
  return end - start;
}

/** Their names tell both position and state; they stay in hash order. */
function namesOf(states: Uint32Array): { readonly name: string; readonly position: Position }[] {
  const named = [];
  for (let i = 0; i + WORDS_PER_STATE <= states.length; i += WORDS_PER_STATE) {
    const position: Position = [states[i] as number, states[i + 1] as number];
    named.push({ name: `${position[0]}.${position[1]}.${states[i + 2]}.${states[i + 3]}`, position });
  }
  return named;
}

function statesUpTo(states: Uint32Array, end: Position | undefined): ReadonlyMap<string, Position> {
  const named = namesOf(states).filter(({ position }) => end === undefined || isUpTo(position, end));
  return new Map(named.map(({ name, position }) => [name, position]));
}

/** Each once. */
function positionsNotAmong(
  some: ReadonlyMap<string, Position>,
  others: ReadonlyMap<string, Position>,
): Position[] {
  const positions: Position[] = [];
  for (const [name, position] of some) {
    const last = positions.at(-1);
    const isNamed = last !== undefined && last[0] === position[0] && last[1] === position[1];
    if (!others.has(name) && !isNamed) positions.push(position);
  }
  return positions;
}

function isUpTo([hi, lo]: Position, [endHi, endLo]: Position): boolean {
  return hi < endHi || (hi === endHi && lo <= endLo);
}

/** Undefined stands for the end. */
function earlier(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isUpTo(a, b) ? a : b;
}
