/**
 * Which states are still needed, and whether they can come back.
 *
 * An operation that can be done in one state only, such as a read of what was written once, is lost when that state is left
 * for good, or another one is entered from which no way leads there. Without this a search notices it as late as at that
 * operation's end, and tries all the rest before.
 */
import type { Operation } from '../history/operation.ts';
import type { Hints, PrimitiveState } from './model.ts';

const NONE = -1;

export class Demand {
  readonly #numbers = new Map<PrimitiveState, number>();
  /** By operation: the number of the state. */
  readonly #needs: Int32Array;
  readonly #makes: Int32Array;
  /** By state: how many operations that are not done yet need it, and make it. */
  readonly #needers: number[] = [];
  readonly #makers: number[] = [];
  /** By state. */
  readonly #states: PrimitiveState[] = [];
  readonly #isDone: Uint8Array;
  /** All before it are done or need nothing. */
  #first = 0;
  readonly #canBecome: Hints['canBecome'];

  /** What `doubted` needs does not count. */
  constructor(
    certain: readonly Operation[],
    optional: readonly Operation[],
    { needs, makes, canBecome }: Hints,
    doubted: Operation | undefined,
  ) {
    this.#needs = Int32Array.from(certain, (operation) =>
      operation === doubted ? NONE : this.#numberOf(needs?.(operation)),
    );
    this.#canBecome = canBecome;
    this.#isDone = new Uint8Array(certain.length);
    this.#makes = Int32Array.from(certain, (operation) => this.#numberOf(makes?.(operation)));
    for (const number of this.#needs) add(this.#needers, number, 1);
    for (const number of this.#makes) add(this.#makers, number, 1);
    // They may be done at any time from their begin on; that some are used up is not counted.
    for (const operation of optional) add(this.#makers, this.#numberOf(makes?.(operation)), 1);
  }

  done(operation: number): void {
    this.#isDone[operation] = 1;
    add(this.#needers, this.#needs[operation] as number, -1);
    add(this.#makers, this.#makes[operation] as number, -1);
  }

  undone(operation: number): void {
    this.#isDone[operation] = 0;
    this.#first = Math.min(this.#first, operation);
    add(this.#needers, this.#needs[operation] as number, 1);
    add(this.#makers, this.#makes[operation] as number, 1);
  }

  /** Whether somebody needs this state who will not get it any more when it is left now. */
  isMissed(state: PrimitiveState): boolean {
    const number = this.#numbers.get(state);
    return number !== undefined && (this.#needers[number] as number) > 0 && this.#makers[number] === 0;
  }

  /** Whether no way leads from this state to the one that is needed next. */
  isAstray(state: PrimitiveState): boolean {
    if (this.#canBecome === undefined) return false;
    while (this.#first < this.#needs.length && this.#isPassed(this.#first)) this.#first++;
    const number = this.#needs[this.#first];
    return number !== undefined && !this.#canBecome(state, this.#states[number] as PrimitiveState);
  }

  #isPassed(operation: number): boolean {
    return this.#isDone[operation] === 1 || this.#needs[operation] === NONE;
  }

  #numberOf(state: PrimitiveState | undefined): number {
    if (state === undefined) return NONE;
    let number = this.#numbers.get(state);
    if (number === undefined) {
      this.#numbers.set(state, (number = this.#numbers.size));
      this.#states.push(state);
      this.#needers.push(0);
      this.#makers.push(0);
    }
    return number;
  }
}

function add(counts: number[], number: number, by: number): void {
  if (number !== NONE) counts[number] = (counts[number] as number) + by;
}
