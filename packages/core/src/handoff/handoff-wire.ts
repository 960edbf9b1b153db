/**
 * How transfers look on the bulk lane. Every body begins with the transfer's number, drawn by the sender.
 *
 * ```
 * offer    u32 id, u8 version, u8 kind, u8 ring size of the source, log2, u16 its partition   (the target's: header)
 * answer   u32 id, u8 flags {accepted, compare}, u16 length + reason
 * items    u32 id, u32 seq, u8 flags {last, partial}, u32 count, {u32 length, bytes}*
 * ack      u32 id, u32 seq, u8 stored                                                         (1: merged and flushed)
 * compare  u32 id, u32 seq, range: u32 first hash, u32 last hash, after: cursor, up to: cursor, u32 count, u32 u32 sum
 * held     u32 id, u32 seq, u32 count, {u32 u32 digest}*
 * end      u32 id                                                                             (the sender gives it up)
 *
 * cursor   u8 there is one, then u32 length, bytes
 * ```
 * An offer of another version is answered with the one that is spoken here: number and version stand where they stand in
 * all versions to come.
 */
import { Reader, type Writer } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import type { Place } from '../contracts/store.ts';
import type { ItemCursor } from '../contracts/vnode.ts';
import type { TransferKind } from './duties.ts';
import type { Stretch } from './outbound-transfer.ts';

/** Of everything on this page. An offer of another one is refused. */
export const HANDOFF_VERSION = 1;

/** By their numbers on the wire. */
const KINDS: readonly TransferKind[] = ['ownership', 'hinted', 'repair', 'resize'];

/** The sender would hand over a vnode's items. */
export interface Offer {
  readonly id: number;
  readonly kind: TransferKind;
  /** The vnode that the items come from. */
  readonly source: Place;
}

/** An offer of a later version, or of a kind that is not known here. */
export interface StrangeOffer {
  readonly id: number;
  readonly kind: undefined;
  /** Why it cannot be taken. */
  readonly strange: string;
}

/** The body of an offer; the target's place stands in the header. */
export function writeOffer(out: Writer, { id, kind, source }: Offer): void {
  out.u32(id);
  out.u8(HANDOFF_VERSION);
  out.u8(KINDS.indexOf(kind));
  out.u8(source.ringBits);
  out.u16(source.partition);
}

/** An offer, or what was understood of a strange one. Throws `WireError` for what is too short, as all readers here do. */
export function readOffer(input: Reader): Offer | StrangeOffer {
  const id = input.u32();
  const version = input.u8();
  if (version !== HANDOFF_VERSION) {
    const strange = `speaks version ${HANDOFF_VERSION} of handoff, not ${version}`;
    return { id, kind: undefined, strange };
  }
  const number = input.u8();
  const kind = KINDS[number];
  if (kind === undefined) {
    const strange = `knows no transfer of kind ${number}; it speaks version ${HANDOFF_VERSION} of handoff`;
    return { id, kind, strange };
  }
  return { id, kind, source: { ringBits: input.u8(), partition: input.u16() as PartitionId } };
}

/** The receiver takes them, or says why not. */
export interface Answer {
  readonly id: number;
  /** Why not, or undefined: go ahead. */
  readonly refusal: string | undefined;
  /** The place holds something: ask before you send. */
  readonly compare: boolean;
}

const ACCEPTED = 1;
const COMPARE = 2;

/** The body of the answer to an offer. */
export function writeAnswer(out: Writer, { id, refusal, compare }: Answer): void {
  out.u32(id);
  out.u8((refusal === undefined ? ACCEPTED : 0) | (compare ? COMPARE : 0));
  const reason = refusal ?? '';
  out.u16(reason.length);
  out.latin1(reason);
}

/** The answer to an offer. */
export function readAnswer(input: Reader): Answer {
  const id = input.u32();
  const flags = input.u8();
  const reason = input.latin1(input.u16());
  return {
    id,
    refusal: (flags & ACCEPTED) !== 0 ? undefined : reason,
    compare: (flags & COMPARE) !== 0,
  };
}

/** Items, numbered so that they can be acknowledged. */
export interface ItemsFrame {
  readonly id: number;
  readonly seq: number;
  readonly last: boolean;
  /** The sender's vnode may lack something itself. */
  readonly partial: boolean;
  readonly items: readonly Uint8Array[];
}

