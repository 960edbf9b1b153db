/** The shipped node with the shipped store, as a citizen of the simulated world. */
import {
  HybridClock,
  Node,
  type AgreedDocument,
  type NodeId,
  type PartitionId,
  type VnodeContext,
  type VnodeModule,
  sha1Latin1,
  sha1Hex,
} from '@rkv/core';
import { Healer, KV_SERVICE, kvModule, QuorumStore, Service, type Coordinator, type KvCommand, type KvReply } from '@rkv/store';
import { SimCluster, type NodeLife, type World } from '@rkv/testkit';

export interface SimNode {
  readonly node: Node;
  /** Undefined until the node is ready. */
  kv: QuorumStore | undefined;
  service: Service | undefined;
}

export interface RkvClusterInit {
  readonly world: World;
  readonly ringSize: number;
  readonly durability: 'process' | 'power';
  readonly onRing?: (name: string, agreed: AgreedDocument) => void;
  /** Put something else in the place of a vnode: a planted bug. */
  readonly openVnode?: (context: VnodeContext, clock: HybridClock) => ReturnType<VnodeModule<KvCommand, KvReply>['open']>;
}

export function nodeIdOf(name: string): NodeId {
  const words = new Uint32Array(5);
  sha1Latin1('node ', name, words);
  return sha1Hex(words).slice(0, 32) as NodeId;
}

export function rkvCluster(init: RkvClusterInit): SimCluster<SimNode> {
  return new SimCluster<SimNode>({
    world: init.world,
    boot: (life) => bootNode(init, life),
    stop: ({ node }, done) => node.stop(done),
  });
}

function bootNode(init: RkvClusterInit, life: NodeLife): SimNode {
  const { host, transport, store, stable, logger, name, address, bootId } = life;
  const clock = new HybridClock({ now: () => host.now(), random: () => host.random(), driftLimitMs: 60_000 });
  const shipped = kvModule(clock);
  const { openVnode } = init;
  const module = openVnode === undefined ? shipped : { ...shipped, open: (context: VnodeContext) => openVnode(context, clock) };
  const node = new Node({
    id: nodeIdOf(name),
    name,
    address,
    location: '',
    birth: { ringSize: init.ringSize, n: 3, level: 'eventual' },
    host,
    transport,
    store,
    stable,
    logger,
    durability: init.durability,
    bootId,
    modules: [module],
    onRing: (agreed) => init.onRing?.(name, agreed),
    onReady: () => {
      const coordinator: Coordinator = {
        host,
        clock,
        port: node.port(module),
        defaults: { timeoutMs: 1_000, valueBytesMax: 1 << 20 },
      };
      citizen.kv = new QuorumStore(coordinator);
      citizen.service = new Service(coordinator);
      const vnodes = {
        partial: () => node.partialPartitions(KV_SERVICE),
        declareWhole: (partition: PartitionId) => node.declareWhole(KV_SERVICE, partition),
      };
      new Healer(coordinator, vnodes, logger).start();
    },
  });
  const citizen: SimNode = { node, kv: undefined, service: undefined };
  node.start();
  return citizen;
}
