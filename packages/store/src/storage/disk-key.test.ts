import type { PartitionId, Place, RecordKey } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { diskKeyOf, diskValueOf, isLongKey, keyOnDisk, placeOnDisk, valueOnDisk } from './disk-key.ts';

const place: Place = { ringBits: 6, partition: 0x0102 as PartitionId };
const at = (key: string): RecordKey => ({ hashHi: 0x80818283, hashLo: 0xf4f5f6f7, key });

describe('a record on disk', () => {
  it('has its bytes in hash order: space, ring size, partition, hash, shape, key', () => {
    const bytes = ['01', '06', '0102', '80818283f4f5f6f7', '00', '6bff'];
    expect(diskKeyOf(1, place, at('k\xff')).toString('hex')).toBe(bytes.join(''));
  });

  it('names a long key by its digest, and keeps the key before the value', () => {
    const long = at('k'.repeat(2000));
    const digest = '1c8123314be794fecd4622dd336c932c8c1592f8e3aa12eebf2e98aba92efd11';
    const bytes = ['00', '06', '0102', '80818283f4f5f6f7', '01', digest];
    expect(diskKeyOf(0, place, long).toString('hex')).toBe(bytes.join(''));
    const value = Buffer.from(diskValueOf(long.key, Uint8Array.of(1, 2)));
    expect(value.toString('hex')).toBe(['000007d0', '6b'.repeat(2000), '0102'].join(''));
  });

  it.each([0, 1, 1964, 1965, 1966, 100_000])('comes back with a key of %i bytes, and fits lmdb', (length) => {
    const record = at('\xfe'.repeat(length));
    const diskKey = diskKeyOf(0, place, record);
    const diskValue = Buffer.from(diskValueOf(record.key, Uint8Array.of(7)));
    expect(diskKey.length).toBeLessThanOrEqual(1978);
    expect(keyOnDisk(diskKey, diskValue)).toEqual(record);
    expect(placeOnDisk(diskKey)).toEqual(place);
    expect([...valueOnDisk(record.key, diskValue)]).toEqual([7]);
    expect(isLongKey(record.key)).toBe(length > 1965);
  });
});
