/**
 * The shipped node with the shipped store, as a citizen of the simulated world.
 *
 * Who a node is lies on its disk: the same name on another disk is another node. The seams where a bug can be planted
 * are those that the product has anyway: what the node is given, and what is given on to the store.
 */
import {
  DRIFT_LIMIT_MS,
  HybridClock,
  Node,
  sha1Hex,
  SPACE_ENTRY,
  sha1Latin1,
  type AgreedDocument,
  type Host,
  type HybridClockInit,
  type Logger,
  type MembershipPreset,
  type NodeId,
  type ServicePort,
  type StableStore,
  type StoreRecord,
  type Transport,
  type VnodeContext,
  type VnodeModule,
} from '@rkv/core';
import {
  ChangeDesk,
  kvModule,
  QuorumStore,
  ValuesUnderWay,
  type Coordinator,
  type KvCommand,
  type KvReply,
} from '@rkv/store';
import { SimCluster, type LinkProperties, type NodeLife, type World } from '@rkv/testkit';
import { withChangesOnce } from './changes-once.ts';
import { portWith } from './port-with.ts';

/** One life of a node. */
export interface SimNode {
  /** The machine it runs on. */
  readonly machine: string;
  readonly host: Host;
  readonly node: Node;
  /** Undefined until the node is ready. */
  kv: QuorumStore | undefined;
  /** The same, for strict keys: takes changes to the second of a key's nodes, as whoever holds the first for down. */
  aside: QuorumStore | undefined;
}

export type KvPort = ServicePort<KvCommand, KvReply>;
type KvModule = VnodeModule<KvCommand, KvReply>;

export type Removal = 'left' | 'stranded';

/** Something else in the place of something shipped: a planted bug. */
export interface Plant {
  readonly openVnode?: (
    context: VnodeContext,
    clock: HybridClock,
    desk: ChangeDesk,
  ) => ReturnType<KvModule['open']>;
  /** What the framework is told of the store beside its vnodes. */
  readonly module?: (shipped: KvModule) => KvModule;
  readonly desk?: () => ChangeDesk;
  /** `machine`: what stays the same from life to life. */
  readonly clock?: (init: HybridClockInit, machine: string) => HybridClock;
  readonly stable?: (shipped: StableStore, host: Host, self: NodeId) => StableStore;
  readonly transport?: (shipped: Transport) => Transport;
  readonly port?: (shipped: KvPort) => KvPort;
  /** By which keys expire. */
  readonly clusterTime?: (shipped: () => number, host: Host) => () => number;
  /** What a node says of itself that is in its cluster no more. */
  readonly removed?: (shipped: Removal) => Removal;
}

export interface RkvClusterInit {
  readonly world: World;
  readonly ringSize: number;
  readonly durability: 'process' | 'power';
  readonly link?: LinkProperties;
  readonly skewMsMax?: number;
  readonly plant?: Plant | undefined;
  /** `local` when left out. */
  readonly preset?: MembershipPreset;
  /** What a life is given in the place of its own. */
  readonly endow?: (life: NodeLife) => NodeLife;
  onRing(citizen: SimNode, agreed: AgreedDocument): void;
  /** A node can serve. */
  onReady(citizen: SimNode): void;
  /** The node is in its cluster no more. `left`: it should hold nothing any more. `holds`: its store does. */
  onRemoved(citizen: SimNode, why: Removal, holds: boolean): void;
  /** A disk has committed these. */
  onCommit(machine: string, records: readonly StoreRecord[]): void;
  /** A node logged an error. */
  onError(machine: string, message: string, fields: object): void;
}

export const REQUEST_TIMEOUT_MS = 1_000;

/** Whoever starts on a disk of its own. */
export function nodeIdOf(machine: string, diskNumber: number): NodeId {
  const words = new Uint32Array(5);
  sha1Latin1('node ', `${machine} ${diskNumber}`, words);
  return sha1Hex(words).slice(0, 32) as NodeId;
}

