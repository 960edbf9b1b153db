/**
 * One change of an eventual key, at its proposer: read at quorum, apply, write the outcome as a plain entry.
 *
 * The outcome is stamped above what was read. A replica that holds something later says so: then the key is read again. The
 * later entry overrules the outcome, wherever that went, and the change is applied anew to it. Or nothing overruled the
 * outcome, its stamp was too low for a replica (of a reap floor, or of an expiry that is over). Then it is written again,
 * under a higher stamp, where it is found itself, and where what is found is earlier and does not meet the condition (any
 * more): a replica that was not heard may have taken it.
 *
 * Exact while all changes of a key run at one node, one after the other. Not promised: exactness while two nodes both hold
 * themselves for the first that is up, nor against plain writes that are stamped below the outcome and were not read.
 *
 * Source: rules 8.
 */
import { compareStamps, STAMP_BYTES, ZERO_STAMP } from '@rkv/core';
import { applyChange, entryAfter, entryAgain, type Change, type ChangeAnswer } from '../entry/change.ts';
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

/** What the change made of the key: it may have been stored somewhere. */
interface Outcome {
  readonly entry: Uint8Array;
  readonly answer: ChangeAnswer;
}

export class EventualChange {
  readonly #init: EventualChangeInit;
  /** The outcome is stamped above this. */
  #floor: Uint8Array = ZERO_STAMP;
  /** In the order of their stamps. */
  readonly #made: Outcome[] = [];

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
    const nowMs = coordinator.clusterTime();
    const found = held && this.#made.find(({ entry }) => compareVersions(entry, held) === 0);
    if (found !== undefined) return this.#writeAgain(found, held, nowMs);
    const { answer, next } = applyChange(held, change, nowMs, coordinator.defaults.valueBytesMax);
    if (next !== undefined) {
      // The read's bytes are borrowed, and the answer may show some of them.
      const kept = { ...answer, value: answer.value?.slice() };
      const version = this.#stampAbove(held, nowMs);
      return this.#write({ entry: entryAfter(placed.key, held, next, version), answer: kept });
    }
    const latest = this.#made.at(-1);
    const isOverruled = held !== undefined && latest !== undefined && compareVersions(held, latest.entry) > 0;
    if (latest !== undefined && !isOverruled) return this.#writeAgain(latest, held, nowMs);
    this.#succeed(answer, held ? versionOf(held) : ZERO_STAMP);
  }

  #writeAgain({ entry, answer }: Outcome, held: Uint8Array | undefined, nowMs: number): void {
    const version = this.#stampAbove(held, nowMs);
    this.#write({ entry: entryAgain(this.#init.placed.key, entry, version), answer });
  }

  #stampAbove(held: Uint8Array | undefined, nowMs: number): Uint8Array {
    const version = new Uint8Array(STAMP_BYTES);
    if (held !== undefined) this.#rise(endOf(held, nowMs), 0);
    this.#init.coordinator.clock.write(version, 0, { bytes: this.#floor, at: 0 });
    return version;
  }

  #write(outcome: Outcome): void {
    const { coordinator, placed } = this.#init;
    new WriteRequest(coordinator).replace(placed.key, outcome.entry, this.#options, {
      onWritten: () => this.#succeed(outcome.answer, versionOf(outcome.entry)),
      onLater: (later) => {
        this.#made.push(outcome);
        this.#rise(later, 0);
        this.begin();
      },
      onFailure: (failure) => this.#fail(failure),
    });
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
    const isInDoubt = this.#made.length > 0;
    this.#init.done({ kind: 'failure', failure: isInDoubt ? { ...failure, definite: false } : failure });
  }
}

function versionOf(entry: Uint8Array): Uint8Array {
  return entry.slice(VERSION_AT, VERSION_AT + STAMP_BYTES);
}

function compareVersions(a: Uint8Array, b: Uint8Array): number {
  return compareStamps(a, VERSION_AT, b, VERSION_AT);
}
