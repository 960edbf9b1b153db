/**
 * Making one cluster of nodes that have started: join who is not in yet, plan, commit, wait until all is in place.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { PlanView, StatusView } from '../../admin/api.ts';
import { AdminClient } from '../admin-client.ts';
import { settle } from '../settle.ts';
import { Refusal } from '../terminal.ts';
import { clusterAddress, type DevNode, httpUrl } from './layout.ts';

const READY_MS = 60_000;
const POLL_MS = 50;

/** Resolves once the node can serve; rejects with `not_ready` and the node's reasons when it takes too long. */
export async function becomeReady(node: DevNode, signal: AbortSignal): Promise<void> {
  const client = new AdminClient(httpUrl(node));
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const why = await client.get('/readyz', { signal }).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof Refusal) return error.message;
        throw error;
      },
    );
    if (why === undefined) return;
    if (performance.now() > deadline) {
      throw new Refusal('not_ready', `${node.name} is not ready after ${READY_MS / 1000} s: ${why}`);
    }
    await pause(POLL_MS, undefined, { signal });
  }
}

/**
 * `nodes` are ready; the first one's cluster is the one. Resolves with the names of those who joined, none when the
 * cluster was there already.
 */
export async function formCluster(nodes: readonly DevNode[], signal: AbortSignal): Promise<string[]> {
  const [first] = nodes as readonly [DevNode, ...DevNode[]];
  const client = new AdminClient(httpUrl(first));
  const { members } = await client.get<StatusView>('/api/status', { signal });
  const strangers = nodes.filter((node) => !members.some((member) => member.name === node.name));
  // A run that was broken off may have left joins staged.
  const staged = members.filter((member) => member.status === 'joining').map((member) => member.name);
  const joined = [...staged, ...strangers.map((node) => node.name)];
  if (joined.length === 0) return joined;

  await settle(client, { signal }); // or else the plan is refused: an earlier commit may still be under way
  for (const stranger of strangers) {
    const body = { address: clusterAddress(first) };
    await new AdminClient(httpUrl(stranger)).post('/api/cluster/join', { body, signal });
  }
  await commitStaged(client, signal);
  return joined;
}

async function commitStaged(client: AdminClient, signal: AbortSignal): Promise<void> {
  const plan = await client.post<PlanView>('/api/cluster/plan', { signal });
  if (plan.changes.length === 0)
    throw new Refusal('nothing_staged', 'the joins were staged and are gone again');
  const body = { planId: plan.id };
  const { epoch } = await client.post<{ epoch: number }>('/api/cluster/commit', { body, signal });
  await settle(client, { epoch, signal });
}
