/**
 * The commands of the store's vnodes and their answers (commands.ts) as bytes.
 *
 * ```
 * merge  1, hash 8, key, entry            -> 1, flags {existed, later, expires, too late}, [stamp 16], [f64 until]
 * get    2, hash 8, key, flags {whole, strict} -> 2, flags {held, whole}, entry or its header
 * page   9, range u16, limit u16, f64 now, after?  -> 3, u8 more, u32 count, {hash 8, key, state 24, u8 live}*
 * tally  4, range u16                     -> 4, f64 entries, f64 live, digest 8, [f64 expiring]
 * ping   5, u32 n                         -> 5, u32 n
 * prepare 6, hash 8, key, ballot 16, [state 24] -> 6, flags {granted, held, whole}, ballot 16, [entry or its header]
 * accept 7, hash 8, key, entry            -> 7, u8 accepted, ballot 16
 * change 8, hash 8, key, u8 strict, u32 ms, change -> 8, u8 {answer, failure}, answer or failure (change-wire.ts)
 * merge 11, as 1, to be answered once flushed
 * inspect 12, hash 8, key                 -> 12, flags {head, damage, in flight, fallback}, u32 bytes, [u16 length, damage], [head]
 * flush  13, phase, stamp                 -> 13, state, clock, records (flush-wire.ts)
 * change 14, hash 8, key, u8 strict, u32 ms, levels, change -> as 8; levels r, w, pr, pw, dw: u8 each, 0 none
 * ```
 * key and entry stand behind a 32-bit length. A tally of a node that knows no expiry says nothing of it. Number 3 was a page
 * that each replica read by its own clock.
 */
import {
  carveCopy,
  STAMP_BYTES,
  WireError,
  type ByteReader,
  type ByteWriter,
  type Codec,
  type PartitionId,
  type RecordKey,
} from '@rkv/core';
import { problemOf } from '../entry/check.ts';
import { payloadStart, sectionsAt } from '../entry/layout.ts';
import {
  readAnswer,
  readChange,
  readFailure,
  writeAnswer,
  writeChange,
  writeFailure,
} from './change-wire.ts';
import { readLevels, writeLevels } from './levels.ts';
import {
  KV_COMMAND,
  STATE_AT,
  STATE_END,
  type ChangeResult,
  type InspectedReply,
  type KvCommand,
  type KvReply,
  type PageItem,
} from './commands.ts';
import { readFlush, readFlushed, writeFlush, writeFlushed } from './flush-wire.ts';

const EXISTED = 1;
const LATER = 2;
const EXPIRES = 4;
const TOO_LATE = 8;
const HELD = 1;
const WHOLE = 2;
const GRANTED = 4;
const GET_WHOLE = 1;
const GET_STRICT = 2;
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

/** Copied: the vnode keeps it. */
function readEntry(key: string, input: ByteReader): Uint8Array {
  const borrowed = input.view(input.left);
  const problem = problemOf(key, borrowed);
  if (problem !== undefined) throw new WireError(problem);
  return carveCopy(borrowed);
}

