import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonEncode, latin1Encode, WireError } from '../base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { birthDocument, encodeDocument, type RingDocument } from '../ring/document.ts';
import { decodeMembershipMessage, encodeMembershipMessage, type MembershipMessage } from './messages.ts';

const a = 'a' as NodeId;
const self = { id: a, name: 'a', address: 'a:1', location: '' };
const born = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
/** With a field that this version does not know. */
const document = encodeDocument({ ...born, future: ['kept'] } as RingDocument);
const inSlot = { clusterId: 'c', slot: 2 as Epoch, ballot: { round: 1, node: a } };
const transfer = { partition: 0 as PartitionId, from: a, to: a };

const messages: MembershipMessage[] = [
  {
    kind: 'heartbeat',
    clusterId: 'c',
    epoch: 1 as Epoch,
    digest: document.digest,
    wallMs: 1_700_000_000_000.5,
  },
  {
    kind: 'heartbeat',
    clusterId: 'c',
    epoch: 1 as Epoch,
    digest: document.digest,
    wallMs: 0,
    services: ['kv', 'locks'],
    partial: 3,
  },
  { kind: 'documentRequest', clusterId: 'c' },
  { kind: 'document', document },
  { kind: 'prepare', ...inSlot },
  { kind: 'promise', ...inSlot, accepted: null },
  { kind: 'promise', ...inSlot, accepted: { ballot: inSlot.ballot, document } },
  { kind: 'accept', ...inSlot, document },
  { kind: 'accepted', ...inSlot },
  { kind: 'nack', ...inSlot, promised: { round: 2, node: a } },
  { kind: 'joinRequest', requestId: 1, candidate: { ...self, ringSize: 8 }, boundTo: null },
  { kind: 'joinReply', requestId: 1, result: { kind: 'staged', document } },
  {
    kind: 'joinReply',
    requestId: 1,
    result: { kind: 'not_claimant', claimant: { id: a, name: 'a', address: 'a:1' } },
  },
  {
    kind: 'joinReply',
    requestId: 1,
    result: { kind: 'refused', code: 'name_taken', message: 'é', definite: true },
  },
  { kind: 'report', clusterId: 'c', report: { kind: 'transferComplete', transfer } },
  { kind: 'report', clusterId: 'c', report: { kind: 'drained', node: a } },
  { kind: 'report', clusterId: 'c', report: { kind: 'memberInfo', info: self } },
];

/** What nodes of before this version do not say. */
const OPTIONAL = ['services', 'partial'];
type Loose = Readonly<Record<string, unknown>>;

describe('membership messages', () => {
  it.each(messages)('$kind comes back as it went', (message) => {
    expect(decodeMembershipMessage(encodeMembershipMessage(message))).toEqual(message);
  });

  it('are WireError when any field is missing or of another kind, at any depth', () => {
    for (const message of messages) {
      for (const broken of breakEach(
        JSON.parse(new TextDecoder().decode(encodeMembershipMessage(message))),
      )) {
        if (OPTIONAL.some((field) => field in message && (broken as Loose)[field] === undefined)) continue;
        const attempt = (): unknown => decodeMembershipMessage(jsonEncode(broken));
        expect(attempt, JSON.stringify(broken)).toThrow(WireError);
      }
    }
  });

  it('are WireError when the document inside is none', () => {
    const broken = breakEach({ ...born, owners: born.owners.map(() => 0) }).filter(
      (raw) => !isTolerable(raw),
    );
    expect(broken.length).toBeGreaterThan(20);
    for (const raw of broken) {
      const text = JSON.stringify(raw);
      expect(() => decodeMembershipMessage(jsonEncode({ kind: 'document', document: text })), text).toThrow(
        WireError,
      );
    }
  });

  it('nonsense is WireError, never another error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json().map(latin1Encode), fc.uint8Array()), (bytes) => {
        expect(() => decodeMembershipMessage(bytes)).toThrow(WireError);
      }),
    );
  });
});

/** Each variant of a JSON value in which one field somewhere is gone or is a boolean in a box. */
function breakEach(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const rebuilt = (other: unknown): unknown =>
      Array.isArray(value)
        ? value.map((item, at) => (String(at) === name ? other : item))
        : { ...value, [name]: other };
    return [rebuilt([[true]]), rebuilt(undefined), ...breakEach(field).map(rebuilt)];
  });
}

/** `hash` has one value so far and is not looked at. */
function isTolerable(raw: unknown): boolean {
  return typeof raw !== 'object' || raw === null || (raw as RingDocument).hash !== 'sha1-etf';
}
