/**
 * How transfers look on the bulk lane. Every body begins with the transfer's number, drawn by the sender.
 *
 * ```
 * offer   u32 id, u8 kind, u8 ring size of the source, log2, u16 its partition     (the target's: header)
 * answer  u32 id, u8 accepted, u16 length + reason
 * items   u32 id, u32 seq, u8 flags {last, partial}, u32 count, {u32 length, bytes}*
 * ack     u32 id, u32 seq, u8 stored
 * ```
 */
import { WireError, type Reader, type Writer } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import type { Place } from '../contracts/store.ts';
import type { TransferKind } from './duties.ts';

/** By their numbers on the wire. */
const KINDS: readonly TransferKind[] = ['ownership', 'hinted'];

export interface Offer {
  readonly id: number;
  readonly kind: TransferKind;
  /** The vnode that the items come from. */
  readonly source: Place;
}

export function writeOffer(out: Writer, { id, kind, source }: Offer): void {
  out.u32(id);
  out.u8(KINDS.indexOf(kind));
  out.u8(source.ringBits);
  out.u16(source.partition);
}

export function readOffer(input: Reader): Offer {
  const id = input.u32();
  const number = input.u8();
  const kind = KINDS[number];
  if (kind === undefined) throw new WireError(`a transfer of the unknown kind ${number}`);
  return { id, kind, source: { ringBits: input.u8(), partition: input.u16() as PartitionId } };
}

export interface Answer {
  readonly id: number;
  /** Why not, or undefined: go ahead. */
  readonly refusal: string | undefined;
}

export function writeAnswer(out: Writer, answer: Answer): void {
  out.u32(answer.id);
  out.u8(answer.refusal === undefined ? 1 : 0);
  const reason = answer.refusal ?? '';
  out.u16(reason.length);
  out.latin1(reason);
}

export function readAnswer(input: Reader): Answer {
  const id = input.u32();
  const accepted = input.u8() === 1;
  const reason = input.latin1(input.u16());
  return { id, refusal: accepted ? undefined : reason };
}

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

/** The items are copies: the vnode may keep them. */
export function readItems(input: Reader): ItemsFrame {
  const id = input.u32();
  const seq = input.u32();
  const flags = input.u8();
  const count = input.u32();
  const items: Uint8Array[] = [];
  for (let i = 0; i < count; i++) items.push(input.view(input.u32()).slice());
  return { id, seq, last: (flags & LAST) !== 0, partial: (flags & PARTIAL) !== 0, items };
}

export interface Ack {
  readonly id: number;
  readonly seq: number;
  readonly stored: boolean;
}

export function writeAck(out: Writer, ack: Ack): void {
  out.u32(ack.id);
  out.u32(ack.seq);
  out.u8(ack.stored ? 1 : 0);
}

export function readAck(input: Reader): Ack {
  return { id: input.u32(), seq: input.u32(), stored: input.u8() === 1 };
}
