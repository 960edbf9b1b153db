/**
 * What the vnodes of the store are asked, and what they answer; and how both look on the wire.
 *
 * ```
 * merge  1, hash 8, key, entry            -> 1, flags {existed, later, expires}, [stamp 16], [f64 until]
 * get    2, hash 8, key, u8 whole         -> 2, flags {held, whole}, entry or its first 32 bytes
 * page   9, range u16, limit u16, f64 now, after?  -> 3, u8 more, u32 count, {hash 8, key, state 24, u8 live}*
 * tally  4, range u16                     -> 4, f64 entries, f64 live, digest 8, [f64 expiring]
 * ping   5, u32 n                         -> 5, u32 n
 * ```
 * key and entry stand behind a 32-bit length. A tally of a node that knows no expiry says nothing of it. Number 3 was a page
 * that each replica read by its own clock.
 */
import {
  carveCopy,
  WireError,
  type ByteReader,
  type ByteWriter,
  type Codec,
  type PartitionId,
  type RecordKey,
} from '@rkv/core';
import { problemOf } from '../entry/check.ts';

/** Merge this entry into what is held. `entry` is given away: the vnode keeps it. */
export interface MergeCommand extends RecordKey {
  readonly kind: 'merge';
  readonly entry: Uint8Array;
}

