/** Lives of one node, each on a store of this name, and what it finds there. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../contracts/logger.ts';
import type { StableStore } from '../contracts/stable-store.ts';
import type { Store } from '../contracts/store.ts';
import { StoreProof } from './store-proof.ts';

function lives(): (storeId: string, ringStoreId: string | undefined) => boolean {
  let life: Uint8Array | undefined;
  return (storeId, ringStoreId) => {
    const proof = new StoreProof({
      stable: { load: () => life } as unknown as StableStore,
      store: { storeId, places: () => [] } as unknown as Store,
      logger: silentLogger,
      durability: 'power',
      bootId: 'boot',
      ringStoreId,
      save: (record, done) => {
        life = record;
        done();
      },
    });
    const found = proof.proven;
    proof.begin(() => {});
    if (!found) proof.becomeProven();
    proof.end(() => {});
    return found;
  };
}

describe('a store is proven', () => {
  it('when it is that of the last life and the one that the ring knows, or the ring does not say', () => {
    const live = lives();
    expect([live('x', undefined), live('x', undefined), live('x', 'x')]).toEqual([true, true, true]);
  });

  it('not when it is another than the ring knows', () => {
    const live = lives();
    live('x', undefined);
    expect([live('y', 'x'), live('y', 'y')]).toEqual([false, true]);
  });

  it('not when a life was on another meanwhile, though the ring has never heard of that one', () => {
    const live = lives();
    live('x', 'x');
    expect([live('y', 'x'), live('x', 'x'), live('x', 'x')]).toEqual([false, false, true]);
  });
});
