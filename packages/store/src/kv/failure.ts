/** Saying why a request failed: what it needed, what it got, and whether it surely did nothing. */
import { isTraceId, memberName, type QuorumCount, type Quorum, type RingDocument } from '@rkv/core';
import type { Failure, FailureCode } from './api.ts';

export interface FailureFacts {
  readonly verb: 'read' | 'write';
  readonly code: FailureCode;
  readonly quorum: Quorum;
  readonly count: QuorumCount;
  /** Whether no replica can have acted on it. Always true of reads. */
  readonly definite: boolean;
  readonly document: RingDocument;
}

const SENTENCES: Record<FailureCode, string> = {
  timeout: 'not enough of them answered in time',
  unreachable: 'not enough of them can be reached',
  overload: 'queues on the way are full, try again later',
  read_only: 'their stores take no writes now',
  too_large: 'the value is too large',
  bad_request: 'there are not so many',
  stopping: 'this node is stopping',
  busy: 'their range is moving or heals, try again',
  conflict: 'another change came between, and it cannot be told whether it stands on this one',
};

export function failureOf({ verb, code, quorum, count, definite, document }: FailureFacts): Failure {
  const { needed, neededNodes, neededPrimaries } = quorum;
  const from = count.from.map((id) => memberName(document, id));
  const primaries = neededPrimaries > 0 ? `, ${neededPrimaries} of them primary` : '';
  const heard = from.length > 0 ? `${count.got} answered (${from.join(', ')})` : 'none answered';
  return {
    code,
    message: `this ${verb} needs ${needed} replicas on ${neededNodes} nodes${primaries}, ${heard}: ${SENTENCES[code]}${doubtOf(verb, definite)}`,
    needed,
    got: count.got,
    from,
    definite,
  };
}

function doubtOf(verb: 'read' | 'write', definite: boolean): string {
  if (verb === 'read') return '';
  return definite ? '; nothing was written' : '; it may have been written';
}

/** Of a change that nobody took who could make it, or that the one who took it said nothing of any more. */
export function proposerFailure(verb: 'read' | 'write', code: FailureCode, definite: boolean): Failure {
  const message = `this ${verb} needs one of the nodes that have the key to carry it out: ${SENTENCES[code]}${doubtOf(verb, definite)}`;
  return { code, message, needed: 1, got: 0, from: [], definite };
}

/** Of a change that has waited in line for as long as it was to take. */
export function timeoutFailure(): Failure {
  const message = 'other changes of this key were before it, for too long; nothing was written';
  return { code: 'timeout', message, needed: 0, got: 0, from: [], definite: true };
}

/** A longer key is refused: with the largest value it must still fit one frame. */
const KEY_BYTES_MAX = 1024 * 1024;

/** Why this key, or this value of so many bytes, is not taken; undefined: it is. */
export function sizeFailure(key: string, valueBytes: number, valueBytesMax: number): Failure | undefined {
  if (key.length > KEY_BYTES_MAX) return tooLarge('key', key.length, KEY_BYTES_MAX);
  return valueBytes > valueBytesMax ? tooLarge('value', valueBytes, valueBytesMax) : undefined;
}

/** Why a request is not traced by this name; undefined: it may be. */
export function traceFailure(trace: string): Failure | undefined {
  if (isTraceId(trace)) return undefined;
  const message = 'a trace id is 1 to 32 letters, digits, - and _; nothing was done';
  return { code: 'bad_request', message, needed: 0, got: 0, from: [], definite: true };
}

/** Why no request is begun now; undefined: there is room. */
export function roomFailure({ full }: { readonly full: boolean }): Failure | undefined {
  if (!full) return undefined;
  const message = 'this node has as many requests under way as it takes, try again later; nothing was done';
  return { code: 'overload', message, needed: 0, got: 0, from: [], definite: true };
}

function tooLarge(what: 'key' | 'value', bytes: number, most: number): Failure {
  const message = `the ${what} has ${bytes} bytes, and this node takes at most ${most}`;
  return { code: 'too_large', message, needed: 0, got: 0, from: [], definite: true };
}
