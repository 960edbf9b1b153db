/**
 * What two nodes say when they compare, on the bulk lane: a question and its answer, and nothing is remembered between
 * two questions.
 *
 * ```
 * ask     u32 id, u8 version, u8 kind, then by kind:
 *   roots   u16 count, {u16 partition, u16 range}*
 *   sums    copy, within, u16 parts
 *   states  copy, within, u8 there is one {u32 u32 after}, u16 limit
 *   items   copy, u16 count, {u32 u32 position}*
 *   give    copy, {16 bytes} reap floor when they were read, u16 count, {u32 length, bytes}*
 * tell    u32 id, u8 kind, then by kind:
 *   roots   u16 count, {u8 known, u32 u32 sum}*
 *   sums    u8 known, u16 parts, {u32 u32 sum}*
 *   states  u8 there is one {u32 u32 up to}, u16 count, {u32 u32 position, u32 u32 state}*
 *   items   u16 positions that are answered, u16 count, {u32 length, bytes}*
 *   given   u16 changed, u16 failed
 *   refused u16 length, why
 *
 * copy    u16 partition;   within   u32 first hash, u32 last hash
 * ```
 * In a question number and version stand where they stand in all versions to come; one of another version is refused. An
 * answer needs none: it is of the version of its question.
 */
import { Reader, WireError, type Writer } from '../base/bytes.ts';
import { STAMP_BYTES } from '../base/hybrid-clock.ts';
import type { PartitionId } from '../contracts/ids.ts';
import type { HashRange } from '../contracts/store.ts';

export const EXCHANGE_VERSION = 2;

/** A copy and a range that it holds. */
export interface RootName {
  readonly partition: PartitionId;
  readonly range: PartitionId;
}

/** A position among hashes: their first two words. */
export type Position = readonly [hashHi: number, hashLo: number];

/** About one copy, `partition`, but for `roots`. */
export type Question =
  | { readonly kind: 'roots'; readonly roots: readonly RootName[] }
  | {
      readonly kind: 'sums';
      readonly partition: PartitionId;
      readonly within: HashRange;
      readonly parts: number;
    }
  | {
      readonly kind: 'states';
      readonly partition: PartitionId;
      readonly within: HashRange;
      readonly after: Position | undefined;
      readonly limit: number;
    }
  /** Two words for each position. */
  | { readonly kind: 'items'; readonly partition: PartitionId; readonly positions: Uint32Array }
  | {
      readonly kind: 'give';
      readonly partition: PartitionId;
      /** The reap floor at the giver when it read them. */
      readonly asOf: Uint8Array;
      readonly items: readonly Uint8Array[];
    };

export type Answer =
  /** Two words each; undefined: not known. */
  | { readonly kind: 'roots'; readonly sums: readonly (Uint32Array | undefined)[] }
  | { readonly kind: 'sums'; readonly sums: Uint32Array | undefined }
  | { readonly kind: 'states'; readonly states: Uint32Array; readonly upTo: Position | undefined }
  /** What lies at the first `answered` positions. */
  | { readonly kind: 'items'; readonly answered: number; readonly items: readonly Uint8Array[] }
  | { readonly kind: 'given'; readonly changed: number; readonly failed: number }
  | { readonly kind: 'refused'; readonly reason: string };

type AnswerKind = Answer['kind'];

/** By their numbers on the wire. */
const QUESTIONS: readonly Question['kind'][] = ['roots', 'sums', 'states', 'items', 'give'];
const ANSWERS: readonly AnswerKind[] = ['roots', 'sums', 'states', 'items', 'given', 'refused'];

export function writeQuestion(out: Writer, id: number, question: Question): void {
  out.u32(id);
  out.u8(EXCHANGE_VERSION);
  out.u8(QUESTIONS.indexOf(question.kind));
  if (question.kind === 'roots') return writeRoots(out, question.roots);
  out.u16(question.partition);
  switch (question.kind) {
    case 'sums':
      writeRange(out, question.within);
      return out.u16(question.parts);
    case 'states':
      writeRange(out, question.within);
      writePosition(out, question.after);
      return out.u16(question.limit);
    case 'items':
      out.u16(question.positions.length / 2);
      return writeWords(out, question.positions);
    case 'give':
      out.bytes(question.asOf);
      return writeItems(out, question.items);
  }
}

/** A question that cannot be answered here has a number all the same. */
export interface Asked {
  readonly id: number;
  readonly question: Question | { readonly kind: undefined; readonly strange: string };
}

