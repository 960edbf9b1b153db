/**
 * The acceptor's memory of one slot: what it promised and what it accepted. Pure.
 *
 * A promise of ballot b means: nothing below b is accepted here any more. An accepted value is reported with
 * every later promise, so that whoever proposes next carries it on instead of a value of its own.
 *
 * Source: Lamport, "Paxos Made Simple" (2001), 2.2.
 * Not here: saving. A record takes effect for others only once it is durable (agreement.ts holds the answers back).
 */
import { jsonDecode, jsonEncode } from '../base/bytes.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { AgreedDocument } from '../ring/document.ts';
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
}

export function freshRecord(clusterId: string, slot: Epoch): AcceptorRecord {
  return { clusterId, slot, promised: null, accepted: null };
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

export function encodeAcceptorRecord(record: AcceptorRecord): Uint8Array {
  return jsonEncode({ ...record, accepted: acceptedToText(record.accepted) });
}

/** `WireError` when damaged: starting without this memory could break a promise, so nobody starts then. */
export function decodeAcceptorRecord(bytes: Uint8Array): AcceptorRecord {
  const raw = jsonDecode(bytes);
  expectShape(recordShape, raw, 'an acceptor record');
  const record = raw as AcceptorRecord & { accepted: AcceptedText | null };
  return { ...record, accepted: acceptedFromText(record.accepted) };
}
