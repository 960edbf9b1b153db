/**
 * The history of a run: operations as they begin and end, in one order.
 *
 *     const history = new History({ now: () => world.now() });        // or () => performance.now()
 *     const operation = history.begin({ client: 'c1', key: 'k', kind: 'write', input: 'a' });
 *     ...
 *     history.ok(operation);                                           // or failed, or indefinite
 *
 * Holds: no two moments are equal. Clocks, and virtual ones above all, stand still while a client is answered and asks
 * again; what came later in the program is given a later time, so that checkers know the order too.
 */
import type { Copy, Invocation, Json, Operation, Operations, Outcome, QuietTime } from './operation.ts';

/** As events come, one object each: what a history file keeps (history-file.ts). */
export type HistoryEvent =
  | (Invocation & { readonly at: number; readonly begin: number })
  | ({ readonly at: number } & Answer & { readonly [outcome in Outcome]?: number })
  | { readonly quiet: QuietTime }
  | { readonly copy: Copy };

/** What came of an operation, as far as it was told. */
export interface Answer {
  readonly output?: Json;
  readonly version?: string;
  readonly error?: string;
}

/** By which clock a history goes, and who else hears of it. */
export interface HistoryInit {
  /** Milliseconds. All clients of a history go by one clock. */
  now(): number;
  /** Told of each event at once. */
  onEvent?(event: HistoryEvent): void;
  /** Keep nothing here: `onEvent` does. */
  readonly forgets?: boolean;
}

/** A handle on what is under way. */
export interface OpenOperation {
  /** Counted from 1. */
  readonly number: number;
  readonly operation: Operation;
}

/** The least that two moments are apart, ms: well below what any clock here tells apart. */
const HAIR_MS = 1e-6;

export class History implements Operations {
  readonly #init: HistoryInit;
  #latest = -Infinity;
  #begun = 0;
  readonly operations: Operation[] = [];
  readonly quiet: QuietTime[] = [];
  readonly copies: Copy[] = [];

  constructor(init: HistoryInit) {
    this.#init = init;
  }

  /** How many operations have begun. */
  get count(): number {
    return this.#begun;
  }

  begin(invocation: Invocation): OpenOperation {
    const at = this.moment();
    const operation: Operation = { ...invocation, begin: at, end: Infinity, outcome: undefined };
    const number = ++this.#begun;
    if (this.#init.forgets !== true) this.operations.push(operation);
    this.#init.onEvent?.({ at, begin: number, ...invocation });
    return { number, operation };
  }

  /** It was answered. */
  ok(open: OpenOperation, answer: Answer = {}): Operation {
    return this.#end(open, 'ok', answer);
  }

  /** It surely has no effect. */
  failed(open: OpenOperation, error?: string): Operation {
    return this.#end(open, 'failed', error === undefined ? {} : { error });
  }

  /** Nobody knows what came of it, or will. */
  indefinite(open: OpenOperation, error?: string): Operation {
    return this.#end(open, 'indefinite', error === undefined ? {} : { error });
  }

  addQuiet(quiet: QuietTime): void {
    if (this.#init.forgets !== true) this.quiet.push(quiet);
    this.#init.onEvent?.({ quiet });
  }

  addCopy(held: Omit<Copy, 'at'>): void {
    const copy: Copy = { ...held, at: this.moment() };
    if (this.#init.forgets !== true) this.copies.push(copy);
    this.#init.onEvent?.({ copy });
  }

  /** Now, and later than everything in the history. Quiet times are made of such. */
  moment(): number {
    this.#latest = Math.max(this.#init.now(), this.#latest + HAIR_MS);
    return this.#latest;
  }

  #end({ number, operation }: OpenOperation, outcome: Outcome, answer: Answer): Operation {
    const at = this.moment();
    // The one place where an operation changes; whoever looks at the history sees it whole.
    Object.assign(operation, { outcome, end: at }, answer);
    this.#init.onEvent?.({ at, [outcome]: number, ...answer });
    return operation;
  }
}
