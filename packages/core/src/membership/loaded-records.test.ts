/** What a node may still rely on when records of its former lives are damaged or gone. */
import { describe, expect, it } from 'vitest';
import { latin1Encode } from '../base/bytes.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { StableName } from '../contracts/stable-store.ts';
import { birthDocument, encodeDocument, type Member } from '../ring/document.ts';
import { encodeAcceptorRecord, freshRecord, type AcceptorRecord } from './acceptor.ts';
import {
  recollect,
  RecordsDamaged,
  RecordsUnknown,
  type LoadedRecords,
  type Recollections,
} from './loaded-records.ts';

const [a, b] = ['a', 'b'] as NodeId[] as [NodeId, NodeId];
const self = { id: a, name: 'a', address: 'a:1', location: '' };
const born = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
const other: Member = { id: b, name: 'b', address: 'b:1', location: '', status: 'valid' };
const ringOf = (epoch: number, ...members: Member[]): Uint8Array =>
  encodeDocument({ ...born, epoch: epoch as Epoch, members: [...born.members, ...members] }).bytes;
const ring = ringOf(5, other);
const promised = { round: 3, node: b };
const record = (slot: number, clusterId = 'c'): AcceptorRecord => {
  return { ...freshRecord(clusterId, slot as Epoch), promised };
};
const promises = (slot: number): Uint8Array => encodeAcceptorRecord(record(slot));

const read = (records: LoadedRecords, ...damaged: StableName[]): Recollections =>
  recollect(a, { ...records, damaged: new Set(damaged) });

describe('a node', () => {
  it('without any records is new', () => {
    expect(recollect(a, {})).toMatchObject({ ring: undefined, acceptor: undefined, concerns: [] });
  });

  it('whose records are whole goes on from them', () => {
    const { ring: found, acceptor, concerns } = read({ ring, agreement: promises(6) });
    expect(found?.document.epoch).toBe(5);
    expect(acceptor).toEqual(record(6));
    expect(concerns).toEqual([]);
  });

  it.each<[string, LoadedRecords, StableName[]]>([
    ['its only ring is damaged', {}, ['ring']],
    ['its ring is gone, and its promises are there', { agreement: promises(6) }, []],
    ['its ring is gone, and its promises are damaged', {}, ['agreement']],
    ['its ring is gone, and it had asked to join', { prospect: ring }, []],
  ])('does not start as a new one when %s', (_, records, damaged) => {
    expect(() => read(records, ...damaged)).toThrow(RecordsDamaged);
    expect(() => read(records, ...damaged)).toThrow(
      /^the ring of this node is (damaged|missing).*empty one, as a new node/,
    );
  });
});

describe('promises that are damaged', () => {
  it('are of the epoch that follows the ring, and forgotten; what an older version says stays true', () => {
    const forgotten = read({ ring }, 'agreement');
    expect(forgotten.acceptor).toEqual({ ...freshRecord('c', 6 as Epoch), amnesic: true });
    expect(forgotten.concerns).toEqual([expect.stringMatching(/^what this node promised .* no vote/)]);
    expect(read({ ring, agreement: promises(6) }, 'agreement').acceptor).toEqual({
      ...record(6),
      amnesic: true,
    });
    expect(read({ ring, agreement: promises(5) }, 'agreement').acceptor?.promised).toBe(null);
  });

  it('are remembered as forgotten by the next life too', () => {
    const bytes = encodeAcceptorRecord({ ...record(6), amnesic: true });
    expect(read({ ring, agreement: bytes }).acceptor?.amnesic).toBe(true);
  });

  it('do not matter to a node that votes alone', () => {
    const lone = read({ ring: ringOf(5), agreement: promises(6) }, 'agreement');
    expect(lone.acceptor).toEqual(record(6));
    expect(lone.concerns).toEqual([]);
    const joining = ringOf(5, { ...other, status: 'joining' });
    expect(read({ ring: joining }, 'agreement').acceptor).toBeUndefined();
  });

  it('matter to one that asked to join and has no vote yet, once it has', () => {
    const candidate = encodeDocument({
      ...born,
      members: [{ ...born.members[0], status: 'joining' } as Member, other],
      claimant: b,
    }).bytes;
    expect(read({ ring: candidate }, 'agreement').acceptor?.amnesic).toBe(true);
  });

  it.each<[string, LoadedRecords, StableName[]]>([
    ['the newest ring is damaged as well', { ring }, ['agreement', 'ring']],
    ['the ring is older than what was promised on it', { ring, agreement: promises(7) }, ['agreement']],
  ])('of nobody knows which epoch keep the node from starting: %s', (_, records, damaged) => {
    expect(() => read(records, ...damaged)).toThrow(/two rings could be agreed upon for one epoch/);
  });
});

describe('what does less harm', () => {
  it('an older ring is caught up with, and the operator hears of it', () => {
    expect(read({ ring, agreement: promises(7) }, 'ring')).toMatchObject({
      acceptor: record(7),
      concerns: ['the newest ring is damaged: this node begins with an older one'],
    });
  });

  it('so is an older request to join', () => {
    expect(read({ ring }, 'prospect').concerns).toEqual([
      expect.stringMatching(/^which cluster this node asked/),
    ]);
  });

  it('a plan that is damaged, or makes no sense to this version, is made anew', () => {
    expect(read({ ring }, 'plan')).toMatchObject({ plan: undefined, concerns: [] });
    expect(read({ ring, plan: latin1Encode('{"kind":"other"}') }).plan).toBeUndefined();
  });
});

it('whole promises that make no sense to this version are no reason to forget them', () => {
  expect(() => read({ ring, agreement: latin1Encode('{}') })).toThrow(RecordsUnknown);
});

it('nor is a ring of a format level that this version does not know', () => {
  const later = encodeDocument({ ...born, formatLevel: 2 }).bytes;
  expect(() => read({ ring: later })).toThrow(RecordsUnknown);
  expect(() => read({ ring: later })).toThrow(
    'the ring of this node makes no sense to this version of rkv ' +
      '(a ring document of format level 2, of which this version knows 1): start the one that wrote it',
  );
});
