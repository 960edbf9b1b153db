import { describe, expect, it } from 'vitest';
import { WireError, jsonEncode, latin1Decode } from '../base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { bucketOf } from './buckets.ts';
import {
  birthDocument,
  decodeDocument,
  encodeDocument,
  memberNamed,
  memberOf,
  votersOf,
  type Member,
  type RingDocument,
} from './document.ts';

const member = (name: string, status: Member['status'] = 'valid'): Member => ({
  id: name.repeat(32) as NodeId,
  name,
  address: `${name}.example:8099`,
  status,
  location: '',
});

const birth = birthDocument({ clusterId: 'c1', ringSize: 16, self: member('a'), n: 3, level: 'eventual' });
const [a, b, c] = [member('a'), member('b', 'leaving'), member('c', 'joining')];
const grown: RingDocument = {
  ...birth,
  epoch: 7 as Epoch,
  parentDigest: 'd'.repeat(40),
  members: [a, b, c],
  owners: birth.owners.map((owner, p) => (p % 2 === 0 ? owner : b.id)),
  pending: [{ partition: 3 as PartitionId, from: b.id, to: c.id }],
  staged: [{ kind: 'leave', node: b.id }],
  buckets: [
    { prefix: '', n: 3, level: 'eventual' },
    { prefix: 'o', n: 5, level: 'eventual' },
    { prefix: 'orders:\xe9', n: 3, level: 'strict' },
  ],
};

/** As it lies in the bytes: owners are positions. */
const encoded = (document: RingDocument): object =>
  JSON.parse(latin1Decode(encodeDocument(document).bytes)) as object;

const resizing: RingDocument = {
  ...grown,
  pending: [],
  resize: { ringSize: 32, owners: Array.from({ length: 32 }, (_, p) => (p % 2 === 0 ? a : b).id) },
};

describe('the ring document', () => {
  it.each([
    ['of one', birth],
    ['in the middle of a change', grown],
    ['on its way to another size', resizing],
  ])('%s goes to bytes and back', (_, document) => {
    const { bytes, digest } = encodeDocument(document);
    const back = decodeDocument(bytes);
    expect(back.document).toEqual(document);
    expect(back).toMatchObject({ bytes, digest });
    expect(digest).toMatch(/^[0-9a-f]{40}$/);
  });

  it('has another digest as soon as anything in it is different', () => {
    const other = encodeDocument({ ...grown, epoch: 8 as Epoch });
    expect(other.digest).not.toBe(encodeDocument(grown).digest);
  });

  it('passes on fields that it does not know', () => {
    const bytes = jsonEncode({ ...JSON.parse(latin1Decode(encodeDocument(birth).bytes)), moon: 'full' });
    expect(decodeDocument(bytes).bytes).toBe(bytes);
    expect(latin1Decode(encodeDocument(decodeDocument(bytes).document).bytes)).toContain('"moon":"full"');
  });

  it.each([
    ['no object', null],
    ['no owners', { members: [] }],
    ['a bad ring size', { ...birth, ringSize: 12, owners: Array.from({ length: 12 }, () => 0) }],
    ['owners that do not fit', { ...birth, owners: [0] }],
    ['an owner who is no member', { ...birth, owners: Array.from({ length: 16 }, () => 9) }],
    ['no owners of the next ring', { ...encoded(birth), resize: { ringSize: 32, owners: [0] } }],
  ])('refuses %s', (_, raw) => expect(() => decodeDocument(jsonEncode(raw))).toThrow(WireError));

  it('is not written with an owner who is no member', () => {
    expect(() => encodeDocument({ ...grown, members: [a] })).toThrow('every owner is a member');
  });

  it('is born as a cluster of one that owns all', () => {
    expect(birth).toMatchObject({ epoch: 1, claimant: a.id, members: [{ status: 'valid' }], pending: [] });
    expect(new Set(birth.owners)).toEqual(new Set([a.id]));
  });

  it('finds members, and voters are all but those joining', () => {
    expect(memberOf(grown, b.id)?.name).toBe('b');
    expect(memberNamed(grown, 'c')?.id).toBe(c.id);
    expect(memberNamed(grown, 'nobody')).toBeUndefined();
    expect(votersOf(grown).map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it.each([
    ['', ''],
    ['x', ''],
    ['orders', 'o'],
    ['orders:\xe91', 'orders:\xe9'],
  ])('the bucket of key "%s" has prefix "%s"', (key, prefix) =>
    expect(bucketOf(grown, key).prefix).toBe(prefix),
  );
});
