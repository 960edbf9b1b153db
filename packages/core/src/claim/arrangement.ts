/**
 * Arrangement: a ring being rearranged, which knows at once what a change would cost.
 *
 * A partition lies in few windows, so a change of its owner is priced by looking at its neighbours and never at
 * the whole ring. The price is a weighted sum that shows the search its way; which ring is best in the end is
 * judged wish by wish (`compareTallies`).
 *
 * The owners stand in an array whose ends repeat the other end, so that windows need no modulo.
 */
import type { Problem } from './problem.ts';
import { countOwners } from './shares.ts';
import { lackingOf, neighboursOf } from './spacing.ts';

/**
 * Prices. A wish is not outbid by the next one in a single change: that one touches at most nine windows of the
 * target (36 < one move too many) and makes two moves (82 < one window of three).
 */
const PRICE_LACKING = 4000;
const PRICE_N3 = 400;
const PRICE_MOVE_OVER = 40;
const PRICE_TARGET = 4;
const PRICE_MOVE = 1;
const PRICE_UNEVEN = 0.05;
/** A change whose other prices are so much worse than what is at hand is not worth weighing its unevenness. */
const UNEVEN_MATTERS = 5;

/** What is wrong with a partition's place: nothing, a window of the target, too many moves, a window of three. */
export type Severity = 0 | 1 | 2 | 3;

export class Arrangement {
  /** Partitions per member. */
  readonly counts: Int32Array;
  /** The price of what is wished for, relative to the start; whole numbers. */
  wishes = 0;
  /** How uneven the ring is, relative to the start. */
  unevenness = 0;
  #moves = 0;
  readonly #problem: Problem;
  readonly #pad: number;
  readonly #ring: Int32Array;
  readonly #near: Int32Array;

  /** `owners`: members only, no leavers. */
  constructor(problem: Problem, owners: Int32Array) {
    this.#problem = problem;
    this.#pad = problem.target - 1;
    this.#ring = new Int32Array(problem.size + 2 * this.#pad);
    this.#near = neighboursOf(owners, problem.memberCount);
    this.counts = countOwners(owners, problem.memberCount);
    for (let p = 0; p < problem.size; p++) {
      this.#write(p, owners[p] as number);
      if (owners[p] !== problem.before[p]) this.#moves++;
    }
  }

  ownerOf(partition: number): number {
    return this.#ring[partition + this.#pad] as number;
  }

  owners(): Int32Array {
    return this.#ring.slice(this.#pad, this.#pad + this.#problem.size);
  }

  /** What guides the search, relative to the start. */
  get price(): number {
    return this.wishes + PRICE_UNEVEN * this.unevenness;
  }

  place(partition: number, owner: number): void {
    const old = this.ownerOf(partition);
    this.counts[old] = (this.counts[old] as number) - 1;
    this.counts[owner] = (this.counts[owner] as number) + 1;
    const moveChange = this.#moveChange(partition, owner);
    this.wishes += this.#windowChange(partition, owner) + this.#priceOfMoves(moveChange);
    this.#moves += moveChange;
    this.unevenness += this.#exchange(partition, owner);
  }

  /** What the price changes by when this partition goes to `owner`. */
  priceOfPlacing(partition: number, owner: number): number {
    const price =
      this.#windowChange(partition, owner) + this.#priceOfMoves(this.#moveChange(partition, owner));
    const old = this.ownerOf(partition);
    const uneven = this.#exchange(partition, owner);
    this.#exchange(partition, old);
    return price + PRICE_UNEVEN * uneven;
  }

  /** What the price changes by when two partitions exchange owners; only roughly when it is well above `enough`. */
  priceOfSwapping(p: number, q: number, enough: number): number {
    const ownerP = this.ownerOf(p);
    const ownerQ = this.ownerOf(q);
    const moves = this.#moveChange(p, ownerQ) + this.#moveChange(q, ownerP);
    let price = this.#windowChange(p, ownerQ) + this.#priceOfMoves(moves);
    this.#write(p, ownerQ);
    price += this.#windowChange(q, ownerP);
    this.#write(p, ownerP);
    if (price > enough + UNEVEN_MATTERS) return price;
    const uneven = this.#exchange(p, ownerQ) + this.#exchange(q, ownerP);
    this.#exchange(q, ownerQ);
    this.#exchange(p, ownerP);
    return price + PRICE_UNEVEN * uneven;
  }

