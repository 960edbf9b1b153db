/** How many live keys this node holds a copy of: what it can say of the keyspace without asking anybody. */
import { replicasMax, type Node, type PartitionId } from '@rkv/core';
import { KV_SERVICE, type KvReply } from '../kv/index.ts';

export function countLocalKeys(node: Node): number {
  const { owners } = node.document;
  const n = replicasMax(node.document);
  let keys = 0;
  for (let range = 0; range < owners.length; range++) {
    for (let i = 0; i < n; i++) {
      const partition = ((range + i) % owners.length) as PartitionId;
      if (owners[partition] !== node.id) continue;
      keys += liveKeysOf(node, partition, range as PartitionId);
      break;
    }
  }
  return keys;
}

function liveKeysOf(node: Node, partition: PartitionId, range: PartitionId): number {
  let live = 0;
  const take = (reply: unknown): void => {
    const tally = reply as KvReply;
    if (tally.kind === 'tally') live = tally.live;
  };
  node
    .vnode(KV_SERVICE, partition)
    ?.vnode.handleCommand({ kind: 'tally', range }, { reply: take, refuse() {}, fail() {} });
  return live;
}
