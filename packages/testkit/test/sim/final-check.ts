/**
 * What must be true when all is healed and settled: every key read through every node, and looked at on its replicas.
 *
 * An acknowledged write is on w of its primaries, and as long as these have not moved, on as many distinct nodes as
 * they allow. Every replica counts rightly what it holds, and so do its hash trees; nobody has a request open. That the copies of every key are alike is
 * waited for before this (scenario.ts).
 */
import { latin1Decode, rangeOf, ringBits, stampHex, type PartitionId } from '@rkv/core';
import { KV_SERVICE, VERSION_AT } from '@rkv/store';
import type { World } from '@rkv/testkit';
import { askVnode, copiesOf, distinctNodes, placementOf, W } from './copies.ts';
import type { Found, History } from './history.ts';
import { citizensOf, type Realm } from './peace.ts';
import { REQUEST_TIMEOUT_MS, type SimNode } from './rkv-cluster.ts';

/** Repairs and the like end by themselves. */
const LAST_REQUESTS_MS = 3_000;
const STORED_WITHIN_MS = 1_000;

export function checkFinalStates(
  realm: Realm,
  history: History,
  clusterTime: () => number,
  report: (problem: string) => void,
): void {
  history.settleAll(realm.cluster.world.now());
  for (const key of history.keys) {
    const problem = problemOfCopies(realm, key, history);
    if (problem !== undefined) report(problem);
  }
  for (const citizen of citizensOf(realm)) checkCounts(citizen, realm.cluster.world, report);
  readAll(realm, history, clusterTime, report);
  realm.cluster.world.runFor(LAST_REQUESTS_MS);
  for (const { node, machine } of citizensOf(realm)) {
    if (node.openRequests > 0) report(`${machine} has ${node.openRequests} requests open at the end`);
  }
}

/** Keys that were written many times through every node, the others through one of them. */
function readAll(
  realm: Realm,
  history: History,
  clusterTime: () => number,
  report: (problem: string) => void,
): void {
  const { world } = realm.cluster;
  const citizens = citizensOf(realm);
  let open = 0;
  const read = (key: string, { machine, kv }: SimNode): void => {
    open++;
    const from = clusterTime();
    const judge = (found: Found): void => {
      open--;
      const time = { from, to: clusterTime() };
      const problem = history.problemOf(key, found, history.settledOf(key), time);
      if (problem !== undefined) report(`in the end, read through ${machine}: ${problem}`);
    };
    kv?.get(key, undefined, {
      onValue: (bytes, start, end) =>
        judge({ version: stampHex(bytes, VERSION_AT), value: latin1Decode(bytes, start, end) }),
      onMissing: () => judge({ version: undefined, value: undefined }),
      onFailure: ({ message }) => report(`in the end, ${key} through ${machine}: ${message}`),
    });
  };
  const readThem = (): void =>
    history.keys.forEach((key, i) => {
      const one = citizens[i % citizens.length] as SimNode;
      for (const citizen of history.writesOf(key) === 1 ? [one] : citizens) read(key, citizen);
    });
  world.schedule(0, readThem, 'final reads');
  world.runUntilHolds(() => open === 0, REQUEST_TIMEOUT_MS + 500);
}

/** Whether what was acknowledged last of this key is where it was said to be. */
function problemOfCopies(realm: Realm, key: string, history: History): string | undefined {
  const settled = history.settledOf(key);
  const document = citizensOf(realm)[0]?.node.document;
  if (settled === undefined || document === undefined) return undefined;
  const copies = copiesOf(realm, key, document);
  if (copies.some(({ replica }) => realm.lost.has(replica.node))) return undefined;
  // What was deleted, or has expired, is reaped when nobody holds anything older.
  const mayBeGone = history.mayBeGone(key, settled);
  const good = copies.filter(
    ({ version }) =>
      version >= settled.version ||
      (mayBeGone && (version === '' || history.isBrought(key, version, settled))),
  );
  const nodes = distinctNodes(good);
  const unmoved = settled.placement === placementOf(key, document);
  if (good.length >= W && (!unmoved || nodes >= Math.min(W, distinctNodes(copies)))) return undefined;
  const what = `${settled.value ?? 'a delete'} acknowledged at ${settled.version}`;
  const held = copies.map(({ version }) => version || 'nothing').join(', ');
  return `${key}: ${what} is on ${good.length} primaries on ${nodes} nodes; the primaries hold ${held}`;
}

/** A vnode's running counts and sums are those of what it holds, once what is on its way into the store is there: a sweep, for one. */
function checkCounts(citizen: SimNode, world: World, report: (problem: string) => void): void {
  const { ringSize } = citizen.node.document;
  for (let p = 0; p < ringSize; p++) {
    if (citizen.node.vnode(KV_SERVICE, p as PartitionId) === undefined) continue;
    for (let range = 0; range < ringSize; range++) {
      const problem = (): string | undefined =>
        problemOfCount(citizen, p as PartitionId, range as PartitionId);
      if (problem() === undefined) continue;
      world.runUntilHolds(() => problem() === undefined, STORED_WITHIN_MS);
      const lasting = problem();
      if (lasting !== undefined) report(lasting);
    }
  }
}

function problemOfCount(citizen: SimNode, partition: PartitionId, range: PartitionId): string | undefined {
  const tally = askVnode(citizen, partition, { kind: 'tally', range });
  const page = askVnode(citizen, partition, {
    kind: 'page',
    range,
    after: undefined,
    nowMs: 0,
    limit: 1_000,
  });
  if (tally?.kind !== 'tally' || page?.kind !== 'page') return undefined;
  const live = page.items.filter((item) => item.live).length;
  const where = `partition ${partition} of ${citizen.machine}, range ${range}`;
  if (tally.entries !== page.items.length || tally.live !== live)
    return `${where}: ${tally.entries} entries counted, ${tally.live} live, where ${page.items.length} are, ${live} live`;
  const { node } = citizen;
  const within = rangeOf(range, ringBits(node.document.ringSize));
  const [hi, lo] = node.vnode(KV_SERVICE, partition)?.trees?.sums(within, 1) ?? [];
  if (hi === tally.digestHi && lo === tally.digestLo) return undefined;
  return `${where}: its hash tree is that of other entries than are counted`;
}
