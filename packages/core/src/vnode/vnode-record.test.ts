/** The bytes on disk, once and for all. */
import { describe, expect, it } from 'vitest';
import { latin1Decode, latin1Encode } from '../base/bytes.ts';
import type { Epoch, PartitionId } from '../contracts/ids.ts';
import { SPACE_META } from '../contracts/store.ts';
import { decodeVnodeRecord, encodeVnodeRecord, vnodeRecordKey, type VnodeRecord } from './vnode-record.ts';

const record: VnodeRecord = {
  epoch: 7 as Epoch,
  role: 'owner',
  state: 'whole',
  reapFloor: '',
  storeId: 'store-1',
  actor: '00112233445566ff',
  treeCheckpoint: '',
};
const place = { ringBits: 6, partition: 3 as PartitionId };

describe('the record of a vnode', () => {
  it('is written as drawn, beside the items of its partition', () => {
    const { value, ...where } = encodeVnodeRecord('rkv', place, record);
    expect(where).toEqual({ space: SPACE_META, place, hashHi: 0, hashLo: 0, key: 'vnode:rkv' });
    expect(latin1Decode(value as Uint8Array)).toBe(
      '{"epoch":7,"role":"owner","state":"whole","reapFloor":"","storeId":"store-1","actor":"00112233445566ff","treeCheckpoint":""}',
    );
  });

  it('is read back', () => {
    expect(decodeVnodeRecord(encodeVnodeRecord('rkv', place, record).value as Uint8Array)).toEqual(record);
  });

  it('of two services are two', () => {
    expect(vnodeRecordKey('rkv')).not.toEqual(vnodeRecordKey('locks'));
  });

  it('that is damaged is none', () => {
    for (const text of ['{"epoch":7,', '{"epoch":7}', 'null'])
      expect(decodeVnodeRecord(latin1Encode(text))).toBe(undefined);
  });
});
