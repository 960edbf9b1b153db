/**
 * What the vnodes of the store are asked, and what they answer; and how both look on the wire.
 *
 * ```
 * merge  1, hash 8, key, entry            -> 1, flags {existed, later}, [stamp 16]
 * get    2, hash 8, key, u8 whole         -> 2, flags {held, whole}, entry or its first 32 bytes
 * page   3, range u16, limit u16, after?  -> 3, u8 more, u32 count, {hash 8, key, state 24, u8 live}*
 * tally  4, range u16                     -> 4, f64 entries, f64 live, digest 8
 * ping   5, u32 n                         -> 5, u32 n
 * merge 11, as 1, to be answered once flushed
 * inspect 12, hash 8, key                 -> 12, flags {head, damage, in flight, fallback}, u32 bytes, [u16 length, damage], [head]
 * ```
 * key and entry stand behind a 32-bit length.
 */
import {
  carveCopy,
  WireError,
  type ByteReader,
  type ByteWriter,
  type Codec,
  type PartitionId,
  type RecordKey,
  type VnodeRole,
} from '@rkv/core';
import { problemOf } from '../entry/check.ts';
import { sectionsAt } from '../entry/layout.ts';

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
}

/** Up to `limit` keys of one range - the keys whose first primary is partition `range` - in hash order. */
export interface PageCommand {
  readonly kind: 'page';
  readonly range: PartitionId;
  readonly after: RecordKey | undefined;
  readonly limit: number;
}

export interface TallyCommand {
  readonly kind: 'tally';
  readonly range: PartitionId;
}

export interface PingCommand {
  readonly kind: 'ping';
  readonly n: number;
}

/** For an operator: all that is known of what is held under this key, but not the value. Waits for nothing. */
export interface InspectCommand extends RecordKey {
  readonly kind: 'inspect';
}

export type KvCommand = MergeCommand | GetCommand | PageCommand | TallyCommand | PingCommand | InspectCommand;

export interface MergedReply {
  readonly kind: 'merged';
  /** A live value was held before. */
  readonly existed: boolean;
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
  readonly live: number;
  /** Sum of the digests of all states, as two words: equal tallies hold equal keys in equal states. */
  readonly digestHi: number;
  readonly digestLo: number;
}

export interface PongReply {
  readonly kind: 'pong';
  readonly n: number;
}

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

export type KvReply = MergedReply | HeldReply | PageReply | TallyReply | PongReply | InspectedReply;

/** Version and sum of an entry lie in its bytes [STATE_AT, STATE_END). */
export const STATE_AT = 8;
export const STATE_END = 32;

const EXISTED = 1;
const LATER = 2;
const HELD = 1;
const WHOLE = 2;
const HEAD = 1;
const DAMAGE = 2;
const IN_FLIGHT = 4;
const FALLBACK = 8;

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

function encodeInspected({ role, bytes, head, damage, inFlight }: InspectedReply, out: ByteWriter): void {
  out.u8(12);
  out.u8(
    (head === undefined ? 0 : HEAD) |
      (damage === undefined ? 0 : DAMAGE) |
      (inFlight ? IN_FLIGHT : 0) |
      (role === 'fallback' ? FALLBACK : 0),
  );
  out.u32(bytes);
  if (damage !== undefined) {
    out.u16(damage.length);
    out.latin1(damage);
  }
  if (head !== undefined) out.bytes(head);
}

function decodeInspected(input: ByteReader): InspectedReply {
  const flags = input.u8();
  const bytes = input.u32();
  const damage = (flags & DAMAGE) === 0 ? undefined : input.latin1(input.u16());
  const head = (flags & HEAD) === 0 ? undefined : input.view(input.left).slice();
  if (head !== undefined && !isHead(head)) throw new WireError('no beginning of an entry');
  return {
    kind: 'inspected',
    role: (flags & FALLBACK) === 0 ? 'primary' : 'fallback',
    bytes,
    head,
    damage,
    inFlight: (flags & IN_FLIGHT) !== 0,
  };
}

/** Whoever looks into it finds its fields within it. */
function isHead(head: Uint8Array): boolean {
  return head.length >= STATE_END && sectionsAt(head) <= head.length;
}

export const kvCodec: Codec<KvCommand, KvReply> = {
  encodeCommand(command, out) {
    switch (command.kind) {
      case 'merge':
        out.u8(command.flushed === true ? 11 : 1);
        writeKey(out, command);
        out.bytes(command.entry);
        return;
      case 'get':
        out.u8(2);
        writeKey(out, command);
        out.u8(command.whole ? 1 : 0);
        return;
      case 'page':
        out.u8(3);
        out.u16(command.range);
        out.u16(command.limit);
        if (command.after !== undefined) writeKey(out, command.after);
        return;
      case 'tally':
        out.u8(4);
        out.u16(command.range);
        return;
      case 'ping':
        out.u8(5);
        out.u32(command.n);
        return;
      case 'inspect':
        out.u8(12);
        writeKey(out, command);
    }
  },

  decodeCommand(input) {
    const kind = input.u8();
    switch (kind) {
      case 1:
      case 11: {
        const { hashHi, hashLo, key } = readKey(input);
        const borrowed = input.view(input.left);
        const problem = problemOf(key, borrowed);
        if (problem !== undefined) throw new WireError(problem);
        const entry = carveCopy(borrowed);
        if (kind === 11) return { kind: 'merge', hashHi, hashLo, key, entry, flushed: true };
        return { kind: 'merge', hashHi, hashLo, key, entry };
      }
      case 2: {
        const { hashHi, hashLo, key } = readKey(input);
        return { kind: 'get', hashHi, hashLo, key, whole: input.u8() === 1 };
      }
      case 3: {
        const range = input.u16() as PartitionId;
        const limit = input.u16();
        return { kind: 'page', range, limit, after: input.left > 0 ? readKey(input) : undefined };
      }
      case 4:
        return { kind: 'tally', range: input.u16() as PartitionId };
      case 5:
        return { kind: 'ping', n: input.u32() };
      case 12:
        return { kind: 'inspect', ...readKey(input) };
      default:
        throw new WireError(`a command of kind ${kind}, which the store does not know`);
    }
  },

  encodeReply(reply, out) {
    switch (reply.kind) {
      case 'merged':
        out.u8(1);
        out.u8((reply.existed ? EXISTED : 0) | (reply.later === undefined ? 0 : LATER));
        if (reply.later !== undefined) out.bytes(reply.later);
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
        return;
      case 'pong':
        out.u8(5);
        out.u32(reply.n);
        return;
      case 'inspected':
        encodeInspected(reply, out);
    }
  },

  decodeReply(input) {
    const kind = input.u8();
    switch (kind) {
      case 1: {
        const flags = input.u8();
        const later = (flags & LATER) !== 0 ? input.view(16).slice() : undefined;
        return { kind: 'merged', existed: (flags & EXISTED) !== 0, later };
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
        };
      case 5:
        return { kind: 'pong', n: input.u32() };
      case 12:
        return decodeInspected(input);
      default:
        throw new WireError(`a reply of kind ${kind}, which the store does not know`);
    }
  },
};
