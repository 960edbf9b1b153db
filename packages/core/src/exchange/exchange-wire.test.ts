/** Questions and answers, to bytes and back. */
import { describe, expect, it } from 'vitest';
import { Reader, WireError, Writer } from '../base/bytes.ts';
import type { PartitionId } from '../contracts/ids.ts';
import {
  EXCHANGE_VERSION,
  readAnswer,
  readAnswerId,
  readQuestion,
  writeAnswer,
  writeQuestion,
  type Answer,
  type Question,
} from './exchange-wire.ts';

const p = (partition: number): PartitionId => partition as PartitionId;
const within = { start: 2 ** 31, end: 2 ** 32 };
const items = [Uint8Array.of(1, 2, 3), new Uint8Array(0)];

const questions: Question[] = [
  { kind: 'roots', roots: [] },
  {
    kind: 'roots',
    roots: [
      { partition: p(3), range: p(1) },
      { partition: p(1023), range: p(1022) },
    ],
  },
  { kind: 'sums', partition: p(2), within, parts: 64 },
  { kind: 'states', partition: p(2), within, after: undefined, limit: 500 },
  { kind: 'states', partition: p(2), within, after: [2 ** 32 - 1, 0], limit: 1 },
  { kind: 'items', partition: p(2), positions: Uint32Array.of(1, 2, 3, 4) },
  { kind: 'give', partition: p(2), asOf: Uint8Array.from({ length: 16 }, (_, at) => at), items },
];
const answers: Answer[] = [
  { kind: 'roots', sums: [Uint32Array.of(1, 2), undefined] },
  { kind: 'sums', sums: Uint32Array.of(1, 2, 2 ** 32 - 1, 4) },
  { kind: 'sums', sums: undefined },
  { kind: 'states', states: Uint32Array.of(1, 2, 3, 4), upTo: [5, 2 ** 32 - 1] },
  { kind: 'states', states: new Uint32Array(0), upTo: undefined },
  { kind: 'items', answered: 2, items },
  { kind: 'given', changed: 7, failed: 1 },
  { kind: 'refused', reason: 'n1 does not own partition 3' },
];

function bytesOf(write: (out: Writer) => void): Uint8Array {
  const out = new Writer();
  write(out);
  return out.copy();
}

describe('on the wire', () => {
  it.each(questions)('a question is what it was: $kind', (question) => {
    const bytes = bytesOf((out) => writeQuestion(out, 9, question));
    expect(readQuestion(new Reader(bytes))).toEqual({ id: 9, question });
  });

  it.each(answers)('an answer is what it was: $kind', (answer) => {
    const input = new Reader(bytesOf((out) => writeAnswer(out, 9, answer)));
    expect(readAnswerId(input)).toBe(9);
    expect(readAnswer(input)).toEqual(answer);
  });

  it.each(questions)('a question cut short is none: $kind', (question) => {
    const bytes = bytesOf((out) => writeQuestion(out, 9, question));
    for (let end = 0; end < bytes.length; end++)
      expect(() => readQuestion(new Reader(bytes.subarray(0, end)))).toThrow(WireError);
  });

  it.each(answers)('an answer cut short is none: $kind', (answer) => {
    const bytes = bytesOf((out) => writeAnswer(out, 9, answer));
    for (let end = 4; end < bytes.length; end++) {
      const input = new Reader(bytes.subarray(0, end));
      readAnswerId(input);
      expect(() => readAnswer(input)).toThrow(WireError);
    }
  });

  it('of another version, or of a kind that is not known, a question is said to be strange', () => {
    const strange = (version: number, kind: number): unknown =>
      readQuestion(new Reader(Uint8Array.of(0, 0, 0, 9, version, kind)));
    expect(strange(1, 0)).toEqual({
      id: 9,
      question: { kind: undefined, strange: 'speaks version 2 of exchange, not 1' },
    });
    expect(strange(EXCHANGE_VERSION, 99)).toEqual({
      id: 9,
      question: { kind: undefined, strange: 'knows no question of kind 99 about its copies' },
    });
    expect(() => readAnswer(new Reader(Uint8Array.of(99)))).toThrow(WireError);
  });
});
