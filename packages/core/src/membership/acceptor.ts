/**
 * The acceptor's memory of one slot: what it promised and what it accepted. Pure.
 *
 * A promise of ballot b means: nothing below b is accepted here any more. An accepted value is reported with
 * every later promise, so that whoever proposes next carries it on instead of a value of its own.
 *
 * A record may be *amnesic*: something promised or accepted in its slot is forgotten, as its file was damaged. It
 * gives no promise and accepts nothing until the others have told what it may have been (agreement.ts).
 *
 * Source: Lamport, "Paxos Made Simple" (2001), 2.2; decision 0006.
 * Not here: saving. A record takes effect for others only once it is durable (agreement.ts holds the answers back).
 */
import { jsonDecode, jsonEncode } from '../base/bytes.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { votersOf, type AgreedDocument } from '../ring/document.ts';
import { expectShape, isCount, isLatin1, isName, isNullOr, isPositive, isRecord } from './shape.ts';
import { documentFromText, documentToText } from './wire-document.ts';

/** Ordered by round, then by node id; a node never uses one twice, not even in two lives. */
export interface Ballot {
  readonly round: number;
  readonly node: NodeId;
}

export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0;
}

export interface AcceptedValue {
  readonly ballot: Ballot;
  readonly document: AgreedDocument;
}

export interface AcceptorRecord {
  readonly clusterId: string;
  /** The epoch whose document is being chosen. */
  readonly slot: Epoch;
  readonly promised: Ballot | null;
  readonly accepted: AcceptedValue | null;
  /** `promised` and `accepted` are true as far as they go, but there may have been more. */
  readonly amnesic: boolean;
}

export function freshRecord(clusterId: string, slot: Epoch): AcceptorRecord {
  return { clusterId, slot, promised: null, accepted: null, amnesic: false };
}

export interface Recollection {
  readonly self: NodeId;
  /** The newest ring document; its file is whole. */
  readonly current: AgreedDocument;
  /** The newest version of the record that could be read. */
  readonly record: AcceptorRecord | undefined;
}

/**
 * The record of an acceptor whose newest version was damaged, or undefined when that forgets nothing.
 *
 * A record is of the slot after the ring that was durable before it. So what is forgotten is of the slot after the
 * newest ring, or of one that is decided already. A lone voter is asked by nobody but itself, and what it accepted
 * was acted upon by nobody before its ring was saved.
 */
export function amnesicRecord({ self, current, record }: Recollection): AcceptorRecord | undefined {
  const { clusterId, epoch } = current.document;
  const slot = (epoch + 1) as Epoch;
  const older =
    record?.clusterId === clusterId && record.slot === slot ? record : freshRecord(clusterId, slot);
  return votersOf(current.document).some(({ id }) => id !== self) ? { ...older, amnesic: true } : undefined;
}

/** The record after promising `ballot`, or undefined when a higher one was promised. */
export function promise(record: AcceptorRecord, ballot: Ballot): AcceptorRecord | undefined {
  if (record.promised !== null && compareBallots(ballot, record.promised) < 0) return undefined;
  return { ...record, promised: ballot };
}

/** The record after accepting, or undefined when a higher ballot was promised. */
export function accept(record: AcceptorRecord, value: AcceptedValue): AcceptorRecord | undefined {
  const promised = promise(record, value.ballot);
  return promised && { ...promised, accepted: value };
}

export const ballotShape = isRecord({ round: isCount, node: isName });
export const acceptedShape = isNullOr(isRecord({ ballot: ballotShape, document: isLatin1 }));
const recordShape = isRecord({
  clusterId: isName,
  slot: isPositive,
  promised: isNullOr(ballotShape),
  accepted: acceptedShape,
});

/** `AcceptedValue` as it stands in JSON: the document as the latin1 text of its bytes. */
export interface AcceptedText {
  readonly ballot: Ballot;
  readonly document: string;
}

export function acceptedToText(accepted: AcceptedValue | null): AcceptedText | null {
  return accepted && { ballot: accepted.ballot, document: documentToText(accepted.document) };
}

export function acceptedFromText(accepted: AcceptedText | null): AcceptedValue | null {
  return accepted && { ballot: accepted.ballot, document: documentFromText(accepted.document) };
}

export function encodeAcceptorRecord({ amnesic, ...record }: AcceptorRecord): Uint8Array {
  return jsonEncode({
    ...record,
    accepted: acceptedToText(record.accepted),
    ...(amnesic && { amnesic: true }),
  });
}

/** `WireError` when this version cannot make sense of it: then the node does not start (loaded-records.ts). */
export function decodeAcceptorRecord(bytes: Uint8Array): AcceptorRecord {
  const raw = jsonDecode(bytes);
  expectShape(recordShape, raw, 'an acceptor record');
  const { clusterId, slot, promised, accepted, amnesic } = raw as Omit<AcceptorRecord, 'accepted'> & {
    accepted: AcceptedText | null;
  };
  // Whatever it says: only a record without the word is one that remembers everything.
  return {
    clusterId,
    slot,
    promised,
    accepted: acceptedFromText(accepted),
    amnesic: amnesic !== undefined && amnesic !== false,
  };
}
