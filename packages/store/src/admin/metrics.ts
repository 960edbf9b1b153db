/**
 * What a monitor may scrape, in Prometheus' text format: this node, and the cluster as this node sees it.
 *
 * All of it is known here: no other node is asked, so that a page of figures comes at once when others are slow. Every
 * limit has the same three families, told apart by a label, so that two rules of a monitor watch them all: how
 * full is the fullest (`used` by `max`), and which were reached (`reached`).
 */
import { uptime } from 'node:process';
import { getHeapStatistics } from 'node:v8';
import type { LimitUse } from '@rkv/core';
import type { Admin } from './api.ts';
import type { LoadView, RedisTraffic, StoreLoad } from './load-view.ts';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;
interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly (readonly [Labels, number])[];
}

/** The whole page. Rejects as `Admin` does. */
export async function describeMetrics(admin: Admin, node: string): Promise<string> {
  const status = await admin.status();
  const load = admin.load();
  const up = status.members.filter((member) => member.up).length;
  const statuses = [
    ...new Set(['joining', 'valid', 'leaving', ...status.members.map((member) => member.status)]),
  ];
  const families: Family[] = [
    gauge('rkv_up', 'This node answers.', [[{ node }, 1]]),
    gauge('rkv_ready', 'This node can serve requests.', [[{}, Number(admin.readiness().ready)]]),
    gauge(
      'rkv_members',
      'Members of the cluster by status.',
      statuses.map((wanted) => [
        { status: wanted },
        status.members.filter((member) => member.status === wanted).length,
      ]),
    ),
    gauge('rkv_members_up', 'Members that this node takes for up.', [[{}, up]]),
    gauge('rkv_members_slow', 'Members whose event loop has been late for seconds, as they say themselves.', [
      [{}, status.members.filter((member) => member.slow).length],
    ]),
    gauge('rkv_ring_epoch', 'Epoch of the ring document.', [[{}, status.epoch]]),
    gauge('rkv_ring_agreed', 'All live members hold this ring document.', [[{}, Number(status.ready)]]),
    gauge('rkv_ring_size', 'Partitions of the ring.', [[{}, status.ringSize]]),
    gauge(
      'rkv_partitions_owned',
      'Partitions by owner.',
      status.members.map(({ name, partitions }) => [{ member: name }, partitions]),
    ),
    gauge('rkv_partitions_pending', 'Partitions that are about to change their owner.', [
      [{}, status.pending],
    ]),
    gauge(
      'rkv_vnodes_partial',
      'Owned vnodes that cannot prove they hold everything, by owner.',
      status.members.map(({ name, partialVnodes }) => [{ member: name }, partialVnodes]),
    ),
    gauge(
      'rkv_clock_offset_seconds',
      "How far a member's wall clock is ahead of the cluster's time.",
      status.members.flatMap(({ name, clockOffsetMs }): [Labels, number][] =>
        clockOffsetMs === undefined ? [] : [[{ member: name }, clockOffsetMs / 1000]],
      ),
    ),
    ...loadFamilies(load),
    ...limitFamilies(load.limits),
    ...processFamilies(),
  ];
  return families.map(describeFamily).join('');
}

function loadFamilies({
  loopDelay,
  openRequests,
  transfers,
  exchange,
  tidied,
  redis,
  cluster,
  store,
}: LoadView): Family[] {
  return [
    gauge('rkv_transfers', 'Handoff transfers of this node to others by state.', [
      [{ state: 'active' }, transfers.active],
      [{ state: 'waiting' }, transfers.waiting],
    ]),
    ...exchangeFamilies(exchange),
    counter('rkv_swept_total', 'Expired entries of this node that became tombstones.', [[{}, tidied.swept]]),
    counter('rkv_reaped_total', 'Tombstones that this node removed.', [[{}, tidied.reaped]]),
    gauge('rkv_requests_open', 'Requests that this node coordinates and has not concluded.', [
      [{}, openRequests],
    ]),
    gauge('rkv_loop_delay_seconds', 'How late the event loop was, in the last window of 10 s.', [
      [{ figure: 'mean' }, loopDelay.meanMs / 1000],
      [{ figure: 'p99' }, loopDelay.p99Ms / 1000],
      [{ figure: 'max' }, loopDelay.maxMs / 1000],
    ]),
    ...(store === undefined ? [] : storeFamilies(store)),
    ...(redis === undefined ? [] : redisFamilies(redis)),
    counter('rkv_frames_total', 'Frames between nodes; not taken: no connection, or no room in its lane.', [
      [{ way: 'sent' }, cluster.framesSent],
      [{ way: 'received' }, cluster.framesReceived],
      [{ way: 'not_taken' }, cluster.framesNotTaken],
    ]),
    counter('rkv_peer_changes_total', 'Connections to peers that came to stand, and that were lost.', [
      [{ to: 'up' }, cluster.peersUp],
      [{ to: 'down' }, cluster.peersDown],
    ]),
  ];
}

