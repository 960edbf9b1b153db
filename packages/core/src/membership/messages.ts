/**
 * What the members of a cluster say to each other: one closed union, JSON on the wire.
 *
 *   heartbeat, documentRequest, document     gossip: who is there, who is behind
 *   prepare/promise, accept/accepted, nack   agreement on the next epoch
 *   joinRequest/joinReply                    a stranger and the claimant
 *   report                                   a member tells the claimant what it must bring into the ring
 *
 * Only documents that were chosen travel as `document`; what is merely proposed travels as `accept` and in promises.
 * `decodeMembershipMessage` throws `WireError` for anything that is not one of these, whole.
 */
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { AgreedDocument } from '../ring/document.ts';
import {
  acceptedFromText,
  acceptedShape,
  acceptedToText,
  ballotShape,
  type AcceptedText,
  type AcceptedValue,
  type Ballot,
} from './acceptor.ts';
import type { Refusal } from './refusal.ts';
import { reportShape, type Report } from './reports.ts';
import {
  expectShape,
  isBoolean,
  isCount,
  isNumber,
  isLatin1,
  isName,
  isNullOr,
  isKindOf,
  isListOf,
  isOptional,
  isPositive,
  isRecord,
  isSentence,
  isText,
  type Check,
} from './shape.ts';
import type { Candidate } from './staging.ts';
import { documentFromText, documentToText } from './wire-document.ts';

export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly digest: string;
  /** The sender's wall clock, milliseconds since 1970. */
  readonly wallMs: number;
  /** The services it runs vnodes of, by name; a node that does not say runs all. */
  readonly services?: readonly string[];
  /** How many vnodes that it owns are partial. */
  readonly partial?: number;
  /** What is wrong with its disk: it takes no writes, or is slow. */
  readonly disk?: string;
  /** Whether it hears the addressee; a node that does not say does. */
  readonly hears?: boolean;
  /** How late its ticks are of late, milliseconds. */
  readonly lagMs?: number;
}

export interface DocumentRequest {
  readonly kind: 'documentRequest';
  readonly clusterId: string;
}

export interface DocumentMessage {
  readonly kind: 'document';
  readonly document: AgreedDocument;
}

interface InSlot {
  readonly clusterId: string;
  readonly slot: Epoch;
  readonly ballot: Ballot;
}
export interface Prepare extends InSlot {
  readonly kind: 'prepare';
}
export interface PromiseMessage extends InSlot {
  readonly kind: 'promise';
  readonly accepted: AcceptedValue | null;
}
export interface Accept extends InSlot {
  readonly kind: 'accept';
  readonly document: AgreedDocument;
}
export interface Accepted extends InSlot {
  readonly kind: 'accepted';
}
export interface Nack extends InSlot {
  readonly kind: 'nack';
  /** The higher ballot that stands in the way. */
  readonly promised: Ballot;
}

export type AgreementMessage = Prepare | PromiseMessage | Accept | Accepted | Nack;

export interface JoinRequest {
  readonly kind: 'joinRequest';
  /** Chosen by the joiner, given back in the reply. */
  readonly requestId: number;
  readonly candidate: Candidate;
  /** The cluster that has let the joiner in already, if one has: no other may. */
  readonly boundTo: string | null;
}

/** Who to ask instead. */
export interface NotClaimant {
  readonly kind: 'not_claimant';
  readonly claimant: { readonly id: NodeId; readonly name: string; readonly address: string };
}

export interface JoinReply {
  readonly kind: 'joinReply';
  readonly requestId: number;
  readonly result: { readonly kind: 'staged'; readonly document: AgreedDocument } | NotClaimant | Refusal;
}

export interface ReportMessage {
  readonly kind: 'report';
  readonly clusterId: string;
  readonly report: Report;
}

export type MembershipMessage =
  Heartbeat | DocumentRequest | DocumentMessage | AgreementMessage | JoinRequest | JoinReply | ReportMessage;

const inSlot = { clusterId: isName, slot: isPositive, ballot: ballotShape };
/** How a change was not made, by whomever it was asked of. */
export const noResultShapes = {
  not_claimant: isRecord({ claimant: isRecord({ id: isName, name: isName, address: isText }) }),
  refused: isRecord({ code: isName, message: isSentence, definite: isBoolean }),
};
const isResult = isKindOf({ staged: isRecord({ document: isLatin1 }), ...noResultShapes });

const shapes: Readonly<Record<MembershipMessage['kind'], Check>> = {
  heartbeat: isRecord({
    clusterId: isName,
    epoch: isPositive,
    digest: isName,
    wallMs: isNumber,
    services: isOptional(isListOf(isName)),
    partial: isOptional(isCount),
    disk: isOptional(isName),
    hears: isOptional(isBoolean),
    lagMs: isOptional(isCount),
  }),
  documentRequest: isRecord({ clusterId: isName }),
  document: isRecord({ document: isLatin1 }),
  prepare: isRecord(inSlot),
  promise: isRecord({ ...inSlot, accepted: acceptedShape }),
  accept: isRecord({ ...inSlot, document: isLatin1 }),
  accepted: isRecord(inSlot),
  nack: isRecord({ ...inSlot, promised: ballotShape }),
  joinRequest: isRecord({
    requestId: isCount,
    candidate: isRecord({
      id: isName,
      name: isName,
      address: isText,
      location: isText,
      storeId: isOptional(isName),
      ringSize: isPositive,
    }),
    boundTo: isNullOr(isName),
  }),
  joinReply: isRecord({ requestId: isCount, result: isResult }),
  report: isRecord({ clusterId: isName, report: reportShape }),
};

export function encodeMembershipMessage(message: MembershipMessage): Uint8Array {
  switch (message.kind) {
    case 'document':
    case 'accept':
      return jsonEncode({ ...message, document: documentToText(message.document) });
    case 'promise':
      return jsonEncode({ ...message, accepted: acceptedToText(message.accepted) });
    case 'joinReply':
      return jsonEncode({ ...message, result: resultToText(message.result) });
    default:
      return jsonEncode(message);
  }
}

/** The message in `bytes[start..end)`; `WireError` when it is none. */
export function decodeMembershipMessage(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): MembershipMessage {
  const raw = jsonDecode(bytes, start, end) as { kind: MembershipMessage['kind'] };
  const known = typeof raw === 'object' && raw !== null && Object.hasOwn(shapes, raw.kind);
  if (!known) throw new WireError('not a membership message');
  expectShape(shapes[raw.kind], raw, `a ${raw.kind}`);
  switch (raw.kind) {
    case 'document':
    case 'accept': {
      const message = raw as { document: string } & typeof raw;
      return { ...message, document: documentFromText(message.document) } as MembershipMessage;
    }
    case 'promise': {
      const message = raw as { accepted: AcceptedText | null } & typeof raw;
      return { ...message, accepted: acceptedFromText(message.accepted) } as MembershipMessage;
    }
    case 'joinReply': {
      const message = raw as { result: ResultText } & typeof raw;
      return { ...message, result: resultFromText(message.result) } as MembershipMessage;
    }
    default:
      return raw as MembershipMessage;
  }
}

type ResultText = { readonly kind: 'staged'; readonly document: string } | NotClaimant | Refusal;

function resultToText(result: JoinReply['result']): ResultText {
  return result.kind === 'staged' ? { ...result, document: documentToText(result.document) } : result;
}

function resultFromText(result: ResultText): JoinReply['result'] {
  return result.kind === 'staged' ? { ...result, document: documentFromText(result.document) } : result;
}
