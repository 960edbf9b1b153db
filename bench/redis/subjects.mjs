/**
 * What is measured: nodes of rkv and servers of Redis, each a process of its own on free ports of this machine.
 *
 * Whatever was started here ends with `close`, and at the latest with this process. A node also watches the channel to
 * its parent, so that it ends when the benchmark is killed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ask } from './load.mjs';

const RKV_BIN = fileURLToPath(new URL('../../packages/store/bin/rkv.js', import.meta.url));

const START_MS = 60_000;
const STOP_MS = 10_000;

/** A program's version as it tells it, or undefined when it is not installed. */
export function versionOf(program) {
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return error === undefined ? (/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim()) : undefined;
}

/** Everything that one run starts, and the directory under which it keeps its files. */
export class Household {
  #directory = mkdtempSync(join(tmpdir(), 'rkv-bench-'));
  #children = new Set();
  #started = 0;

  constructor() {
    process.once('exit', () => this.#abandon());
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  }

  /** A fresh directory under which a subject may write. */
  directory(name) {
    return join(this.#directory, `${++this.#started}-${name}`);
  }

  /**
   * One node. `options` are flags of `rkv start`; `nodeArgs` go to Node.js itself, `bin` is the build to run.
   * Resolves when its doors are open.
   */
  async rkv(options, { nodeArgs = [], bin = RKV_BIN } = {}) {
    const flags = Object.entries({
      cluster: '127.0.0.1:0',
      redis: '127.0.0.1:0',
      http: '127.0.0.1:0',
      'data-dir': this.directory(options.name ?? 'node'),
      ...options,
    }).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RKV_')));
    const child = this.adopt(
      spawn(process.execPath, [...nodeArgs, bin, 'start', ...flags, '--with-parent'], {
        env,
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      }),
    );
    const { cluster, redis, http } = await isUp(child);
    return { child, pids: [child.pid], cluster, http, port: portOf(redis) };
  }

  /** Nodes that have become one cluster; requests go to the first. */
  async rkvCluster(count, options, components) {
    const nodes = [];
    for (let i = 1; i <= count; i++) nodes.push(await this.rkv({ name: `n${i}`, ...options }, components));
    const [first, ...others] = nodes;
    for (const node of others) await post(node, 'join', { address: first.cluster });
    if (others.length > 0) {
      const { id } = await post(first, 'plan');
      const { epoch } = await post(first, 'commit', { planId: id });
      await settled(nodes, epoch, count);
    }
    return { nodes, pids: nodes.flatMap(({ pids }) => pids), port: first.port };
  }

  /** A server without persistence; with `primary`, a replica of that one. */
  async redis(primary) {
    const port = await freePort();
    const directory = mkdtempSync(join(this.#directory, 'redis-'));
    const args = [
      '--port',
      port,
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      directory,
    ];
    const replica = primary === undefined ? [] : ['--replicaof', '127.0.0.1', primary.port];
    const child = this.adopt(
      spawn('redis-server', [...args, '--repl-diskless-sync-delay', 0, ...replica].map(String), {
        stdio: 'ignore',
      }),
    );
    const sign = primary === undefined ? 'role:master' : 'master_link_status:up';
    await until(`redis-server on port ${port}`, async () =>
      (await ask(port, 'INFO', 'replication')).includes(sign),
    );
    return { child, pids: [child.pid], port };
  }

  /** A server with replicas, in step with it; requests go to the first. */
  async redisWithReplicas(count) {
    const primary = await this.redis();
    const servers = [primary];
    for (let i = 0; i < count; i++) servers.push(await this.redis(primary));
    const online = () => ask(primary.port, 'INFO', 'replication');
    await until('replicas', async () => (await online()).split('state=online').length === count + 1);
    return { nodes: servers, pids: servers.flatMap(({ pids }) => pids), port: primary.port };
  }

  /** End these subjects, in the way that is proper for them. */
  async stop(subject) {
    const children = (subject.nodes ?? [subject]).map(({ child }) => child);
    await Promise.all(children.map((child) => this.#end(child)));
  }

  async close() {
    await Promise.all([...this.#children].map((child) => this.#end(child)));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A process that ends with all the others. */
  adopt(child) {
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', (error) => {
      throw error;
    });
    return child;
  }

  async #end(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(patience);
  }

  #abandon() {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Processor time that these processes have used so far, all their threads, in ns; 0 where /proc does not tell. */
export function cpuNs(pids) {
  let sum = 0;
  try {
    for (const pid of pids) {
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      }
    }
  } catch {
    return 0; // no Linux, or a thread that has just ended
  }
  return sum;
}

/** What the node says of its doors in its log, once they are open. */
async function isUp(child) {
  const lines = createInterface({ input: child.stdout });
  const heard = [];
  for await (const line of lines) {
    heard.push(line);
    const { msg, ...fields } = JSON.parse(line);
    if (!msg.endsWith(' is up')) continue;
    child.stdout.resume(); // the log goes on and nobody reads it
    return fields;
  }
  throw new Error(`a node ended before it was up:\n${heard.join('\n')}`);
}

/** One action of the admin door, as the command line asks for it; rejects when it is refused. */
export async function post(node, action, body) {
  const response = await fetch(`http://${node.http}/api/cluster/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${action} was refused: ${JSON.stringify(answer)}`);
  return answer;
}

/** All nodes are members, hold that ring, and nothing moves. */
async function settled(nodes, epoch, count) {
  await until('the cluster to settle', async () => {
    for (const { http } of nodes) {
      const [ring, status, transfers] = await Promise.all(
        ['ring', 'status', 'transfers'].map(async (view) =>
          (await fetch(`http://${http}/api/${view}`)).json(),
        ),
      );
      const moving = ring.pending.length + transfers.active.length + transfers.waiting.length;
      const members = status.members.filter(({ up }) => up).length;
      if (ring.version < epoch || moving > 0 || members < count || !status.ready) return false;
    }
    return true;
  });
}

/** Resolves when it holds; what it throws counts as no. */
export async function until(what, holds, limitMs = START_MS) {
  const deadline = performance.now() + limitMs;
  let last;
  while (performance.now() < deadline) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error; // not there yet
    }
    await pause(25);
  }
  throw new Error(`waited ${limitMs / 1000} s in vain for ${what}`, { cause: last });
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function portOf(address) {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