function exchangeFamilies(exchange: LoadView['exchange']): Family[] {
  const { alike, differed, mendedHere, mendedThere, received, differing, oldestMs, partitions } = exchange;
  return [
    counter('rkv_exchange_alike_total', 'Times that this node found a pair of copies alike, or made it so.', [
      [{}, alike],
    ]),
    counter(
      'rkv_exchange_differed_total',
      'Times that this node found a pair of copies to differ: in each round until it is mended.',
      [[{}, differed]],
    ),
    counter('rkv_exchange_items_total', 'Items that were mended because copies differed.', [
      [{ at: 'here', asked: 'by_this_node' }, mendedHere],
      [{ at: 'there', asked: 'by_this_node' }, mendedThere],
      [{ at: 'here', asked: 'by_others' }, received],
    ]),
    gauge('rkv_exchange_differing', 'Pairs of copies that differ and wait to be mended.', [[{}, differing]]),
    gauge(
      'rkv_exchange_oldest_seconds',
      'How long ago the pair of copies was found alike that has waited longest; nothing: some never were.',
      oldestMs === undefined ? [] : [[{}, oldestMs / 1000]],
    ),
    gauge(
      'rkv_exchange_alike_seconds',
      'How long ago the copies that this node compares were found alike, by partition; nothing: not yet.',
      partitions.flatMap(({ service, partition, alikeMs }): [Labels, number][] =>
        alikeMs === null ? [] : [[{ service, partition: String(partition) }, alikeMs / 1000]],
      ),
    ),
    gauge(
      'rkv_exchange_mended',
      'Items that this node had mended since it compares these copies, by partition.',
      partitions.map(({ service, partition, mended }) => [{ service, partition: String(partition) }, mended]),
    ),
  ];
}

function storeFamilies({ commits, seconds, meanMs, maxMs, trouble }: StoreLoad): Family[] {
  return [
    counter('rkv_store_commits_total', 'Transactions that the store has committed.', [[{}, commits]]),
    counter('rkv_store_commit_seconds_total', 'Seconds that they took, all together.', [[{}, seconds]]),
    gauge('rkv_store_commit_seconds', 'How long a commit took, in the last window of 10 s with commits.', [
      [{ figure: 'mean' }, meanMs / 1000],
      [{ figure: 'max' }, maxMs / 1000],
    ]),
    gauge('rkv_store_trouble', 'The store takes no writes now; or its commits take more than 0.1 s.', [
      [{ kind: 'read_only' }, Number(trouble === 'read_only')],
      [{ kind: 'slow' }, Number(trouble === 'slow')],
    ]),
  ];
}

function redisFamilies(redis: RedisTraffic): Family[] {
  return [
    counter('rkv_redis_connections_total', 'Redis clients that were let in.', [[{}, redis.connections]]),
    counter('rkv_redis_commands_total', 'Commands of Redis clients.', [[{}, redis.commands]]),
    counter('rkv_redis_bytes_total', 'Bytes from and to Redis clients.', [
      [{ way: 'in' }, redis.inputBytes],
      [{ way: 'out' }, redis.outputBytes],
    ]),
    counter('rkv_redis_lookups_total', 'Keys that Redis clients read.', [
      [{ found: 'yes' }, redis.hits],
      [{ found: 'no' }, redis.misses],
    ]),
  ];
}

function limitFamilies(limits: readonly LimitUse[]): Family[] {
  const samplesOf = (figure: 'used' | 'max' | 'reached'): Family['samples'] =>
    limits.flatMap(({ limit, of, ...figures }) => {
      const value = figures[figure];
      return value === undefined ? [] : [[{ limit, ...of }, value] as const];
    });
  return [
    gauge(
      'rkv_limit_used',
      'How much of a limit is in use; of several alike, the fullest.',
      samplesOf('used'),
    ),
    gauge('rkv_limit_max', 'The limit.', samplesOf('max')),
    counter(
      'rkv_limit_reached_total',
      'How often something was refused, cut off or put off because of the limit.',
      samplesOf('reached'),
    ),
  ];
}

function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return [
    gauge('process_resident_memory_bytes', 'Resident memory.', [[{}, rss]]),
    gauge('nodejs_heap_size_used_bytes', 'The heap of JavaScript, as far as it is used.', [[{}, heapUsed]]),
    gauge('nodejs_heap_size_limit_bytes', 'How large that heap may grow before the process ends.', [
      [{}, getHeapStatistics().heap_size_limit],
    ]),
    gauge('nodejs_external_memory_bytes', 'Buffers and the like, outside the heap.', [[{}, external]]),
    gauge('process_start_time_seconds', 'Start of the process since 1970.', [
      [{}, Date.now() / 1000 - uptime()],
    ]),
    counter('process_cpu_seconds_total', 'Time on a processor, user and system.', [
      [{}, (user + system) / 1e6],
    ]),
  ];
}

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name, type: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: Family['samples']): Family {
  return { name, type: 'counter', help, samples };
}

function describeFamily({ name, type, help, samples }: Family): string {
  const lines = samples.map(([labels, value]) => `${name}${describeLabels(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function describeLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