/** What is held under this key: all of it, or only which state it is in. */
export interface GetCommand extends RecordKey {
  readonly kind: 'get';
  readonly whole: boolean;
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

export interface TallyCommand {
  readonly kind: 'tally';
  readonly range: PartitionId;
}

export interface PingCommand {
  readonly kind: 'ping';
  readonly n: number;
}

export type KvCommand = MergeCommand | GetCommand | PageCommand | TallyCommand | PingCommand;

export interface MergedReply {
  readonly kind: 'merged';
  /** A value was held before, live unless its moment is past. */
  readonly existed: boolean;
  /** The moment of what was held before; 0: none. Whether it is past is for the coordinator to say. */
  readonly untilMs: number;
  /** The version held, when it is later than the entry's: the write counts for nothing here. 16 bytes. */
  readonly later: Uint8Array | undefined;
}

export interface HeldReply {
  readonly kind: 'held';
  /** Borrowed. Undefined: nothing held. Only the first `STATE_END` bytes unless `whole`. */
  readonly entry: Uint8Array | undefined;
  readonly whole: boolean;
}

export interface PageItem extends RecordKey {
  /** Version and sum, the bytes of an entry from its version on. */
  readonly state: Uint8Array;
  readonly live: boolean;
}

export interface PageReply {
  readonly kind: 'page';
  readonly items: readonly PageItem[];
  /** The range goes on after the last item. */
  readonly more: boolean;
}

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

export interface PongReply {
  readonly kind: 'pong';
  readonly n: number;
}

export type KvReply = MergedReply | HeldReply | PageReply | TallyReply | PongReply;

/** Version and sum of an entry lie in its bytes [STATE_AT, STATE_END). */
export const STATE_AT = 8;
export const STATE_END = 32;

const EXISTED = 1;
const LATER = 2;
const EXPIRES = 4;
const HELD = 1;
const WHOLE = 2;

function writeKey(out: ByteWriter, at: RecordKey): void {
  out.u32(at.hashHi);
  out.u32(at.hashLo);
  out.u32(at.key.length);
  out.latin1(at.key);
}

function readKey(input: ByteReader): { hashHi: number; hashLo: number; key: string } {
  const hashHi = input.u32();
  const hashLo = input.u32();
  return { hashHi, hashLo, key: input.latin1(input.u32()) };
}

export const kvCodec: Codec<KvCommand, KvReply> = {
  encodeCommand(command, out) {
    switch (command.kind) {
      case 'merge':
        out.u8(1);
        writeKey(out, command);
        out.bytes(command.entry);
        return;
      case 'get':
        out.u8(2);
        writeKey(out, command);
        out.u8(command.whole ? 1 : 0);
        return;
      case 'page':
        out.u8(9);
        out.u16(command.range);
        out.u16(command.limit);
        out.f64(command.nowMs);
        if (command.after !== undefined) writeKey(out, command.after);
        return;
      case 'tally':
        out.u8(4);
        out.u16(command.range);
        return;
      case 'ping':
        out.u8(5);
        out.u32(command.n);
    }
  },

  decodeCommand(input) {
    const kind = input.u8();
    switch (kind) {
      case 1: {
        const { hashHi, hashLo, key } = readKey(input);
        const borrowed = input.view(input.left);
        const problem = problemOf(key, borrowed);
        if (problem !== undefined) throw new WireError(problem);
        return { kind: 'merge', hashHi, hashLo, key, entry: carveCopy(borrowed) };
      }
      case 2: {
        const { hashHi, hashLo, key } = readKey(input);
        return { kind: 'get', hashHi, hashLo, key, whole: input.u8() === 1 };
      }
      case 4:
        return { kind: 'tally', range: input.u16() as PartitionId };
      case 5:
        return { kind: 'ping', n: input.u32() };
      case 9: {
        const range = input.u16() as PartitionId;
        const limit = input.u16();
        const nowMs = input.f64();
        return { kind: 'page', range, limit, nowMs, after: input.left > 0 ? readKey(input) : undefined };
      }
      default:
        throw new WireError(`a command of kind ${kind}, which the store does not know`);
    }
  },

  encodeReply(reply, out) {
    switch (reply.kind) {
      case 'merged':
        out.u8(1);
        out.u8(
          (reply.existed ? EXISTED : 0) |
            (reply.later === undefined ? 0 : LATER) |
            (reply.untilMs === 0 ? 0 : EXPIRES),
        );
        if (reply.later !== undefined) out.bytes(reply.later);
        if (reply.untilMs !== 0) out.f64(reply.untilMs);
        return;
      case 'held':
        out.u8(2);
        out.u8((reply.entry === undefined ? 0 : HELD) | (reply.whole ? WHOLE : 0));
        if (reply.entry !== undefined)
          out.bytes(reply.entry, 0, reply.whole ? reply.entry.length : STATE_END);
        return;
      case 'page':
        out.u8(3);
        out.u8(reply.more ? 1 : 0);
        out.u32(reply.items.length);
        for (const item of reply.items) {
          writeKey(out, item);
          out.bytes(item.state);
          out.u8(item.live ? 1 : 0);
        }
        return;
      case 'tally':
        out.u8(4);
        out.f64(reply.entries);
        out.f64(reply.live);
        out.u32(reply.digestHi);
        out.u32(reply.digestLo);
        out.f64(reply.expiring);
        return;
      case 'pong':
        out.u8(5);
        out.u32(reply.n);
    }
  },

  decodeReply(input) {
    const kind = input.u8();
    switch (kind) {
      case 1: {
        const flags = input.u8();
        const later = (flags & LATER) !== 0 ? input.view(16).slice() : undefined;
        const untilMs = (flags & EXPIRES) !== 0 ? input.f64() : 0;
        return { kind: 'merged', existed: (flags & EXISTED) !== 0, untilMs, later };
      }
      case 2: {
        const flags = input.u8();
        const entry = (flags & HELD) !== 0 ? input.view(input.left) : undefined;
        if (entry !== undefined && entry.length < STATE_END)
          throw new WireError('an entry without its state');
        return { kind: 'held', entry, whole: (flags & WHOLE) !== 0 };
      }
      case 3: {
        const more = input.u8() === 1;
        const items: PageItem[] = [];
        for (let left = input.u32(); left > 0; left--) {
          const { hashHi, hashLo, key } = readKey(input);
          items.push({
            hashHi,
            hashLo,
            key,
            state: input.view(STATE_END - STATE_AT).slice(),
            live: input.u8() === 1,
          });
        }
        return { kind: 'page', items, more };
      }
      case 4:
        return {
          kind: 'tally',
          entries: input.f64(),
          live: input.f64(),
          digestHi: input.u32(),
          digestLo: input.u32(),
          expiring: input.left > 0 ? input.f64() : 0,
        };
      case 5:
        return { kind: 'pong', n: input.u32() };
      default:
        throw new WireError(`a reply of kind ${kind}, which the store does not know`);
    }
  },
};
