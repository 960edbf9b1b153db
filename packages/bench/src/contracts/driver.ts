/**
 * The driver: what a benchmark does to the system that it measures.
 *
 * The kit makes a state per worker (`new`), then has it run one operation after the other, and ends with `terminate`.
 * Keys and values are drawn by the kit: a driver takes as many as an operation needs.
 *
 * What the kit promises: calls for one state never overlap; `run` is called only for operations that the driver names;
 * `terminate` is called once for every state that `new` gave.
 * What a driver promises: the time between the call of `run` and its outcome is the operation's and nothing else's, so
 * connections are made in `new`; an operation ends sooner or later, since only the drain's end gives up on one.
 */

/** What a key generator gives. The drivers in the box write numbers in decimal. */
export type Key = number | string | Uint8Array;
/** What a put stores: a number or a text as the driver's system writes it, or bytes as they are. */
export type Value = number | string | Uint8Array;

/**
 * How an operation went: well; well but not to be counted (`silent`: there was nothing to do); badly, with a kind under
 * which it is counted - a code such as `timeout`, never a sentence with a key in it; or such that the worker shall end.
 */
export type Outcome = 'ok' | 'silent' | { readonly error: string } | { readonly stop: string };

/** Why a state is closed: its worker is done, or a `run` threw and the worker begins anew. */
export type TerminateReason = 'finished' | 'crash';

/** What a worker knows of itself when its state is made. */
export interface WorkerContext {
  /** 1..workers, over all threads. */
  readonly id: number;
  readonly workers: number;
  /** 0 <= result < 1, from the seed: for whatever the driver draws itself. */
  readonly random: () => number;
}

export interface Driver<State = unknown, Operation extends string = string> {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** What it holds lives in this process alone, so all its workers must be on one thread. */
  readonly oneThread?: boolean;
  /** A rejection ends the whole run before it began: there is nothing to measure then. */
  'new'(worker: WorkerContext): Promise<State> | State;
  /** One that throws or rejects counts as the error `crash: CODE`, and the worker begins anew with another state. */
  run(operation: Operation, nextKey: () => Key, nextValue: () => Value, state: State): Promise<Outcome>;
  terminate(reason: TerminateReason, state: State): Promise<void> | void;
}

/** Thrown by a key generator that has given all its keys: the worker ends, and nothing is wrong. */
export class KeysExhausted extends Error {
  constructor() {
    super('the key generator has given all its keys');
    this.name = 'KeysExhausted';
  }
}
