/**
 * What travels between nodes: the header of every frame, and the registry of message types.
 *
 * ```
 *  0 u8  version, 1           8 u32 epoch of the sender's ring
 *  1 u8  type                12 u16 partition
 *  2 u8  flags               14 u16 service
 *  3 u8  ring size, log2     16 u32 remaining milliseconds
 *  4 u32 request id          20 optional sections when flagged, then the body
 * ```
 * A request says how long its asker will still wait, never until when: clocks differ. Optional sections are
 * {u16 total length, then u8 id, u16 length, bytes ...}; whoever does not know an id skips it. Section 1 is a trace id.
 */
import { latin1Decode, WireError, type Reader, type Writer } from '../base/bytes.ts';
import { sha1Latin1 } from '../base/sha1.ts';
import type { Epoch, PartitionId } from '../contracts/ids.ts';
import type { Refusal } from '../contracts/vnode.ts';

/** First byte of every frame. */
export const WIRE_VERSION = 1;
/** Of the header of a frame, without optional sections. */
export const HEADER_BYTES = 20;
/** No asker waits longer, ms; who says so is taken to wait so long. What is kept until he goes away is kept no longer. */
export const REMAINING_MS_MAX = 60_000;

/**
 * The registry of messages. Numbers are part of the wire and are never given to another meaning. docs/protocol.md is written
 * from it: each says its lane, and what its frames hold behind the header.
 */
export const MESSAGE = {
  /** Data lane: one command to one vnode, as its module's codec writes it. */
  command: 1,
  /** Data lane: the answer to one command: how it went, then the reply as the module's codec writes it. */
  reply: 2,
  /** Control lane: agreement, gossip, heartbeats, staging; JSON. */
  membership: 3,
  /** Control lane: a question of one node to another, mostly for an operator; JSON. */
  question: 4,
  /** Control lane: the answer to a question; JSON. */
  answer: 5,
  /** Bulk lane: a transfer of items from vnode to vnode is offered. */
  handoffOffer: 6,
  /** Bulk lane: it is taken, or refused. */
  handoffAnswer: 7,
  /** Bulk lane: items of it. */
  handoffItems: 8,
  /** Bulk lane: so many are taken. */
  handoffAck: 9,
  /** Bulk lane: what does the receiver hold of this stretch? */
  handoffCompare: 10,
  /** Bulk lane: that. */
  handoffHeld: 11,
  /** Bulk lane: the sender gives it up. */
  handoffEnd: 12,
  /** Data lane: a page of a coverage request, asked of one vnode. */
  coverage: 13,
  /** Data lane: that page, as a reply. */
  coveragePage: 14,
  /** Bulk lane: a question about a node's copies of some ranges. */
  exchangeAsk: 15,
  /** Bulk lane: the answer to that. */
  exchangeTell: 16,
} as const;

/** The command is meant for a stand-in: take it though the partition is not yours. In a reply: a stand-in answered. */
export const FLAG_FALLBACK = 1;
/** The answering vnode cannot prove that it holds everything it should: its "not found" is no answer. */
export const FLAG_PARTIAL = 2;
/** Optional sections follow the header. */
export const FLAG_SECTIONS = 4;
/** A trace id: by what name the nodes that handle this request log it. */
export const SECTION_TRACE = 1;
/** Position of the replica in its list travels in the upper bits of the flags. */
export const AT_SHIFT = 3;

/** What stands before every body; see the drawing above. */
export interface Header {
  type: number;
  flags: number;
  ringBits: number;
  requestId: number;
  epoch: Epoch;
  partition: PartitionId;
  service: number;
  remainingMs: number;
  /** Undefined in nearly all. */
  trace?: string | undefined;
}

/** One to be filled: headers are used again, frame after frame. */
export function newHeader(): Header {
  return {
    type: 0,
    flags: 0,
    ringBits: 0,
    requestId: 0,
    epoch: 0 as Epoch,
    partition: 0 as PartitionId,
    service: 0,
    remainingMs: 0,
    trace: undefined,
  };
}

/** Twenty bytes, and the trace where there is one. */
export function writeHeader(out: Writer, header: Header): void {
  out.u8(WIRE_VERSION);
  out.u8(header.type);
  out.u8(header.trace === undefined ? header.flags : header.flags | FLAG_SECTIONS);
  out.u8(header.ringBits);
  out.u32(header.requestId);
  out.u32(header.epoch);
  out.u16(header.partition);
  out.u16(header.service);
  out.u32(header.remainingMs);
  if (header.trace !== undefined) writeTrace(out, header.trace);
}

/** What may name a trace: it stands in logs, and is no place to write other things into them. */
export function isTraceId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,32}$/.test(text);
}

function writeTrace(out: Writer, trace: string): void {
  out.u16(3 + trace.length);
  out.u8(SECTION_TRACE);
  out.u16(trace.length);
  out.latin1(trace);
}

/** Undefined when there is none, or none that makes sense. */
function traceOf(sections: Uint8Array): string | undefined {
  for (let at = 0; at + 3 <= sections.length;) {
    const start = at + 3;
    const end = start + (((sections[at + 1] as number) << 8) | (sections[at + 2] as number));
    if (end > sections.length) return undefined;
    if (sections[at] === SECTION_TRACE) {
      const trace = latin1Decode(sections, start, end);
      return isTraceId(trace) ? trace : undefined;
    }
    at = end;
  }
  return undefined;
}

/** Fill `header` from a frame and leave `input` at the body. */
export function readHeader(input: Reader, header: Header): void {
  const version = input.u8();
  if (version !== WIRE_VERSION)
    throw new WireError(`a frame of version ${version}, and this node speaks ${WIRE_VERSION}`);
  header.type = input.u8();
  header.flags = input.u8();
  header.ringBits = input.u8();
  header.requestId = input.u32();
  header.epoch = input.u32() as Epoch;
  header.partition = input.u16() as PartitionId;
  header.service = input.u16();
  header.remainingMs = Math.min(input.u32(), REMAINING_MS_MAX);
  header.trace = (header.flags & FLAG_SECTIONS) === 0 ? undefined : traceOf(input.view(input.u16()));
}

/** The number that names a service on the wire: the first 16 bits of its name's SHA-1. */
export function serviceNumber(name: string): number {
  const words = new Uint32Array(5);
  sha1Latin1('', name, words);
  return (words[0] as number) >>> 16;
}

/** As the first byte of a reply: done, and the reply follows. */
export const REPLY_OK = 0;
/** Not acted on; the number of the reason follows. */
export const REPLY_REFUSED = 1;
/** Handled without success, perhaps in part; nothing follows. */
export const REPLY_FAILED = 2;
/** It was handled, perhaps acted on, and the lane had no room for the answer. Who does not know this takes it for failed. */
export const REPLY_CROWDED = 3;
/** It came too late for its ring. What it was to merge is kept as a hint, and counts for nothing: the newer ring is to be asked. */
export const REPLY_KEPT = 4;

/** In the order of their numbers on the wire. */
export const REFUSALS: readonly Refusal[] = [
  'moved',
  'overload',
  'read_only',
  'bad_request',
  'stopping',
  'no_service',
  'busy',
];
