/**
 * The begins and ends of operations in the order of their times, as a list from which operations are taken and put back.
 *
 * Of two that are at the same moment a begin comes first: the operations may have overlapped.
 */
import type { Operation } from '../history/operation.ts';

/** Behind the last entry. */
export const END = -1;

/** Entries are numbered from 1 on. */
export class EntryList {
  readonly #times: number[] = [];
  readonly #operations: Int32Array;
  /** Where the operation that begins here ends, and 0 at an end. */
  readonly #ends: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(operations: readonly Operation[]) {
    const order = operations
      .flatMap(({ begin, end }, number) => [
        { time: begin, isEnd: false, number },
        { time: end, isEnd: true, number },
      ])
      .toSorted((a, b) => a.time - b.time || Number(a.isEnd) - Number(b.isEnd));
    const length = order.length + 1;
    this.#operations = new Int32Array(length);
    this.#ends = new Int32Array(length);
    this.#next = Int32Array.from({ length }, (_, at) => (at + 1 < length ? at + 1 : END));
    this.#previous = Int32Array.from({ length }, (_, at) => at - 1);
    const begins = new Int32Array(operations.length);
    order.forEach(({ time, isEnd, number }, i) => {
      this.#times.push(time);
      this.#operations[i + 1] = number;
      if (isEnd) this.#ends[begins[number] as number] = i + 1;
      else begins[number] = i + 1;
    });
  }

  get first(): number {
    return this.next(0);
  }

  /** The first end that is in the list. */
  get firstEnd(): number {
    let at = this.first;
    while (at !== END && !this.isEnd(at)) at = this.next(at);
    return at;
  }

  next(at: number): number {
    return this.#next[at] as number;
  }

  isEnd(at: number): boolean {
    return this.#ends[at] === 0;
  }

  operationAt(at: number): number {
    return this.#operations[at] as number;
  }

  /** The last place at which it is earlier than this, ends at the very moment not counted. */
  placeOf(time: number): number {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] as number) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  take(at: number): void {
    for (const entry of [at, this.#ends[at] as number]) {
      const [previous, next] = [this.#previous[entry] as number, this.next(entry)];
      this.#next[previous] = next;
      if (next !== END) this.#previous[next] = previous;
    }
  }

  /** What was taken last comes first. */
  putBack(at: number): void {
    for (const entry of [this.#ends[at] as number, at]) {
      const [previous, next] = [this.#previous[entry] as number, this.next(entry)];
      this.#next[previous] = entry;
      if (next !== END) this.#previous[next] = entry;
    }
  }
}
