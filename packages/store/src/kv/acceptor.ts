/**
 * The acceptor of a vnode's strict keys: promises ballots, accepts entries under them, and answers once that is durable.
 *
 * What it may do is in entry/ballot.ts; here it is done. A damaged entry may have borne what nobody knows any more: nothing is
 * promised nor accepted on it, and its vnode does not count until it has merged all other copies (`doubt`).
 */
import { compareStamps, type HybridClock, type RecordKey, type ReplyToken } from '@rkv/core';
import { ballotOf, isNothing, mayAccept, promise } from '../entry/ballot.ts';
import { VERSION_AT } from '../entry/layout.ts';
import { merge, type ClashHandler } from '../entry/merge.ts';
import { STATE_AT, STATE_END, type AcceptCommand, type KvReply, type PrepareCommand } from './commands.ts';

export interface AcceptorParts {
  readonly clock: HybridClock;
  /** What is held, stored or on its way into the store. Borrowed. */
  find(at: RecordKey): Uint8Array | undefined;
  /** What the store has of it cannot be believed. */
  isDamaged(at: RecordKey): boolean;
  /** What the store has. Borrowed. */
  stored(at: RecordKey): Uint8Array | undefined;
  /** False: the store takes no writes. */
  replace(at: RecordKey, before: Uint8Array | undefined, after: Uint8Array): boolean;
  /** Once what is held of this key now is as durable as an acknowledgement says. */
  whenStored(key: string, token: ReplyToken<KvReply>, stored: () => void): void;
  readonly onClash: ClashHandler;
}

export class Acceptor {
  readonly #parts: AcceptorParts;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
  }

  prepare(command: PrepareCommand, token: ReplyToken<KvReply>): void {
    const { find, isDamaged, replace, clock, whenStored } = this.#parts;
    const { hashHi, hashLo, key, ballot, known } = command;
    if (isDamaged(command)) return token.refuse('busy');
    const held = find(command);
    clock.observe(ballot, 0);
    const promised = promise(key, held, ballot);
    if (promised === undefined) return token.reply(notPromised(held));
    if (!replace(command, held, promised)) return token.refuse('read_only');
    // By then it may have been promised to somebody else.
    whenStored(key, token, () => token.reply(this.#promisedNow({ hashHi, hashLo, key }, ballot, known)));
  }

  accept(command: AcceptCommand, token: ReplyToken<KvReply>): void {
    const { find, isDamaged, replace, clock, whenStored, onClash } = this.#parts;
    const { key, entry } = command;
    if (isDamaged(command)) return token.refuse('busy');
    const held = find(command);
    clock.observe(entry, VERSION_AT);
    const accepted = mayAccept(held, entry);
    const reply = { kind: 'accepted' as const, accepted, ballot: ballotOf(held) };
    if (!accepted) return token.reply(reply);
    const merged = merge(key, held, entry, onClash);
    if (merged !== held && !replace(command, held, merged)) return token.refuse('read_only');
    whenStored(key, token, () => token.reply(reply));
  }

  #promisedNow(at: RecordKey, ballot: Uint8Array, known: Uint8Array | undefined): KvReply {
    const held = this.#parts.stored(at);
    if (held === undefined || compareStamps(ballotOf(held), 0, ballot, 0) !== 0) return notPromised(held);
    if (isNothing(held)) return { kind: 'promised', granted: true, ballot, entry: undefined, whole: true };
    return { kind: 'promised', granted: true, ballot, entry: held, whole: !isState(held, known) };
  }
}

function notPromised(held: Uint8Array | undefined): KvReply {
  return { kind: 'promised', granted: false, ballot: ballotOf(held), entry: undefined, whole: true };
}

/** Whether it holds this state, version and sum. */
function isState(held: Uint8Array, known: Uint8Array | undefined): boolean {
  if (known === undefined) return false;
  for (let at = STATE_AT; at < STATE_END; at++) if (held[at] !== known[at - STATE_AT]) return false;
  return true;
}
