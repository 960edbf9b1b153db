/**
 * Search: makes a balanced ring better, change by change, until nothing is left to wish for or nothing more is found.
 *
 * A tabu search. Each turn takes a partition that stands badly, any when none does, and makes the best change that it
 * can take part in: exchange owners with another partition, or go to a member with the smaller share. That change is
 * made even when it is for the worse, and for some turns it may not be undone, which leads out of dead ends.
 *
 * Source: Glover, "Tabu Search" (1989). Deterministic: the dice have a fixed seed.
 * Holds: the result is balanced and no worse than the start. Best effort: how much better.
 */
import { Prng } from '../base/prng.ts';
import { Arrangement, type Severity } from './arrangement.ts';
import { compareTallies, tallyOf, type Problem, type Tally } from './problem.ts';
import type { Steps } from './steps.ts';

export interface Arranged {
  readonly owners: Int32Array;
  readonly tally: Tally;
}

/** Turns without a better ring before the search gives up. */
export interface Patience {
  /** While spacing of three, locations or moves leave something to wish for. */
  readonly main: number;
  /** When only the target spacing and evenness do. */
  readonly last: number;
  /** Turns altogether. */
  readonly most: number;
}

interface Change {
  /** The partition to exchange owners with; undefined when only the one at hand changes. */
  readonly with: number | undefined;
  readonly owner: number;
  readonly price: number;
}

export function* arrange(
  problem: Problem,
  start: Int32Array,
  least: Tally,
  patience: Patience,
): Steps<Arranged> {
  const search = new Search(problem, start);
  const isDone = (): boolean =>
    compareTallies(problem, search.best.tally, least) <= 0 ||
    search.turns === patience.most ||
    search.turnsInVain > (isMainReached(search.best.tally, least) ? patience.last : patience.main);
  const turnsPerStep = Math.max(1, Math.floor(STEP_PARTITIONS / problem.size));
  while (!isDone()) {
    search.takeTurn();
    if (search.turns % turnsPerStep === 0) yield;
  }
  return search.best;
}

/** Whether nothing is left to wish for but target spacing and evenness. */
export function isMainReached(tally: Tally, least: Tally): boolean {
  return tally.tooLocal <= least.tooLocal && tally.n3 <= least.n3 && tally.movesOver === 0;
}

/** A turn looks at the whole ring. On small rings several make a step: about so many partitions, some tenths of a millisecond. */
const STEP_PARTITIONS = 256;
/** Locations often cannot be met: one turn in so many goes to what is wrong otherwise. */
const BESIDES_ONE_IN = 3;
/** For how many turns a partition may not get back an owner it gave up; by lot, so that no two dead ends resonate. */
const TABU_TURNS_MIN = 4;
const TABU_TURNS_MAX = 13;

class Search {
  best: Arranged;
  turns = 0;
  turnsInVain = 0;
  readonly #problem: Problem;
  readonly #ring: Arrangement;
  readonly #dice: Prng;
  readonly #tabuUntil: Int32Array;
  readonly #worst: Int32Array;
  /** What the arrangement said of itself when it was best. */
  #bestWishes = 0;
  #bestUnevenness = 0;
  #bestPrice = 0;

  constructor(problem: Problem, start: Int32Array) {
    this.#problem = problem;
    this.#ring = new Arrangement(problem, start);
    this.#dice = new Prng(problem.size * 1009 + problem.memberCount);
    this.#tabuUntil = new Int32Array(problem.size * problem.memberCount);
    this.#worst = new Int32Array(problem.size);
    this.best = { owners: start, tally: tallyOf(problem, start) };
  }

  takeTurn(): void {
    this.turns++;
    this.turnsInVain++;
    const p = this.#pick();
    const change = this.#bestChangeOf(p);
    if (change === undefined) return;
    const owner = this.#ring.ownerOf(p);
    this.#leave(p, change.owner);
    if (change.with !== undefined) this.#leave(change.with, owner);
    const { wishes, unevenness } = this.#ring;
    if (wishes < this.#bestWishes || (wishes === this.#bestWishes && unevenness < this.#bestUnevenness))
      this.#keepIfBest();
  }

  #leave(partition: number, owner: number): void {
    const until = this.turns + this.#dice.between(TABU_TURNS_MIN, TABU_TURNS_MAX);
    this.#tabuUntil[partition * this.#problem.memberCount + this.#ring.ownerOf(partition)] = until;
    this.#ring.place(partition, owner);
  }

  #keepIfBest(): void {
    this.#bestWishes = this.#ring.wishes;
    this.#bestUnevenness = this.#ring.unevenness;
    this.#bestPrice = this.#ring.price;
    const owners = this.#ring.owners();
    const tally = tallyOf(this.#problem, owners);
    if (compareTallies(this.#problem, tally, this.best.tally) >= 0) return;
    this.best = { owners, tally };
    this.turnsInVain = 0;
  }

  /** One of the partitions in the worst places, by lot. */
  #pick(): number {
    const isBesides = this.#problem.locations !== undefined && this.#dice.below(BESIDES_ONE_IN) === 0;
    const found = this.#findWorst(isBesides ? 2 : 3) || this.#findWorst(3);
    return this.#worst[this.#dice.below(found)] as number;
  }

  /** Lists the partitions in the worst places, but none worse than `most`; returns how many. */
  #findWorst(most: Severity): number {
    let worst = 0;
    let found = 0;
    for (let p = 0; p < this.#problem.size; p++) {
      const severity = this.#ring.severityOf(p);
      if (severity < worst || severity > most) continue;
      if (severity > worst) found = 0;
      worst = severity;
      this.#worst[found++] = p;
    }
    return found;
  }

  #bestChangeOf(p: number): Change | undefined {
    return this.#bestGift(p, this.#bestExchange(p));
  }

  #bestExchange(p: number): Change | undefined {
    const ring = this.#ring;
    const owner = ring.ownerOf(p);
    let best: Change | undefined;
    for (let q = 0; q < this.#problem.size; q++) {
      const other = ring.ownerOf(q);
      if (other === owner) continue;
      const price = ring.priceOfSwapping(p, q, best?.price ?? Infinity);
      if (best !== undefined && price >= best.price) continue;
      if (this.#isAllowed(price, p, other) && this.#isAllowed(price, q, owner))
        best = { with: q, owner: other, price };
    }
    return best;
  }

  /** Shares differ by one: a partition may go from a larger to a smaller one, which only exchanges who has which. */
  #bestGift(p: number, exchange: Change | undefined): Change | undefined {
    const { floor, extras } = this.#problem.shares;
    const counts = this.#ring.counts;
    if (extras === 0 || (counts[this.#ring.ownerOf(p)] as number) === floor) return exchange;
    let best = exchange;
    for (let owner = 0; owner < counts.length; owner++) {
      if ((counts[owner] as number) > floor) continue;
      const price = this.#ring.priceOfPlacing(p, owner);
      if (best !== undefined && price >= best.price) continue;
      if (this.#isAllowed(price, p, owner)) best = { with: undefined, owner, price };
    }
    return best;
  }

  /** Not tabu, or so good that it does not matter. */
  #isAllowed(price: number, partition: number, owner: number): boolean {
    const until = this.#tabuUntil[partition * this.#problem.memberCount + owner] as number;
    return until < this.turns || this.#ring.price + price < this.#bestPrice;
  }
}
