/**
 * One read and its replicas, which say what the test says. This node is a; the key `k` lies on the first three of the
 * ring. What is held is said as `7:text`, a tombstone as `7:-`.
 */
import { latin1Decode } from '@rkv/core';
import type { Failure, RequestOptions } from '../../src/kv/api.ts';
import type { HeldReply } from '../../src/kv/commands.ts';
import type { RequestDefaults } from '../../src/kv/coordinator.ts';
import { ReadRequest } from '../../src/kv/read-request.ts';
import { holding, tombstoneAt, valueAt } from './entries.ts';
import { coordinatorOn, ManualPort, type Sent } from './manual-port.ts';
import { ringFor } from './ring-for.ts';

export const old = valueAt('k', 3, 'old');
export const late = valueAt('k', 7, 'late');
export const dead = tombstoneAt('k', 9);
export const nothing = undefined;

export interface Given {
  readonly n?: number;
  readonly down?: string;
  readonly options?: RequestOptions;
  readonly defaults?: Partial<RequestDefaults>;
  /** What this node answers at once. */
  readonly here?: HeldReply;
  /** Left out: this node's clock. */
  readonly clusterTime?: number;
}

/** A read that has begun. */
export function reading(
  owners = 'abcabcab',
  { n = 3, down = '', options, defaults, here, clusterTime }: Given = {},
) {
  const port = new ManualPort(ringFor('k', owners), n);
  for (const node of down) port.down.add(node);
  if (here !== undefined) port.here = () => here;
  const outcomes: string[] = [];
  const failures: Failure[] = [];
  const shipped = coordinatorOn(port, defaults);
  const coordinator =
    clusterTime === undefined ? shipped : { ...shipped, clusterTime: (): number => clusterTime };
  new ReadRequest(coordinator).begin('k', options, {
    onValue: (bytes, start, end, untilMs, nowMs) =>
      outcomes.push(
        `${latin1Decode(bytes, start, end)}${untilMs === 0 ? '' : ` until ${untilMs} at ${nowMs}`}`,
      ),
    onMissing: () => outcomes.push('missing'),
    onFailure: (failure) => {
      failures.push(failure);
      outcomes.push(failure.code);
    },
  });
  /** Answer for a node with this entry, or with its state, whichever it was asked for. */
  const hold = (node: string | Sent, entry: Uint8Array | undefined, standIn = false): void => {
    const sent = typeof node === 'string' ? port.to(node) : node;
    port.reply(sent, holding(entry, sent.command.kind === 'get' && sent.command.whole), standIn);
  };
  return { port, outcomes, failures, hold, readBytes: coordinator.values.reads };
}
