/**
 * A cluster without a wire: every node's vnodes of the store, in memory, answering within the call. Owners are drawn by
 * node; a node that is down answers nothing, and one that is partial says so.
 */
import { noBounds } from '../../../core/test/no-bounds.ts';
import {
  HybridClock,
  silentLogger,
  type NodeId,
  type PartitionId,
  type Replica,
  type ReplicaRequest,
  type RequestId,
} from '@rkv/core';
import { kvModule, placeKey, type KvCommand, type KvReply } from '../../src/kv/index.ts';
import { memoryStore } from '../../src/storage/index.ts';
import { valueAt } from './entries.ts';
import { ManualPort } from './manual-port.ts';
import { poolOf } from './pool.ts';

type KvVnode = ReturnType<ReturnType<typeof kvModule>['open']>;

export class VnodePort extends ManualPort {
  readonly partial = new Set<string>();
  readonly moved = new Set<string>();
  /** Commands that reached a vnode. */
  handled = 0;
  readonly #vnodes = new Map<string, KvVnode>();
  /** Of each node one, as vnodes of a node have things in common. */
  readonly #modules = new Map<NodeId, ReturnType<typeof kvModule>>();

  override send(id: RequestId, at: number, replica: Replica, command: KvCommand): void {
    this.table.expect(id, at, replica.node);
    this.handled++;
    const take = (): ReplicaRequest<KvReply> | undefined =>
      this.table.take(id, at, replica.node) as ReplicaRequest<KvReply> | undefined;
    if (this.down.has(replica.node)) return take()?.onFailed(at, false);
    if (this.moved.has(replica.node)) return take()?.onRefused(at, 'moved');
    const standIn = replica.role === 'fallback' || this.partial.has(replica.node);
    this.vnode(replica).handleCommand(command, {
      reply: (reply) => take()?.onReply(at, reply, standIn),
      refuse: (why) => take()?.onRefused(at, why),
      fail: () => take()?.onFailed(at, true),
    });
  }

  vnode({ partition, node }: { partition: PartitionId; node: NodeId }): KvVnode {
    const name = `${partition}@${node}`;
    let vnode = this.#vnodes.get(name);
    if (vnode === undefined) this.#vnodes.set(name, (vnode = this.#open(partition, node)));
    return vnode;
  }

  /** Put an entry into one replica, whatever it holds. */
  plant(partition: number, node: string, key: string, time: number, entry = valueAt(key, time, 'v')): void {
    const at = { partition: partition as PartitionId, node: node as NodeId };
    this.vnode(at).handleCommand(
      { kind: 'merge', ...placeKey(key), entry },
      { reply() {}, refuse() {}, fail() {} },
    );
  }

  #open(partition: PartitionId, node: NodeId): KvVnode {
    const { host } = this;
    let module = this.#modules.get(node);
    if (module === undefined) {
      const clock = new HybridClock({ now: () => host.now(), random: () => 0, driftLimitMs: 60_000 });
      this.#modules.set(node, (module = kvModule(clock)));
    }
    return module.open({
      self: node,
      place: { ringBits: Math.log2(this.document.ringSize), partition },
      host,
      store: memoryStore(),
      logger: silentLogger,
      pool: poolOf(host),
      role: () => 'primary',
      bounds: noBounds,
      durability: 'process',
      beforeChange: () => {},
      doubt: () => {},
      changed: () => {},
    });
  }
}
