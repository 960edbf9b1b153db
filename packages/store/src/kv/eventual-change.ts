/**
 * One change of an eventual key, at its proposer: read at quorum, apply, write the outcome as a plain entry.
 *
 * The outcome is stamped above what was read. A replica that holds something later says so: then the outcome counts for
 * nothing, wherever it went, as the later entry overrules it; and the change is applied anew to that.
 *
 * Exact while all changes of a key run at one node, one after the other. Not promised: exactness while two nodes both hold
 * themselves for the first that is up, nor against plain writes that are stamped below the outcome and were not read.
 *
 * Source: rules 8.
 */
import { compareStamps, STAMP_BYTES, ZERO_STAMP } from '@rkv/core';
import { applyChange, entryAfter, type Change, type ChangeAnswer } from '../entry/change.ts';
import { endOf } from '../entry/expiry.ts';
import { VERSION_AT } from '../entry/layout.ts';
import type { Failure, RequestLevels, RequestOptions } from './api.ts';
import type { ChangeResult } from './commands.ts';
import type { Coordinator, PlacedKey } from './coordinator.ts';
import type { Deadline } from './deadline.ts';
import { ReadRequest } from './read-request.ts';
import { WriteRequest } from './write-request.ts';

export interface EventualChangeInit {
  readonly coordinator: Coordinator;
  readonly placed: PlacedKey;
  readonly change: Change;
  readonly deadline: Deadline;
  readonly levels: RequestLevels | undefined;
  readonly done: (result: ChangeResult) => void;
}

export class EventualChange {
  readonly #init: EventualChangeInit;
  /** The outcome is stamped above this. */
  #floor: Uint8Array = ZERO_STAMP;
  /** Some outcome may have been stored somewhere. */
  #reached = false;

  constructor(init: EventualChangeInit) {
    this.#init = init;
  }

  begin(): void {
    const { coordinator, placed } = this.#init;
    new ReadRequest(coordinator).begin(placed.key, this.#options, {
      onEntry: (entry) => this.#handleRead(entry),
      onValue: () => {},
      onMissing: () => {},
      onFailure: (failure) => this.#fail(failure),
    });
  }

  #handleRead(held: Uint8Array | undefined): void {
    const { coordinator, placed, change } = this.#init;
    const { defaults, clock } = coordinator;
    const nowMs = coordinator.clusterTime();
    const { answer, next } = applyChange(held, change, nowMs, defaults.valueBytesMax);
    if (next === undefined) {
      const version = held?.slice(VERSION_AT, VERSION_AT + STAMP_BYTES) ?? ZERO_STAMP;
      return this.#succeed(answer, version);
    }
    const version = new Uint8Array(STAMP_BYTES);
    if (held !== undefined) this.#rise(endOf(held, nowMs), 0);
    clock.write(version, 0, { bytes: this.#floor, at: 0 });
    const entry = entryAfter(placed.key, held, next, version);
    // The read's bytes are borrowed, and the answer may show some of them.
    const kept = { ...answer, value: answer.value?.slice() };
    new WriteRequest(coordinator).replace(placed.key, entry, this.#options, {
      onWritten: () => this.#succeed(kept, version),
      onLater: (later) => this.#applyAnew(later),
      onFailure: (failure) => this.#fail(failure),
    });
  }

  #applyAnew(later: Uint8Array): void {
    this.#reached = true;
    this.#rise(later, 0);
    this.begin();
  }

  #rise(stamp: Uint8Array, at: number): void {
    if (compareStamps(stamp, at, this.#floor, 0) > 0) this.#floor = stamp.slice(at, at + STAMP_BYTES);
  }

  get #options(): RequestOptions {
    return { ...this.#init.levels, timeoutMs: this.#init.deadline.remainingMs };
  }

  #succeed(answer: ChangeAnswer, version: Uint8Array): void {
    this.#init.done({ kind: 'answer', answer: { ...answer, version } });
  }

  #fail(failure: Failure): void {
    this.#init.done({ kind: 'failure', failure: this.#reached ? { ...failure, definite: false } : failure });
  }
}
