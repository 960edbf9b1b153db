/**
 * What the vnodes of the store are asked, and what they answer. How both look on the wire: command-wire.ts.
 */
import type { PartitionId, RecordKey, VnodeRole } from '@rkv/core';
import type { Change } from '../entry/change.ts';
import type { Failure, RequestLevels } from './api.ts';
import type { VersionedAnswer } from './change-wire.ts';
import type { FlushCommand, FlushedReply } from './flush-wire.ts';

/** The registry of the store's commands. Numbers are part of the wire and are never given to another meaning. */
export const KV_COMMAND = {
  /** Merge this entry into what is held. */
  merge: 1,
  /** What is held under this key. */
  get: 2,
  /** Count and sum of one range. */
  tally: 4,
  /** Nothing but an answer. */
  ping: 5,
  /** Promise this ballot. */
  prepare: 6,
  /** Accept this entry under its ballot. */
  accept: 7,
  /** Run a read-modify-write at the one place for this key. */
  change: 8,
  /** The next keys of one range. */
  page: 9,
  /** Merge, to be answered once flushed. */
  mergeFlushed: 11,
  /** All that is known of what is held under this key, but not the value. */
  inspect: 12,
  /** Delete all that the node holds below a stamp. */
  flush: 13,
  /** A change that asks for levels of its own. */
  leveledChange: 14,
} as const;

/** Merge this entry into what is held. `entry` is given away: the vnode keeps it. */
export interface MergeCommand extends RecordKey {
  readonly kind: 'merge';
  readonly entry: Uint8Array;
  /** Answer once it is flushed, whatever the vnode's durability. Left out: as that says. */
  readonly flushed?: boolean;
}

/** What is held under this key: all of it, or only which state it is in. */
export interface GetCommand extends RecordKey {
  readonly kind: 'get';
  readonly whole: boolean;
  /** To be counted in a majority. Left out: not. */
  readonly strict?: boolean;
}

/** Promise this ballot: accept nothing lower any more. Who holds the state `known` (version and sum) need not show its value. */
export interface PrepareCommand extends RecordKey {
  readonly kind: 'prepare';
  readonly ballot: Uint8Array;
  readonly known: Uint8Array | undefined;
}

/** Accept this entry under the ballot that is its version. It is given away. */
export interface AcceptCommand extends RecordKey {
  readonly kind: 'accept';
  readonly entry: Uint8Array;
}

/** Run a read-modify-write for somebody else, as the one place where changes of this key are run. */
export interface ChangeCommand extends RecordKey {
  readonly kind: 'change';
  readonly change: Change;
  readonly strict: boolean;
  readonly timeoutMs: number;
  /** Of its read and its write. Left out: as the defaults of the node say that runs it. */
  readonly levels?: RequestLevels;
}

/** Up to `limit` keys of one range - the keys whose first primary is partition `range` - in hash order. */
export interface PageCommand {
  readonly kind: 'page';
  readonly range: PartitionId;
  readonly after: RecordKey | undefined;
  readonly limit: number;
  /** What has expired by then is not live: the coordinator's time, and no replica's. */
  readonly nowMs: number;
}

/** Count and sum of one range. */
export interface TallyCommand {
  readonly kind: 'tally';
  readonly range: PartitionId;
}

/** Nothing but an answer with the same number. */
export interface PingCommand {
  readonly kind: 'ping';
  readonly n: number;
}

/** For an operator: all that is known of what is held under this key, but not the value. Waits for nothing. */
export interface InspectCommand extends RecordKey {
  readonly kind: 'inspect';
}

/** All that a vnode of the store may be asked. */
export type KvCommand =
  | MergeCommand
  | GetCommand
  | PageCommand
  | TallyCommand
  | PingCommand
  | PrepareCommand
  | AcceptCommand
  | ChangeCommand
  | InspectCommand
  | FlushCommand;

/** The entry is merged, at the vnode's durability. */
export interface MergedReply {
  readonly kind: 'merged';
  /** A value was held before, live unless its moment is past. */
  readonly existed: boolean;
  /** The moment of what was held before; 0: none. Whether it is past is for the coordinator to say. */
  readonly untilMs: number;
  /** A stamp above the entry's: that of what is held, so that the write counts for nothing here, or the one below. 16 bytes. */
  readonly later: Uint8Array | undefined;
  /** The entry was not taken: deletes are forgotten up to a stamp above its own, or a flush goes on that is. `later` is above that. */
  readonly tooLate?: true | undefined;
}

/** What is held. */
export interface HeldReply {
  readonly kind: 'held';
  /** Borrowed. Undefined: nothing held. Only its header unless `whole`. */
  readonly entry: Uint8Array | undefined;
  readonly whole: boolean;
}

export interface PageItem extends RecordKey {
  /** Version and sum, the bytes of an entry from its version on. */
  readonly state: Uint8Array;
  readonly live: boolean;
}

/** The next keys of the range. */
export interface PageReply {
  readonly kind: 'page';
  readonly items: readonly PageItem[];
  /** The range goes on after the last item. */
  readonly more: boolean;
}

/** Count and sum of the range. */
export interface TallyReply {
  readonly kind: 'tally';
  /** Tombstones included. */
  readonly entries: number;
  /** Values, whether expired or not. */
  readonly live: number;
  /** Of these, values that will expire or have. */
  readonly expiring: number;
  /** Sum of the digests of all states, as two words: equal tallies hold equal keys in equal states. */
  readonly digestHi: number;
  readonly digestLo: number;
}

/** The answer to a ping. */
export interface PongReply {
  readonly kind: 'pong';
  readonly n: number;
}

/** A vote on a ballot. */
export interface PromisedReply {
  readonly kind: 'promised';
  readonly granted: boolean;
  /** The one that stands in the way, when it was not granted. */
  readonly ballot: Uint8Array;
  /** What was accepted last; its header unless `whole`. Borrowed. */
  readonly entry: Uint8Array | undefined;
  readonly whole: boolean;
}

/** A vote on an entry. */
export interface AcceptedReply {
  readonly kind: 'accepted';
  readonly accepted: boolean;
  /** The one that stands in the way, when it was not. */
  readonly ballot: Uint8Array;
}

/** What the change answered, or why it failed. */
export type ChangeResult =
  | { readonly kind: 'answer'; readonly answer: VersionedAnswer }
  | { readonly kind: 'failure'; readonly failure: Failure };

/** What came of a change that was run for somebody else. */
export interface ChangedReply {
  readonly kind: 'changed';
  readonly result: ChangeResult;
}

/** What an operator is told of a replica. */
export interface InspectedReply {
  readonly kind: 'inspected';
  /** How the vnode stands to the partition. */
  readonly role: VnodeRole;
  /** Of the whole entry; 0: nothing held. */
  readonly bytes: number;
  /** The entry up to its payload. Undefined: nothing held, or what is held is damaged. */
  readonly head: Uint8Array | undefined;
  /** Why what is held cannot be believed. */
  readonly damage: string | undefined;
  /** It is on its way into the store, and no reader is told of it yet. */
  readonly inFlight: boolean;
}

/** All that a vnode of the store answers. */
export type KvReply =
  | MergedReply
  | HeldReply
  | PageReply
  | TallyReply
  | PongReply
  | PromisedReply
  | AcceptedReply
  | ChangedReply
  | InspectedReply
  | FlushedReply;

/** Version and sum of an entry lie in its bytes [STATE_AT, STATE_END). */
export const STATE_AT = 8;
/** Where the state ends. */
export const STATE_END = 32;
