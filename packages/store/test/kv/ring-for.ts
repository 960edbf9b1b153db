/** Rings as one key sees them: `abc` owns the three partitions from the key's first on, and so round the ring of eight. */
import { partitionOf } from '@rkv/core';
import { placeKey } from '../../src/kv/index.ts';

const BITS = 3;

export function ringFor(key: string, owners: string): string {
  const first = partitionOf(placeKey(key).hashHi, BITS);
  const ring = new Array<string>(8);
  for (let i = 0; i < 8; i++) ring[(first + i) % 8] = owners[i % owners.length] as string;
  return ring.join('');
}
