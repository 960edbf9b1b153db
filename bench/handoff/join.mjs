/**
 * One join, measured: a cluster with data, a node that is joined to it, and the time from the commit of the plan until
 * the ring has no pending transfer left.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { hashKey, partitionOf, ringBits } from '@rkv/core';
import { nowUs } from '../redis/cpu-profile.mjs';
import { cpuNs, post, until } from '../redis/subjects.mjs';
import { Pace } from './pace.mjs';

const RING_SIZE = 16;
const HANDOFF_MS = 300_000;
/** How long the load runs before anything moves, and how much of that is only to get warm. */
const BEFORE_MS = 6_000;
const WARM_MS = 2_000;
const FILL_BATCH_BYTES = 512 * 1024;

const keyOf = (number) => `key:${String(number).padStart(12, '0')}`;
export const KEY_BYTES = keyOf(0).length;

/**
 * `members` nodes hold `entries` of `valueBytes`, n copies of each; one more joins. With `rate`, so many requests a second go
 * to the members meanwhile. `profiled(role, args)` may give the nodes arguments of Node.js.
 *
 * Resolves with `{ seconds, entries, bytes, busy: { senders, receiver }, before, during, errors, subjects, window }`: what moved, the share of one
 * processor that the nodes used, and the times of reads and writes, sorted, ms.
 */
export async function measureJoin(
  household,
  { storage, members, n, entries, valueBytes, rate, nodeArgs = [] },
) {
  const options = { storage, n, 'ring-size': RING_SIZE };
  const cluster = await household.rkvCluster(members, options, { nodeArgs });
  const value = Buffer.alloc(valueBytes, 'x');
  await fill(cluster.port, entries, value);
  const joiner = await household.rkv({ name: 'joiner', ...options }, { nodeArgs });
  const [first] = cluster.nodes;
  await post(joiner, 'join', { address: first.cluster });
  const plan = await post(first, 'plan');
  const { transfers } = plan.transitions[0];

  const pace = startPace({ ports: cluster.nodes.map(({ port }) => port), rate, value, entries });
  try {
    if (pace !== undefined) await pause(WARM_MS);
    pace?.mark();
    if (pace !== undefined) await pause(BEFORE_MS);
    const before = pace?.mark();
    const busyBefore = [cluster.pids, joiner.pids].map(cpuNs);
    const startedAt = performance.now();
    const fromUs = nowUs();
    const { epoch } = await post(first, 'commit', { planId: plan.id });
    await until('the handoff', () => hasMoved(first, epoch), HANDOFF_MS);
    const seconds = (performance.now() - startedAt) / 1000;
    const toUs = nowUs();
    const busyAfter = [cluster.pids, joiner.pids].map(cpuNs);
    const moved = entriesIn(transfers, n, entries);
    const [senders, receiver] = busyAfter.map((ns, at) => (ns - busyBefore[at]) / 1e9 / seconds);
    const during = pace?.mark();
    pace?.stop();
    await household.stop(cluster);
    await household.stop(joiner);
    return {
      seconds,
      entries: moved,
      bytes: moved * (valueBytes + KEY_BYTES),
      busy: { senders, receiver },
      before,
      during,
      errors: (before?.errors ?? 0) + (during?.errors ?? 0),
      pids: { sender: first.pids[0], receiver: joiner.pids[0] },
      window: { fromUs, toUs },
    };
  } finally {
    pace?.stop();
  }
}

function startPace({ ports, rate, value, entries }) {
  if (rate === undefined) return undefined;
  const keyAt = () => keyOf(Math.floor(Math.random() * entries));
  const pace = new Pace({ ports, rate, value, keyAt });
  pace.start();
  return pace;
}

async function hasMoved({ http }, epoch) {
  const ring = await fetch(`http://${http}/api/ring`).then((answer) => answer.json());
  return ring.version >= epoch && ring.pending.length === 0;
}

async function fill(port, entries, value) {
  const client = new Redis(port, '127.0.0.1');
  const batch = Math.max(1, Math.min(200, Math.floor(FILL_BATCH_BYTES / value.length)));
  let next = 0;
  const fillOn = async () => {
    while (next < entries) {
      const pipeline = client.pipeline();
      for (let left = batch; left > 0 && next < entries; left--) pipeline.set(keyOf(next++), value);
      for (const [error] of await pipeline.exec()) if (error) throw error;
    }
  };
  try {
    await Promise.all([fillOn(), fillOn()]);
  } finally {
    client.disconnect();
  }
}

/** How many copies the vnodes that move hold: vnode p has the keys of p, p-1, ... p-n+1. */
function entriesIn(transfers, n, entries) {
  const bits = ringBits(RING_SIZE);
  const hash = new Uint32Array(5);
  const perPartition = Array.from({ length: RING_SIZE }, () => 0);
  for (let number = 0; number < entries; number++) {
    hashKey(keyOf(number), hash);
    perPartition[partitionOf(hash[0], bits)]++;
  }
  let moved = 0;
  for (const { partition } of transfers) {
    for (let back = 0; back < n; back++) moved += perPartition[(partition - back + RING_SIZE) % RING_SIZE];
  }
  return moved;
}
