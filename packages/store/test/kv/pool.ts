/** The worker pool of a node, as one vnode sees it. */
import { WorkerPool, type Host, type VnodePool } from '@rkv/core';

export function poolOf(host: Host): VnodePool {
  const pool = new WorkerPool(host);
  return { run: (token, step) => pool.add({ owner: pool, token, step }) };
}