function readHeld(flags: number, input: ByteReader): Uint8Array | undefined {
  if ((flags & HELD) === 0) return undefined;
  const entry = input.view(input.left);
  if (!isHead(entry)) throw new WireError('an entry without its header');
  return entry;
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

/** Both as bytes, as drawn above. Decoding throws `WireError` for what is none of them, whole. */
export const kvCodec: Codec<KvCommand, KvReply> = {
  encodeCommand(command, out) {
    switch (command.kind) {
      case 'merge':
        out.u8(command.flushed === true ? KV_COMMAND.mergeFlushed : KV_COMMAND.merge);
        writeKey(out, command);
        out.bytes(command.entry);
        return;
      case 'get':
        out.u8(KV_COMMAND.get);
        writeKey(out, command);
        out.u8((command.whole ? GET_WHOLE : 0) | (command.strict === true ? GET_STRICT : 0));
        return;
      case 'page':
        out.u8(KV_COMMAND.page);
        out.u16(command.range);
        out.u16(command.limit);
        out.f64(command.nowMs);
        if (command.after !== undefined) writeKey(out, command.after);
        return;
      case 'tally':
        out.u8(KV_COMMAND.tally);
        out.u16(command.range);
        return;
      case 'ping':
        out.u8(KV_COMMAND.ping);
        out.u32(command.n);
        return;
      case 'prepare':
        out.u8(KV_COMMAND.prepare);
        writeKey(out, command);
        out.bytes(command.ballot, 0, STAMP_BYTES);
        if (command.known !== undefined) out.bytes(command.known, 0, STATE_END - STATE_AT);
        return;
      case 'accept':
        out.u8(KV_COMMAND.accept);
        writeKey(out, command);
        out.bytes(command.entry);
        return;
      case 'change':
        out.u8(command.levels === undefined ? KV_COMMAND.change : KV_COMMAND.leveledChange);
        writeKey(out, command);
        out.u8(command.strict ? 1 : 0);
        out.u32(command.timeoutMs);
        if (command.levels !== undefined) writeLevels(command.levels, out);
        writeChange(command.change, out);
        return;
      case 'inspect':
        out.u8(KV_COMMAND.inspect);
        writeKey(out, command);
        return;
      case 'flush':
        out.u8(KV_COMMAND.flush);
        writeFlush(command, out);
    }
  },

  decodeCommand(input) {
    const kind = input.u8();
    switch (kind) {
      case KV_COMMAND.merge:
      case KV_COMMAND.mergeFlushed: {
        const { hashHi, hashLo, key } = readKey(input);
        const entry = readEntry(key, input);
        if (kind === KV_COMMAND.mergeFlushed)
          return { kind: 'merge', hashHi, hashLo, key, entry, flushed: true };
        return { kind: 'merge', hashHi, hashLo, key, entry };
      }
      case KV_COMMAND.get: {
        const { hashHi, hashLo, key } = readKey(input);
        const flags = input.u8();
        const whole = (flags & GET_WHOLE) !== 0;
        const strict = (flags & GET_STRICT) !== 0;
        return { kind: 'get', hashHi, hashLo, key, whole, ...(strict && { strict }) };
      }
      case KV_COMMAND.tally:
        return { kind: 'tally', range: input.u16() as PartitionId };
      case KV_COMMAND.ping:
        return { kind: 'ping', n: input.u32() };
      case KV_COMMAND.prepare: {
        const { hashHi, hashLo, key } = readKey(input);
        const ballot = input.view(STAMP_BYTES).slice();
        const known = input.left > 0 ? input.view(STATE_END - STATE_AT).slice() : undefined;
        return { kind: 'prepare', hashHi, hashLo, key, ballot, known };
      }
      case KV_COMMAND.accept: {
        const { hashHi, hashLo, key } = readKey(input);
        return { kind: 'accept', hashHi, hashLo, key, entry: readEntry(key, input) };
      }
      case KV_COMMAND.change:
      case KV_COMMAND.leveledChange: {
        const { hashHi, hashLo, key } = readKey(input);
        const strict = input.u8() === 1;
        const timeoutMs = input.u32();
        const levels = kind === KV_COMMAND.leveledChange ? readLevels(input) : undefined;
        const change = readChange(input);
        return { kind: 'change', hashHi, hashLo, key, strict, timeoutMs, change, ...(levels && { levels }) };
      }
      case KV_COMMAND.inspect:
        return { kind: 'inspect', ...readKey(input) };
      case KV_COMMAND.flush:
        return readFlush(input);
      case KV_COMMAND.page: {
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
            (reply.tooLate === undefined ? 0 : TOO_LATE) |
            (reply.untilMs === 0 ? 0 : EXPIRES),
        );
        if (reply.later !== undefined) out.bytes(reply.later);
        if (reply.untilMs !== 0) out.f64(reply.untilMs);
        return;
      case 'held':
        out.u8(2);
        out.u8((reply.entry === undefined ? 0 : HELD) | (reply.whole ? WHOLE : 0));
        if (reply.entry !== undefined)
          out.bytes(reply.entry, 0, reply.whole ? reply.entry.length : payloadStart(reply.entry));
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
        return;
      case 'promised': {
        const { granted, entry, whole, ballot } = reply;
        out.u8(6);
        out.u8((granted ? GRANTED : 0) | (entry === undefined ? 0 : HELD) | (whole ? WHOLE : 0));
        out.bytes(ballot, 0, STAMP_BYTES);
        if (entry !== undefined) out.bytes(entry, 0, whole ? entry.length : payloadStart(entry));
        return;
      }
      case 'accepted':
        out.u8(7);
        out.u8(reply.accepted ? 1 : 0);
        out.bytes(reply.ballot, 0, STAMP_BYTES);
        return;
      case 'changed':
        out.u8(8);
        out.u8(reply.result.kind === 'answer' ? 0 : 1);
        if (reply.result.kind === 'answer') writeAnswer(reply.result.answer, out);
        else writeFailure(reply.result.failure, out);
        return;
      case 'inspected':
        encodeInspected(reply, out);
        return;
      case 'flushed':
        out.u8(13);
        writeFlushed(reply, out);
    }
  },

  decodeReply(input) {
    const kind = input.u8();
    switch (kind) {
      case 1: {
        const flags = input.u8();
        const later = (flags & LATER) !== 0 ? input.view(STAMP_BYTES).slice() : undefined;
        const untilMs = (flags & EXPIRES) !== 0 ? input.f64() : 0;
        const tooLate = (flags & TOO_LATE) === 0 ? undefined : true;
        return { kind: 'merged', existed: (flags & EXISTED) !== 0, untilMs, later, tooLate };
      }
      case 2: {
        const flags = input.u8();
        const entry = readHeld(flags, input);
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
      case 6: {
        const flags = input.u8();
        const ballot = input.view(STAMP_BYTES).slice();
        const entry = readHeld(flags, input);
        return {
          kind: 'promised',
          granted: (flags & GRANTED) !== 0,
          ballot,
          entry,
          whole: (flags & WHOLE) !== 0,
        };
      }
      case 7: {
        const accepted = input.u8() === 1;
        return { kind: 'accepted', accepted, ballot: input.view(STAMP_BYTES).slice() };
      }
      case 8: {
        const isAnswer = input.u8() === 0;
        const result: ChangeResult = isAnswer
          ? { kind: 'answer', answer: readAnswer(input) }
          : { kind: 'failure', failure: readFailure(input) };
        return { kind: 'changed', result };
      }
      case 12:
        return decodeInspected(input);
      case 13:
        return readFlushed(input);
      default:
        throw new WireError(`a reply of kind ${kind}, which the store does not know`);
    }
  },
};
