/**
 * One command, many keys: a store call per key, so many at a time, and one outcome when the last has answered.
 *
 * After the first failure no more calls are begun; those under way are waited for, because the next command of
 * the client must not overtake them. The keys are independent: a failed MSET or DEL may have done some of its
 * work, and its failure says so (`definite` only when nothing was done).
 */
import type { Failure, ReadSink, WriteSink } from '../../kv/api.ts';

/** Calls under way at once. Enough to fill the frames to the peers, few enough not to fill their queues. */
export const FAN_OUT_MAX = 256;

export interface FanOutInit<Result> {
  readonly count: number;
  /** Begin the call for one key; ends in `settle` or `fail`, now or later. */
  call(index: number, fan: FanOut<Result>): void;
  /** Results in the order of the keys. */
  finish(results: readonly Result[]): void;
  fail(failure: Failure): void;
  /** When true no more calls are begun. */
  abandoned(): boolean;
  /** When true no more are begun until one of those under way has answered. */
  crowded?(): boolean;
}

export class FanOut<Result> {
  readonly #init: FanOutInit<Result>;
  readonly #results: Result[];
  #failure: Failure | undefined;
  #begun = 0;
  #answered = 0;
  #succeeded = 0;
  #filling = false;

  constructor(init: FanOutInit<Result>) {
    this.#init = init;
    this.#results = Array.from({ length: init.count });
    this.#fill();
  }

  settle(index: number, result: Result): void {
    this.#results[index] = result;
    this.#succeeded++;
    this.#advance();
  }

  fail(failure: Failure): void {
    if (this.#failure === undefined || !failure.definite) this.#failure = failure;
    this.#advance();
  }

  #advance(): void {
    this.#answered++;
    if (!this.#filling) this.#fill();
  }

  /** A loop, not a recursion, when the store answers within the call. */
  #fill(): void {
    this.#filling = true;
    while (this.#mayBegin()) this.#init.call(this.#begun++, this);
    this.#filling = false;
    if (this.#answered === this.#begun) this.#finish();
  }

  #mayBegin(): boolean {
    const underWay = this.#begun - this.#answered;
    const wanted = this.#failure === undefined && !this.#init.abandoned();
    if (!wanted || this.#begun >= this.#init.count || underWay >= FAN_OUT_MAX) return false;
    return underWay === 0 || this.#init.crowded?.() !== true;
  }

  #finish(): void {
    const failure = this.#failure;
    if (failure === undefined) this.#init.finish(this.#results);
    else this.#init.fail({ ...failure, definite: failure.definite && this.#succeeded === 0 });
  }
}

/** Settles with what `onFound` makes of the value, or with `missing`. */
export class ReadInto<Result> implements ReadSink {
  readonly #fan: FanOut<Result>;
  readonly #index: number;
  readonly #found: (bytes: Uint8Array, start: number, end: number) => Result;
  readonly #missing: Result;

  constructor(
    fan: FanOut<Result>,
    index: number,
    reader: { found: (bytes: Uint8Array, start: number, end: number) => Result; missing: Result },
  ) {
    this.#fan = fan;
    this.#index = index;
    this.#found = reader.found;
    this.#missing = reader.missing;
  }

  onValue(bytes: Uint8Array, start: number, end: number): void {
    this.#fan.settle(this.#index, this.#found(bytes, start, end));
  }

  onMissing(): void {
    this.#fan.settle(this.#index, this.#missing);
  }

  onFailure(failure: Failure): void {
    this.#fan.fail(failure);
  }
}

/** Settles with whether there was a value before. */
export class WriteInto implements WriteSink {
  readonly #fan: FanOut<boolean>;
  readonly #index: number;

  constructor(fan: FanOut<boolean>, index: number) {
    this.#fan = fan;
    this.#index = index;
  }

  onWritten(existed: boolean): void {
    this.#fan.settle(this.#index, existed);
  }

  onFailure(failure: Failure): void {
    this.#fan.fail(failure);
  }
}