export function rkvCluster(init: RkvClusterInit): SimCluster<SimNode> {
  return new SimCluster<SimNode>({
    world: init.world,
    ...(init.link !== undefined && { network: { link: init.link } }),
    ...(init.skewMsMax !== undefined && { clock: { skewMsMax: init.skewMsMax } }),
    disk: { onCommit: init.onCommit },
    boot: (life) => bootNode(init, init.endow?.(life) ?? life),
    stop: endInOrder,
  });
}

/** As a server ends: its doors are shut, what is under way is answered, and then it stops. */
function endInOrder(citizen: SimNode, done: () => void): void {
  const { host, node } = citizen;
  citizen.kv = undefined;
  const maybeStop = (): void => {
    if (node.openRequests === 0) node.stop(done);
    else host.setTimer(10, maybeStop);
  };
  maybeStop();
}

function bootNode(init: RkvClusterInit, life: NodeLife): SimNode {
  const { plant = {} } = init;
  const { host, transport, store, address, bootId, diskNumber } = life;
  const clockInit: HybridClockInit = {
    now: () => host.now(),
    random: () => host.random(),
    driftLimitMs: DRIFT_LIMIT_MS,
  };
  const clock = plant.clock?.(clockInit, life.name) ?? new HybridClock(clockInit);
  const desk = plant.desk?.() ?? new ChangeDesk();
  const module = moduleWith(plant, clock, desk);
  const id = nodeIdOf(life.name, diskNumber);
  const node = new Node({
    id,
    // Names are given out once: a node that lost its disk is not let in under the name of the one it was.
    name: diskNumber === 1 ? life.name : `${life.name}-${diskNumber}`,
    address,
    location: '',
    birth: { ringSize: init.ringSize, n: 3, level: 'eventual' },
    host,
    transport: withChangesOnce(plant.transport?.(transport) ?? transport),
    store,
    stable: plant.stable?.(life.stable, host, id) ?? life.stable,
    logger: overheard(life, init),
    durability: init.durability,
    ...(init.preset !== undefined && { preset: init.preset }),
    bootId,
    modules: [module],
    onRing: (agreed) => init.onRing(citizen, agreed),
    onReady: () => {
      const time = (): number => node.clusterTime();
      const clusterTime = plant.clusterTime?.(time, host) ?? time;
      const port = plant.port?.(node.port(module)) ?? node.port(module);
      becomeReady(citizen, { host, clock, clusterTime, port }, desk);
      init.onReady(citizen);
    },
    onRemoved: (why) =>
      init.onRemoved(citizen, plant.removed?.(why) ?? why, store.places(SPACE_ENTRY).length > 0),
  });
  const citizen: SimNode = { machine: life.name, host, node, kv: undefined, aside: undefined };
  node.start();
  return citizen;
}

/** The store as a service, with what is planted into it. */
export function moduleWith(
  { openVnode, module }: Pick<Plant, 'openVnode' | 'module'>,
  clock: HybridClock,
  desk: ChangeDesk,
): KvModule {
  const shipped = kvModule(clock, { desk });
  const opened: KvModule =
    openVnode === undefined ? shipped : { ...shipped, open: (context) => openVnode(context, clock, desk) };
  return module?.(opened) ?? opened;
}

function becomeReady(
  citizen: SimNode,
  parts: Pick<Coordinator, 'host' | 'clock' | 'clusterTime' | 'port'>,
  desk: ChangeDesk,
): void {
  const defaults = { timeoutMs: REQUEST_TIMEOUT_MS, valueBytesMax: 1 << 20 };
  const coordinator: Coordinator = { ...parts, defaults, values: new ValuesUnderWay() };
  desk.attach(coordinator);
  citizen.kv = new QuorumStore(coordinator);
  const port = portWith(parts.port, {
    list: (first, n) => {
      const list = parts.port.list(first, n);
      const [head, ...others] = list.replicas;
      return head === undefined ? list : { ...list, replicas: [...others, head] };
    },
  });
  citizen.aside = new QuorumStore({ ...coordinator, port });
}

function overheard({ name, logger }: NodeLife, { onError }: RkvClusterInit): Logger {
  return {
    ...logger,
    error: (fields, message) => {
      logger.error(fields, message);
      onError(name, message, fields);
    },
  };
}