export function readQuestion(input: Reader): Asked {
  const id = input.u32();
  const version = input.u8();
  const number = input.u8();
  const kind = QUESTIONS[number];
  if (version === EXCHANGE_VERSION && kind !== undefined) return { id, question: readBody(input, kind) };
  const strange =
    version === EXCHANGE_VERSION
      ? `knows no question of kind ${number} about its copies`
      : `speaks version ${EXCHANGE_VERSION} of exchange, not ${version}`;
  return { id, question: { kind: undefined, strange } };
}

function readBody(input: Reader, kind: Question['kind']): Question {
  if (kind === 'roots') {
    const roots = Array.from({ length: input.u16() }, () => ({
      partition: input.u16() as PartitionId,
      range: input.u16() as PartitionId,
    }));
    return { kind, roots };
  }
  const partition = input.u16() as PartitionId;
  switch (kind) {
    case 'sums':
      return { kind, partition, within: readRange(input), parts: input.u16() };
    case 'states': {
      const within = readRange(input);
      const after = readPosition(input);
      return { kind, partition, within, after, limit: input.u16() };
    }
    case 'items':
      return { kind, partition, positions: readWords(input, 2 * input.u16()) };
    case 'give':
      return { kind, partition, asOf: input.view(STAMP_BYTES).slice(), items: readItems(input) };
  }
}

export function writeAnswer(out: Writer, id: number, answer: Answer): void {
  out.u32(id);
  out.u8(ANSWERS.indexOf(answer.kind));
  switch (answer.kind) {
    case 'roots':
      out.u16(answer.sums.length);
      for (const sum of answer.sums) {
        out.u8(sum === undefined ? 0 : 1);
        writeWords(out, sum ?? [0, 0]);
      }
      return;
    case 'sums':
      out.u8(answer.sums === undefined ? 0 : 1);
      out.u16((answer.sums?.length ?? 0) / 2);
      return writeWords(out, answer.sums ?? []);
    case 'states':
      writePosition(out, answer.upTo);
      out.u16(answer.states.length / 4);
      return writeWords(out, answer.states);
    case 'items':
      out.u16(answer.answered);
      return writeItems(out, answer.items);
    case 'given':
      out.u16(answer.changed);
      return out.u16(answer.failed);
    case 'refused':
      out.u16(answer.reason.length);
      return out.latin1(answer.reason);
  }
}

export function readAnswerId(input: Reader): number {
  return input.u32();
}

/** After its number. */
export function readAnswer(input: Reader): Answer {
  const kind = ANSWERS[input.u8()];
  if (kind === undefined) throw new WireError('an answer of a kind that is not known');
  switch (kind) {
    case 'roots': {
      const sums = Array.from({ length: input.u16() }, () => {
        const known = input.u8() === 1;
        const sum = readWords(input, 2);
        return known ? sum : undefined;
      });
      return { kind, sums };
    }
    case 'sums': {
      const known = input.u8() === 1;
      const sums = readWords(input, 2 * input.u16());
      return { kind, sums: known ? sums : undefined };
    }
    case 'states': {
      const upTo = readPosition(input);
      return { kind, upTo, states: readWords(input, 4 * input.u16()) };
    }
    case 'items':
      return { kind, answered: input.u16(), items: readItems(input) };
    case 'given':
      return { kind, changed: input.u16(), failed: input.u16() };
    case 'refused':
      return { kind, reason: input.latin1(input.u16()) };
  }
}

function writeRoots(out: Writer, roots: readonly RootName[]): void {
  out.u16(roots.length);
  for (const { partition, range } of roots) {
    out.u16(partition);
    out.u16(range);
  }
}

function writeRange(out: Writer, { start, end }: HashRange): void {
  out.u32(start);
  out.u32(end - 1);
}

function readRange(input: Reader): HashRange {
  return { start: input.u32(), end: input.u32() + 1 };
}

function writePosition(out: Writer, position: Position | undefined): void {
  out.u8(position === undefined ? 0 : 1);
  if (position !== undefined) writeWords(out, position);
}

function readPosition(input: Reader): Position | undefined {
  return input.u8() === 0 ? undefined : [input.u32(), input.u32()];
}

function writeWords(out: Writer, words: Iterable<number>): void {
  for (const word of words) out.u32(word);
}

function readWords(input: Reader, count: number): Uint32Array {
  // Read to their end before room is made for them: the number may be anything.
  const bytes = new Reader(input.view(4 * count));
  return Uint32Array.from({ length: count }, () => bytes.u32());
}

function writeItems(out: Writer, items: readonly Uint8Array[]): void {
  out.u16(items.length);
  for (const item of items) {
    out.u32(item.length);
    out.bytes(item);
  }
}

/** Copies. */
function readItems(input: Reader): Uint8Array[] {
  const count = input.u16();
  const items: Uint8Array[] = [];
  for (let i = 0; i < count; i++) items.push(input.view(input.u32()).slice());
  return items;
}
