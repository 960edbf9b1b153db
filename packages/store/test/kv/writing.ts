/**
 * One write and its replicas, which say what the test says. This node is a; the key `k` lies on the first three of the
 * ring, and the clock of this node stands at 1000, so that what it writes is `1000:v`.
 */
import { stampMs } from '@rkv/core';
import type { Failure, PutOptions, RequestOptions } from '../../src/kv/api.ts';
import type { MergedReply } from '../../src/kv/commands.ts';
import { WriteRequest, type WriteWatcher } from '../../src/kv/write-request.ts';
import { VERSION_AT } from '../../src/entry/layout.ts';
import { stampOf } from './entries.ts';
import { coordinatorOn, ManualPort } from './manual-port.ts';
import { ringFor } from './ring-for.ts';

export const merged: MergedReply = { kind: 'merged', existed: false, untilMs: 0, later: undefined };
export const existed: MergedReply = { ...merged, existed: true };
export const laterAt = (time: number): MergedReply => ({ ...merged, later: stampOf(time) });
export const tooLateAt = (time: number): MergedReply => ({ ...merged, later: stampOf(time), tooLate: true });

export interface Written {
  readonly n?: number;
  readonly down?: string;
  /** Left out: this node's clock. */
  readonly clusterTime?: number;
}

/** Nothing is written yet: `put` and `remove` do. */
export function writing(owners = 'abcabcab', { n = 3, down = '', clusterTime }: Written = {}) {
  const port = new ManualPort(ringFor('k', owners), n);
  for (const node of down) port.down.add(node);
  const shipped = coordinatorOn(port);
  const coordinator =
    clusterTime === undefined ? shipped : { ...shipped, clusterTime: (): number => clusterTime };
  const outcomes: string[] = [];
  const failures: Failure[] = [];
  const sink: WriteWatcher = {
    onFirst: (replica) => outcomes.push(`first ${replica.node}`),
    onWritten: (existed, entry) =>
      outcomes.push(`written ${stampMs(entry, VERSION_AT)}${existed ? ', existed' : ''}`),
    onFailure: (failure) => {
      failures.push(failure);
      outcomes.push(`${failure.code}${failure.definite ? ', definite' : ''}`);
    },
  };
  const put = (options?: PutOptions): void =>
    new WriteRequest(coordinator).put('k', Uint8Array.of(118), options, sink);
  const remove = (options?: RequestOptions): void => new WriteRequest(coordinator).delete('k', options, sink);
  return { port, outcomes, failures, put, remove, coordinator };
}
