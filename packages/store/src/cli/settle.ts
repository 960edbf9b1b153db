/**
 * Waiting until a cluster has come to rest: the ring agreed, nothing pending, no transfer of any kind active or waiting.
 *
 * A node that has asked to join is in no ring of others until somebody commits. Asked for nothing that was committed, it
 * waits for its own transfers alone.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { MemberStatus } from '@rkv/core';
import type { RingView, StatusView, TransfersView } from '../admin/api.ts';
import type { AdminClient } from './admin-client.ts';
import { describeWaiting } from './describe-transfers.ts';
import { Refusal } from './terminal.ts';

const SETTLE_MS = 120_000;
/** Short against the seconds that a transfer takes, long against the time that an answer takes. */
const POLL_MS = 100;

export interface SettleInit {
  /** The ring must have come at least this far: a commit may be known here a moment later than there. */
  readonly epoch?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** `left`: the node that was asked was a leaving member and goes or is gone, so it can tell no more. */
export type Settled = 'settled' | 'left';

/** Rejects with the Refusal `still_waiting`, which says what for, once the time is over. */
export async function settle(client: AdminClient, init: SettleInit = {}): Promise<Settled> {
  const { epoch = 0, timeoutMs = SETTLE_MS, signal } = init;
  const deadline = performance.now() + timeoutMs;
  let leaving = false;
  for (;;) {
    const look = await lookAt(client, signal).catch((error: unknown) => {
      if (error instanceof Refusal && (error.code === 'left' || (leaving && error.code === 'no_node')))
        return undefined;
      throw error;
    });
    if (look === undefined) return 'left';
    const reasons = reasonsToWait(look, epoch);
    if (reasons.length === 0) return 'settled';
    if (performance.now() > deadline) {
      const after = `not settled after ${timeoutMs / 1000} s, still waiting for:`;
      throw new Refusal('still_waiting', [after, ...reasons].join('\n'));
    }
    leaving ||= ownStatus(look) === 'leaving';
    await pause(POLL_MS, undefined, { signal });
  }
}

interface Look {
  readonly status: StatusView & { readonly node: string };
  readonly ring: RingView;
  readonly transfers: TransfersView;
}

async function lookAt(client: AdminClient, signal: AbortSignal | undefined): Promise<Look> {
  const [status, ring, transfers] = await Promise.all([
    client.get<Look['status']>('/api/status', { signal }),
    client.get<RingView>('/api/ring', { signal }),
    client.get<TransfersView>('/api/transfers', { signal }),
  ]);
  return { status, ring, transfers };
}

/** Of the node that is asked. */
function ownStatus({ status: { members, node } }: Look): MemberStatus | undefined {
  return members.find(({ name }) => name === node)?.status;
}

/** One line each, none when the cluster is at rest. */
function reasonsToWait(look: Look, epoch: number): string[] {
  const { status, ring, transfers } = look;
  const reasons: string[] = [];
  if (ring.version < epoch) reasons.push(`  the ring of epoch ${epoch}, this node has ${ring.version}`);
  const isOutside = epoch === 0 && ownStatus(look) === 'joining';
  if (!status.ready && !isOutside) reasons.push('  all live members to hold the same ring');
  if (transfers.active.length > 0) reasons.push(`  active transfers: ${transfers.active.length}`);
  reasons.push(...describeWaiting(transfers.waiting));
  if (ring.resize !== undefined) reasons.push(`  the ring to take its size of ${ring.resize.ringSize}`);
  const named = transfers.active.length + transfers.waiting.length;
  if (ring.pending.length > named)
    reasons.push(`  partitions that change their owner: ${ring.pending.length}`);
  return reasons;
}
