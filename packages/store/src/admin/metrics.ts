/**
 * What a monitor may scrape, in Prometheus' text format: this node, and the cluster as this node sees it.
 */
import { uptime } from 'node:process';
import type { Admin } from './api.ts';

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
  const [status, ring, transfers] = await Promise.all([admin.status(), admin.ring(), admin.transfers()]);
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
    gauge('rkv_ring_epoch', 'Epoch of the ring document.', [[{}, status.epoch]]),
    gauge('rkv_ring_agreed', 'All live members hold this ring document.', [[{}, Number(status.ready)]]),
    gauge('rkv_ring_size', 'Partitions of the ring.', [[{}, ring.ringSize]]),
    gauge(
      'rkv_partitions_owned',
      'Partitions by owner.',
      status.members.map(({ name }) => [
        { member: name },
        ring.owners.filter((owner) => owner === name).length,
      ]),
    ),
    gauge('rkv_partitions_pending', 'Partitions that are about to change their owner.', [
      [{}, ring.pending.length],
    ]),
    gauge(
      'rkv_vnodes_partial',
      'Owned vnodes that cannot prove they hold everything, by owner.',
      status.members.map(({ name, partialVnodes }) => [{ member: name }, partialVnodes]),
    ),
    gauge('rkv_transfers', 'Handoff transfers by state.', [
      [{ state: 'active' }, transfers.active.length],
      [{ state: 'waiting' }, transfers.waiting.length],
    ]),
    ...processFamilies(),
  ];
  return families.map(describeFamily).join('');
}

function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  return [
    gauge('process_resident_memory_bytes', 'Resident memory.', [[{}, process.memoryUsage.rss()]]),
    gauge('process_start_time_seconds', 'Start of the process since 1970.', [
      [{}, Date.now() / 1000 - uptime()],
    ]),
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'Time on a processor, user and system.',
      samples: [[{}, (user + system) / 1e6]],
    },
  ];
}

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name, type: 'gauge', help, samples };
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
