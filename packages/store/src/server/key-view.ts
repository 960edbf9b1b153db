/**
 * A key explained: where it lies, what each node holds of it, and what would become of a read and of a write now.
 *
 * Asked are the preference list, the primaries that are not on it, and whoever says that it has a transfer of one of these
 * partitions: a hint, or a copy that is on its way to a new owner. Values are not shown, nor do they travel.
 */
import {
  countedList,
  hashKey,
  memberName,
  preferenceList,
  primariesOf,
  sha1Hex,
  stampHex,
  stampMs,
  type CountedList,
  type NodeId,
  type PartitionId,
  type Replica,
  type RingDocument,
} from '@rkv/core';
import type { KeyView, ReplicaView, TransfersView } from '../admin/api.ts';
import { fieldsOf, isLive } from '../entry/index.ts';
import {
  acceptorsIn,
  bucketOfKey,
  firstPartition,
  inspect,
  KV_SERVICE,
  placeKey,
  readOutlook,
  writeOutlook,
  type Coordinator,
  type Inspection,
  type OutlookInit,
  type RequestOptions,
} from '../kv/index.ts';
import { indexText } from './cluster-views.ts';
import { describeRead, describeWrite } from './outlook-words.ts';

export interface KeyQuestion {
  /** latin1 */
  readonly key: string;
  /** Members to take for down: what the list and the outlook would be without them. */
  readonly assumeDown: ReadonlySet<NodeId>;
  /** The levels that the outlook is for. */
  readonly options: RequestOptions;
  readonly transfers: TransfersView;
}

export async function keyView(
  coordinator: Coordinator,
  isUp: (node: NodeId) => boolean,
  { key, assumeDown, options, transfers }: KeyQuestion,
): Promise<KeyView> {
  const { port, defaults } = coordinator;
  const { document } = port;
  const placed = placeKey(key);
  const first = firstPartition(coordinator, placed);
  const { n, level } = bucketOfKey(coordinator, key);
  const list = port.list(first, n);
  const primaries = primariesOf(first, n, document.owners);
  const supposed = assumeDown.size === 0 ? list : listWithout(assumeDown, coordinator, first, list, isUp);
  const others = othersThan(
    list.replicas,
    supposed.replicas,
    primaries,
    holdersOf(transfers, primaries, document),
  );
  const asked = [...list.replicas, ...others].filter(({ node }) => isUp(node));
  const inspections = await new Promise<readonly Inspection[]>((resolve) =>
    inspect(coordinator, placed, asked, resolve),
  );
  const away = [...list.replicas, ...others].filter(({ node }) => !isUp(node));
  const found = [
    ...inspections,
    ...away.map((replica) => ({ kind: 'silent' as const, replica, why: 'its node is down' })),
  ];
  const counted = level === 'strict' ? acceptorsIn(supposed, port.self) : supposed;
  const init: OutlookInit = {
    list: counted,
    level,
    n,
    defaults,
    options,
    found: counted.replicas.map((replica) => found.find((other) => isSame(other.replica, replica))),
  };
  const names = (node: NodeId): string => memberName(document, node);
  const words = { names, primaries, found, now: coordinator.clusterTime() };
  const hash = new Uint32Array(5);
  hashKey(key, hash);
  const bytes = Buffer.from(key, 'latin1');
  return {
    key: bytes.toString('utf8'),
    keyHex: bytes.toString('hex'),
    hash: sha1Hex(hash),
    partition: first,
    index: indexText(first, document),
    preflist: supposed.replicas.map(({ partition, node, role }) => {
      return { partition, index: indexText(partition, document), node: names(node), role };
    }),
    replicas: found.map((inspection) => replicaView(inspection, document, words.now)),
    read: describeRead(readOutlook(init), init, words),
    write: describeWrite(writeOutlook(init), init, words),
  };
}

/** The list as it would be, with the same count of owners. */
function listWithout(
  assumeDown: ReadonlySet<NodeId>,
  { port }: Coordinator,
  first: PartitionId,
  { n, owners }: CountedList,
  isUp: (node: NodeId) => boolean,
): CountedList {
  const up = (node: NodeId): boolean => isUp(node) && !assumeDown.has(node);
  return countedList(preferenceList(first, n, port.document.owners, up), n, owners, port.self);
}

/** Who has said that it has something of one of these partitions to hand over, or to take over. */
function holdersOf(
  { active, waiting }: TransfersView,
  primaries: readonly Replica[],
  document: RingDocument,
): Replica[] {
  return [...active, ...waiting].flatMap(({ kind, service, partition, from, to }) => {
    const primary = primaries.find((replica) => replica.partition === partition);
    if (primary === undefined || kind === 'resize' || (service !== KV_SERVICE && service !== '')) return [];
    return document.members
      .filter(({ id, name }) => (name === from || name === to) && id !== primary.node)
      .map(({ id }) => ({ ...primary, node: id, role: 'fallback' as const }));
  });
}

/** Each once, and none that is on the list. At most as many as one request may ask. */
function othersThan(list: readonly Replica[], ...more: readonly (readonly Replica[])[]): Replica[] {
  const others: Replica[] = [];
  for (const replica of more.flat()) {
    if (list.length + others.length >= REPLICAS_MAX) break;
    if (![...list, ...others].some((other) => isSame(other, replica))) others.push(replica);
  }
  return others;
}

/** A replica's place travels in five bits of the frame's flags. */
const REPLICAS_MAX = 30;

function isSame(a: Replica, b: Replica): boolean {
  return a.partition === b.partition && a.node === b.node;
}

function replicaView(inspection: Inspection, document: RingDocument, now: number): ReplicaView {
  const { replica } = inspection;
  const base = { node: memberName(document, replica.node), partition: replica.partition, role: replica.role };
  if (inspection.kind === 'silent') return { ...base, state: 'unreachable', why: inspection.why };
  const { reply, standIn } = inspection;
  const { head, bytes, damage, inFlight } = reply;
  const owner = document.owners[replica.partition] as NodeId;
  const vnode = {
    ...base,
    role: reply.role,
    ...(reply.role === 'primary' ? { vnode: standIn ? ('partial' as const) : ('whole' as const) } : {}),
    ...(replica.node === owner ? {} : { hintFor: memberName(document, owner) }),
    ...(inFlight ? { inFlight } : {}),
  };
  if (damage !== undefined) return { ...vnode, state: 'value', bytes, damaged: damage };
  if (head === undefined) return { ...vnode, state: 'none' };
  const { version, base: floor, sum, expiry, promised } = fieldsOf(head);
  return {
    ...vnode,
    state: isLive(head, now) ? 'value' : 'tombstone',
    version: stampHex(version),
    versionAt: timeText(stampMs(version)),
    bytes,
    valueBytes: bytes - head.length,
    base: stampHex(floor),
    sum: Buffer.from(sum).toString('hex'),
    ...(expiry === undefined || expiry.ms === 0
      ? {}
      : { expiresAt: timeText(expiry.ms), expired: expiry.ms <= now }),
    ...(promised === undefined ? {} : { promised: Buffer.from(promised).toString('hex') }),
  };
}

/** Stamps of a clock that once read far ahead still have a time. */
function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}
