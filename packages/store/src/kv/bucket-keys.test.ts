/** Whether keys exist whose properties would change, on a cluster whose nodes answer within the call. */
import { partitionOf } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { tombstoneAt } from '../../test/kv/entries.ts';
import { coordinatorOn } from '../../test/kv/manual-port.ts';
import { VnodePort } from '../../test/kv/vnode-port.ts';
import { findKeys, type FoundKeys } from './bucket-keys.ts';
import { placeKey, type Coordinator } from './coordinator.ts';
import { QuorumStore } from './kv-store.ts';

const FIVE_NODES = 'abcdeabc';

class Stage {
  readonly port = new VnodePort(FIVE_NODES);
  readonly coordinator: Coordinator = coordinatorOn(this.port);
  readonly kv = new QuorumStore(this.coordinator);

  put(key: string): void {
    this.kv.put(key, Uint8Array.of(1), undefined, {
      onWritten() {},
      onFailure: ({ message }) => expect.fail(message),
    });
  }

  /** Into the copy of a key that many places down its list. */
  plant(at: number, ...[key, time, entry]: [key: string, time: number, entry?: Uint8Array]): void {
    const partition = (partitionOf(placeKey(key).hashHi, 3) + at) % 8;
    this.port.plant(partition, FIVE_NODES[partition] as string, key, time, entry);
  }

  find(prefix: string, copies: number): FoundKeys | string {
    let found: FoundKeys | string | undefined;
    findKeys(this.coordinator, { copies, isMeant: (key) => key.startsWith(prefix) }, (outcome) => {
      found = outcome.kind === 'failed' ? outcome.failure.code : { live: outcome.live, stale: outcome.stale };
    });
    this.port.host.advance(1_000);
    return found as FoundKeys | string;
  }
}

describe('keys that are looked for', () => {
  it('are counted once each, whatever else there is', () => {
    const stage = new Stage();
    for (let i = 0; i < 300; i++) {
      stage.put(`a${i}`);
      stage.put(`b${i}`);
    }
    expect(stage.find('a', 3)).toEqual({ live: 300, stale: 0 });
    expect(stage.find('', 5)).toEqual({ live: 600, stale: 0 });
    expect(stage.find('c', 5)).toEqual({ live: 0, stale: 0 });
  });

  it('exist when one copy alone holds one, which a quorum would miss', () => {
    const stage = new Stage();
    stage.plant(2, 'a', 7);
    expect(stage.find('a', 3)).toEqual({ live: 1, stale: 0 });
  });

  it('are told apart from those that are deleted, of which a copy has not heard', () => {
    const stage = new Stage();
    for (const at of [0, 1, 2]) stage.plant(at, 'a', 7);
    for (const at of [0, 1]) stage.plant(at, 'a', 9, tombstoneAt('a', 9));
    expect(stage.find('a', 3)).toEqual({ live: 0, stale: 1 });
    stage.plant(2, 'a', 9, tombstoneAt('a', 9));
    expect(stage.find('a', 3)).toEqual({ live: 0, stale: 0 });
  });

  it('may lie where more copies are to be than now', () => {
    const stage = new Stage();
    stage.plant(4, 'a', 7);
    expect(stage.find('a', 3)).toEqual({ live: 0, stale: 0 });
    expect(stage.find('a', 5)).toEqual({ live: 1, stale: 0 });
  });

  it('cannot be told of while a copy cannot be asked, though a quorum can', () => {
    const stage = new Stage();
    stage.port.down.add('b');
    expect(stage.find('a', 3)).toBe('unreachable');
  });
});
