/**
 * INFO: the facts about a node, in the sections and by the names that Redis's clients and exporters read.
 *
 * Figures that mean nothing here (expiry, eviction, replication offsets) are given as the zero they are. Facts
 * of our own have names that begin with `rkv_`.
 */
import { arch, platform, release } from 'node:os';
import { REDIS_VERSION } from './version.ts';

/** What the door asks the node for when a client sends INFO. Cheap to make: monitors ask every second. */
export interface InfoFacts {
  readonly nodeName: string;
  readonly nodeId: string;
  /** Of rkv. */
  readonly version: string;
  /** `memory` or `lmdb`. */
  readonly storage: string;
  readonly uptimeMs: number;
  readonly ringSize: number;
  /** Members of the cluster. */
  readonly members: number;
  /** Live keys, as far as this node knows without asking the others. */
  readonly keys: number;
}

/** What the door itself has counted since it opened, or since CONFIG RESETSTAT. */
export interface DoorCounters {
  readonly port: number;
  readonly clients: number;
  readonly clientsMax: number;
  readonly valueBytesMax: number;
  readonly connections: number;
  readonly rejectedConnections: number;
  readonly commands: number;
  readonly commandsPerSecond: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly hits: number;
  readonly misses: number;
}

type Section = (facts: InfoFacts, counters: DoorCounters) => Record<string, string | number>;

const SECTIONS: Readonly<Record<string, Section>> = {
  server: (facts, counters) => ({
    redis_version: REDIS_VERSION,
    redis_git_sha1: '00000000',
    redis_git_dirty: 0,
    redis_mode: 'standalone',
    rkv_version: facts.version,
    rkv_node_name: facts.nodeName,
    rkv_storage: facts.storage,
    os: `${platform()} ${release()} ${arch()}`,
    arch_bits: 64,
    process_id: process.pid,
    run_id: facts.nodeId,
    tcp_port: counters.port,
    uptime_in_seconds: Math.floor(facts.uptimeMs / 1000),
    uptime_in_days: Math.floor(facts.uptimeMs / 86_400_000),
  }),
  clients: (_facts, counters) => ({
    connected_clients: counters.clients,
    maxclients: counters.clientsMax,
    blocked_clients: 0,
  }),
  memory: () => {
    const memory = process.memoryUsage();
    return {
      used_memory: memory.heapUsed + memory.external,
      used_memory_rss: memory.rss,
      maxmemory: 0,
      maxmemory_policy: 'noeviction',
    };
  },
  persistence: () => ({ loading: 0, rdb_bgsave_in_progress: 0, aof_enabled: 0, aof_rewrite_in_progress: 0 }),
  stats: (_facts, counters) => ({
    total_connections_received: counters.connections,
    total_commands_processed: counters.commands,
    instantaneous_ops_per_sec: counters.commandsPerSecond,
    total_net_input_bytes: counters.inputBytes,
    total_net_output_bytes: counters.outputBytes,
    rejected_connections: counters.rejectedConnections,
    expired_keys: 0,
    evicted_keys: 0,
    keyspace_hits: counters.hits,
    keyspace_misses: counters.misses,
  }),
  replication: () => ({ role: 'master', connected_slaves: 0 }),
  cpu: () => {
    const usage = process.cpuUsage();
    return {
      used_cpu_sys: (usage.system / 1e6).toFixed(6),
      used_cpu_user: (usage.user / 1e6).toFixed(6),
    };
  },
  cluster: (facts) => ({
    cluster_enabled: 0,
    rkv_ring_size: facts.ringSize,
    rkv_members: facts.members,
  }),
  keyspace: (facts) => ({ db0: `keys=${facts.keys},expires=0,avg_ttl=0` }),
};

/** Section names in lower case; none, or one of `default`, `all`, `everything`, means all of them. */
export function renderInfo(wanted: readonly string[], facts: InfoFacts, counters: DoorCounters): string {
  const all = wanted.length === 0 || wanted.some((name) => ['default', 'all', 'everything'].includes(name));
  return Object.entries(SECTIONS)
    .filter(([name]) => all || wanted.includes(name))
    .map(([name, section]) => renderSection(name, section(facts, counters)))
    .join('\r\n');
}

function renderSection(name: string, fields: Record<string, string | number>): string {
  const title = `# ${name.charAt(0).toUpperCase()}${name.slice(1)}\r\n`;
  return (
    title +
    Object.entries(fields)
      .map(([field, value]) => `${field}:${value}\r\n`)
      .join('')
  );
}