  severityOf(partition: number): Severity {
    const price = this.#priceAround(partition);
    if (price >= PRICE_N3) return 3;
    if (this.#moves > this.#problem.movesFree && this.ownerOf(partition) !== this.#problem.before[partition])
      return 2;
    return price > 0 ? 1 : 0;
  }

  #windowChange(partition: number, owner: number): number {
    const old = this.ownerOf(partition);
    const before = this.#priceAround(partition);
    this.#write(partition, owner);
    const after = this.#priceAround(partition);
    this.#write(partition, old);
    return after - before;
  }

  /** The price of all windows that this partition lies in. */
  #priceAround(partition: number): number {
    let price = 0;
    for (let at = partition; at <= partition + this.#pad; at++) price += this.#windowPrice(at);
    return price;
  }

  /** The windows of three and of the target that begin at this place of the padded array. */
  #windowPrice(at: number): number {
    const ring = this.#ring;
    const a = ring[at] as number;
    const b = ring[at + 1] as number;
    const c = ring[at + 2] as number;
    let price = 0;
    if (a === b || b === c || a === c) price = PRICE_N3 + PRICE_TARGET;
    else if (this.#repeatsBeyondThree(at)) price = PRICE_TARGET;
    const locations = this.#problem.locations;
    if (locations === undefined) return price;
    const { of, wanted } = locations;
    return price + PRICE_LACKING * lackingOf(of[a] as number, of[b] as number, of[c] as number, wanted);
  }

  #repeatsBeyondThree(at: number): boolean {
    const ring = this.#ring;
    const end = at + this.#problem.target;
    for (let late = at + 3; late < end; late++) {
      for (let early = at; early < late; early++) if (ring[early] === ring[late]) return true;
    }
    return false;
  }

  #moveChange(partition: number, owner: number): number {
    const home = this.#problem.before[partition];
    return (owner === home ? 0 : 1) - (this.ownerOf(partition) === home ? 0 : 1);
  }

  #priceOfMoves(change: number): number {
    if (change === 0) return 0;
    const free = this.#problem.movesFree;
    const over = Math.max(0, this.#moves + change - free) - Math.max(0, this.#moves - free);
    return change * PRICE_MOVE + over * PRICE_MOVE_OVER;
  }

  /** Gives a partition to `owner`, keeping track of who stands near whom; returns the change of unevenness. */
  #exchange(partition: number, owner: number): number {
    const change = this.#meet(partition, this.ownerOf(partition), -1) + this.#meet(partition, owner, 1);
    this.#write(partition, owner);
    return change;
  }

  #meet(partition: number, owner: number, by: 1 | -1): number {
    const at = partition + this.#pad;
    let change = 0;
    for (let other = at - 2; other <= at + 2; other++) {
      if (other !== at) change += this.#meetOne(owner, this.#ring[other] as number, by);
    }
    return change;
  }

  #meetOne(a: number, b: number, by: 1 | -1): number {
    const near = this.#near;
    const there = a * this.#problem.memberCount + b;
    const back = b * this.#problem.memberCount + a;
    const old = near[there] as number;
    near[there] = old + by;
    const oldBack = near[back] as number;
    near[back] = oldBack + by;
    return by * (2 * old + by) + by * (2 * oldBack + by);
  }

  #write(partition: number, owner: number): void {
    const { size } = this.#problem;
    const pad = this.#pad;
    this.#ring[partition + pad] = owner;
    if (partition < pad) this.#ring[partition + pad + size] = owner;
    if (partition >= size - pad) this.#ring[partition + pad - size] = owner;
  }
}
