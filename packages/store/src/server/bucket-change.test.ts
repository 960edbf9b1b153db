/** What may come in between while a bucket is changed: members away, transfers, writes. Five nodes that answer within the call. */
import { partitionOf, type AdminRequest, type NodeId, type RequestResult } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { tombstoneAt } from '../../test/kv/entries.ts';
import { coordinatorOn } from '../../test/kv/manual-port.ts';
import { VnodePort } from '../../test/kv/vnode-port.ts';
import type { AdminError } from '../admin/admin-error.ts';
import type { BucketChanged, TransfersView } from '../admin/api.ts';
import { placeKey } from '../kv/index.ts';
import { BucketAdmin, type BucketAdminParts } from './bucket-admin.ts';

const OWNERS = 'abcdeabc';

class Stage {
  readonly port = new VnodePort(OWNERS);
  transfers: TransfersView = { active: [], waiting: [] };
  ringReady = true;
  readonly asked: AdminRequest[] = [];
  readonly node: BucketAdminParts['node'];
  /** Done when it has been looked for keys, and nothing is agreed yet. */
  meanwhile = (): void => {};

  constructor() {
    const { port } = this;
    const isReady = (): boolean => this.ringReady;
    this.node = {
      get document() {
        return port.document;
      },
      get ringReady() {
        return isReady();
      },
      isUp: (node: NodeId) => !port.down.has(node),
    };
  }

  plant(key: string, copies: readonly number[], time = 7, entry?: Uint8Array): void {
    const first = partitionOf(placeKey(key).hashHi, 3);
    for (const at of copies) {
      const partition = (first + at) % 8;
      this.port.plant(partition, OWNERS[partition] as string, key, time, entry);
    }
  }

  /** What is told, or the code and the words of a refusal. */
  async change(prefix: string, n: number): Promise<BucketChanged | string> {
    const { port, node } = this;
    const admin = new BucketAdmin({
      node,
      coordinator: coordinatorOn(port),
      transfers: async () => this.transfers,
      request: async (request): Promise<RequestResult> => {
        this.meanwhile();
        this.asked.push(request);
        port.setBuckets({ prefix, n, level: 'eventual' });
        return { kind: 'done', epoch: port.epoch };
      },
    });
    let outcome: BucketChanged | string | undefined;
    const told = admin.change(prefix, { n }).then(
      (view) => (outcome = view),
      (error: AdminError) => (outcome = `${error.code}: ${error.message}`),
    );
    for (let turns = 0; turns < 1_000; turns++) {
      await Promise.resolve();
      port.host.advance(turns < 500 ? 0 : 100);
    }
    expect(outcome, 'it has ended').toBeDefined();
    return told;
  }
}

describe('a bucket is not changed', () => {
  it('while a member is away that may hold keys of it', async () => {
    const stage = new Stage();
    stage.port.down.add('d');
    expect(await stage.change('a', 5)).toMatch(/^unreachable: node d cannot be reached/);
    expect(stage.asked).toEqual([]);
  });

  it('while transfers run or wait, which may bring some', async () => {
    const stage = new Stage();
    const waiting = [{ kind: 'hinted' as const, partition: 1, from: 'n1', to: 'n2', reason: 'later' }];
    stage.transfers = { active: [], waiting };
    expect(await stage.change('a', 5)).toMatch(/^pending_changes: 1 transfer runs or waits/);
    expect(stage.asked).toEqual([]);
  });

  it('while some copy holds the value of a key that is deleted', async () => {
    const stage = new Stage();
    stage.plant('a1', [0, 1, 2]);
    stage.plant('a1', [0, 1], 9, tombstoneAt('a1', 9));
    expect(await stage.change('a', 5)).toMatch(/^keys_exist: 1 key .* no more, but some copy has not heard/);
    stage.plant('a1', [2], 9, tombstoneAt('a1', 9));
    expect(await stage.change('a', 5)).toMatchObject({ n: 5, changed: true, warnings: [] });
  });
});

describe('a bucket is changed', () => {
  it('and what was written meanwhile is told', async () => {
    const stage = new Stage();
    stage.meanwhile = () => {
      stage.plant('a1', [0, 1, 2]);
      stage.plant('a2', [2]);
      stage.plant('b', [0, 1, 2]);
    };
    expect(await stage.change('a', 5)).toMatchObject({
      changed: true,
      warnings: [expect.stringMatching(/^2 keys beginning with "a" exist: written while this was agreed/)],
    });
  });

  it('and that some members do not have the ring yet, or some copy cannot be asked any more', async () => {
    const behind = new Stage();
    behind.ringReady = false;
    expect(await behind.change('a', 5)).toMatchObject({
      warnings: [expect.stringMatching(/^not all members have the new ring yet/)],
    });
    const lost = new Stage();
    lost.meanwhile = () => lost.port.down.add('b');
    expect(await lost.change('a', 5)).toMatchObject({
      warnings: [expect.stringMatching(/^whether keys were written .* is not known/)],
    });
  });

  it('unlooked for where no key gets other properties', async () => {
    const stage = new Stage();
    stage.plant('a1', [0, 1, 2]);
    stage.port.down.add('d');
    expect(await stage.change('a', 3)).toMatchObject({ n: 3, changed: true, warnings: [] });
    expect(stage.asked).toEqual([
      {
        kind: 'bucket',
        prefix: 'a',
        to: { n: 3, level: 'eventual' },
        was: { prefix: '', n: 3, level: 'eventual' },
      },
    ]);
  });
});
