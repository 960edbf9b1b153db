/**
 * Which nodes `rkv dev` runs and where: names n1, n2, ..., ports a hundred apart, as in the tutorial.
 */
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { ringSizeProblem } from '@rkv/core';
import { WrongUsage } from '../terminal.ts';

export interface DevFlags {
  readonly nodes: number;
  readonly ringSize: number;
  readonly storage?: string;
  readonly baseRedis: number;
  readonly baseCluster: number;
  readonly baseHttp: number;
  readonly dataDir: string;
}

const DOORS = ['redis', 'cluster', 'http'] as const;
type Door = (typeof DOORS)[number];

export interface DevNode {
  readonly name: string;
  readonly ports: Readonly<Record<Door, number>>;
  readonly logPath: string;
  /** What follows `rkv` on the command line that starts this node. */
  readonly args: readonly string[];
}

const HOST = '127.0.0.1';
const APART = 100;

export function layOut(flags: DevFlags): DevNode[] {
  const problem = ringSizeProblem(flags.ringSize);
  if (problem !== undefined) throw new WrongUsage(problem);
  const bases = { redis: flags.baseRedis, cluster: flags.baseCluster, http: flags.baseHttp };
  const nodes = Array.from({ length: flags.nodes }, (_, at) => layOutNode(flags, bases, at));
  const takers = new Map<number, string>();
  for (const { name, ports } of nodes) {
    for (const door of DOORS) {
      const taker = `${door} of ${name}`;
      const other = takers.get(ports[door]);
      if (other !== undefined)
        throw new WrongUsage(`${taker} and ${other} would both have port ${ports[door]}`);
      if (ports[door] > 65535)
        throw new WrongUsage(`${taker} would have port ${ports[door]}; choose a lower --base-${door}`);
      takers.set(ports[door], taker);
    }
  }
  return nodes;
}

function layOutNode(
  { dataDir, ringSize, storage }: DevFlags,
  bases: Readonly<Record<Door, number>>,
  at: number,
): DevNode {
  const name = `n${at + 1}`;
  const ports = {
    redis: bases.redis + APART * at,
    cluster: bases.cluster + APART * at,
    http: bases.http + APART * at,
  };
  const settings = {
    '--name': name,
    '--data-dir': resolve(dataDir, name),
    '--cluster': `${HOST}:${ports.cluster}`,
    '--redis': `${HOST}:${ports.redis}`,
    '--http': `${HOST}:${ports.http}`,
    '--ring-size': String(ringSize),
    ...(storage === undefined ? {} : { '--storage': storage }),
  };
  return {
    name,
    ports,
    logPath: join(dataDir, `${name}.log`),
    args: ['start', ...Object.entries(settings).flat()],
  };
}

export function clusterAddress({ ports }: DevNode): string {
  return `${HOST}:${ports.cluster}`;
}

export function httpUrl({ ports }: DevNode): string {
  return `http://${HOST}:${ports.http}`;
}

/** One sentence for each port that cannot be listened on. */
export async function portProblems(nodes: readonly DevNode[]): Promise<string[]> {
  const wanted = nodes.flatMap(({ name, ports }) => DOORS.map((door) => ({ name, door, port: ports[door] })));
  const sentences = await Promise.all(
    wanted.map(async ({ name, door, port }) => {
      const code = await listenProblem(port);
      if (code === undefined) return [];
      const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${code})`;
      return [
        `port ${port}, for ${door} of ${name}, ${why}; free it, or move these ports with --base-${door}`,
      ];
    }),
  );
  return sentences.flat();
}

/** The error code that listening on this port gives, undefined when it can be had. */
function listenProblem(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen(port, HOST, () => probe.close(() => resolve(undefined)));
  });
}