const LAST = 1;
const PARTIAL = 2;

/** The body of a frame of items. */
export function writeItems(out: Writer, frame: ItemsFrame): void {
  out.u32(frame.id);
  out.u32(frame.seq);
  out.u8((frame.last ? LAST : 0) | (frame.partial ? PARTIAL : 0));
  out.u32(frame.items.length);
  for (const item of frame.items) {
    out.u32(item.length);
    out.bytes(item);
  }
}

/** The items are views of a copy of the frame: good for as long as they are wanted, and then they hold all of it. */
export function readItems(input: Reader): ItemsFrame {
  const frame = new Reader(input.rest().slice());
  const id = frame.u32();
  const seq = frame.u32();
  const flags = frame.u8();
  const count = frame.u32();
  const items: Uint8Array[] = [];
  for (let i = 0; i < count; i++) items.push(frame.view(frame.u32()));
  return { id, seq, last: (flags & LAST) !== 0, partial: (flags & PARTIAL) !== 0, items };
}

/** All frames up to `seq` are taken; `stored`: and flushed. */
export interface Ack {
  readonly id: number;
  readonly seq: number;
  readonly stored: boolean;
}

/** The body of an acknowledgement. */
export function writeAck(out: Writer, ack: Ack): void {
  out.u32(ack.id);
  out.u32(ack.seq);
  out.u8(ack.stored ? 1 : 0);
}

/** An acknowledgement. */
export function readAck(input: Reader): Ack {
  return { id: input.u32(), seq: input.u32(), stored: input.u8() === 1 };
}

/** What does the receiver hold of this stretch? Told only where the sum differs. */
export interface CompareFrame {
  readonly id: number;
  readonly seq: number;
  readonly stretch: Stretch;
}

/** The body of a question about a stretch. */
export function writeCompare(out: Writer, { id, seq, stretch }: CompareFrame): void {
  const { within, after, upTo, sum } = stretch;
  out.u32(id);
  out.u32(seq);
  out.u32(within.start);
  out.u32(within.end - 1);
  writeCursor(out, after);
  writeCursor(out, upTo);
  out.u32(sum.count);
  out.u32(sum.hi);
  out.u32(sum.lo);
}

/** A question about a stretch. */
export function readCompare(input: Reader): CompareFrame {
  const id = input.u32();
  const seq = input.u32();
  const within = { start: input.u32(), end: input.u32() + 1 };
  const after = readCursor(input);
  const upTo = readCursor(input);
  const sum = { count: input.u32(), hi: input.u32(), lo: input.u32() };
  return { id, seq, stretch: { within, after, upTo, sum } };
}

/** What the receiver holds there. */
export interface HeldFrame {
  readonly id: number;
  readonly seq: number;
  /** Two words for each item. */
  readonly digests: Uint32Array;
}

/** The body of the answer to that question. */
export function writeHeld(out: Writer, { id, seq, digests }: HeldFrame): void {
  out.u32(id);
  out.u32(seq);
  out.u32(digests.length / 2);
  for (const word of digests) out.u32(word);
}

/** The answer to that question. */
export function readHeld(input: Reader): HeldFrame {
  const id = input.u32();
  const seq = input.u32();
  const words = 2 * input.u32();
  // Read to their end before room is made for them: the number may be anything.
  const bytes = new Reader(input.view(4 * words));
  return { id, seq, digests: Uint32Array.from({ length: words }, () => bytes.u32()) };
}

/** The body of the sender's last word. */
export function writeEnd(out: Writer, id: number): void {
  out.u32(id);
}

/** The number of the transfer that its sender gives up. */
export function readEnd(input: Reader): number {
  return input.u32();
}

function writeCursor(out: Writer, cursor: ItemCursor | undefined): void {
  out.u8(cursor === undefined ? 0 : 1);
  if (cursor === undefined) return;
  out.u32(cursor.length);
  out.bytes(cursor);
}

/** A copy. */
function readCursor(input: Reader): ItemCursor | undefined {
  return input.u8() === 0 ? undefined : input.view(input.u32()).slice();
}
