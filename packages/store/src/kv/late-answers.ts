/**
 * Replicas that had not spoken yet when a read was answered: they are heard all the same. A primary that turns out to be behind
 * is sent what was read; if one has something later, those who had answered are sent that.
 *
 * They are few: a read asks no more replicas than it needs until one of them is slow. What is kept for them is the entry,
 * until all have spoken or the read's time is up.
 *
 * Source: Dynamo 4.5 (read repair); rules 8. Not promised: that a later state is passed on which was told without its value.
 */
import { carveCopy, type Replica } from '@rkv/core';
import { laterState } from '../entry/layout.ts';
import type { KvReply } from './commands.ts';
import type { Coordinator, PlacedKey } from './coordinator.ts';
import { sendLate } from './late-copies.ts';

export interface LateAnswersInit {
  readonly coordinator: Coordinator;
  readonly placed: PlacedKey;
  /** What was read, whole. It is kept. */
  readonly entry: Uint8Array;
  readonly replicas: readonly Replica[];
  /** Bits of those that have answered, and of those that have not spoken. */
  readonly answered: number;
  readonly silent: number;
}

export class LateAnswers {
  readonly #init: LateAnswersInit;
  #silent: number;

  constructor(init: LateAnswersInit) {
    this.#init = init;
    this.#silent = init.silent;
  }

  /** Nobody is waited for any more. */
  get over(): boolean {
    return this.#silent === 0;
  }

  /** `reply` undefined: it will say nothing. */
  heard(at: number, reply: KvReply | undefined): void {
    this.#silent &= ~(1 << at);
    if (reply?.kind !== 'held') return;
    const { entry: read, answered } = this.#init;
    const { entry, whole } = reply;
    if (entry === undefined || laterState(read, entry)) this.#send(read, 1 << at);
    else if (whole && laterState(entry, read)) this.#send(carveCopy(entry), answered);
  }

  #send(entry: Uint8Array, to: number): void {
    const { coordinator, placed, replicas } = this.#init;
    const primaries = replicas.filter(({ role }, at) => role === 'primary' && (to & (1 << at)) !== 0);
    sendLate(coordinator, placed, entry, primaries);
  }
}
