/**
 * `rkv dev`: a cluster on this machine for trying things out - start, join, plan, commit, and Ctrl-C ends it all.
 *
 * One process per node, since a node is one thread and a test of a cluster is not worth much unless a node can be
 * killed. A cluster that was formed before is found again in the data directory.
 *
 * Promises: however this ends - Ctrl-C, a failure on the way, kill -9 - no node outlives it. A node that dies on its
 * own is reported and not restarted: that is often just what the person wants to see.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { describeRing } from '@rkv/core';
import type { Command } from 'commander';
import type { RingView, StatusView } from '../../admin/api.ts';
import { AdminClient } from '../admin-client.ts';
import { wholeNumber } from '../arguments.ts';
import { describeStatus } from '../describe.ts';
import { Invocation } from '../invocation.ts';
import { watchSignals } from '../signals.ts';
import { Refusal, type Terminal } from '../terminal.ts';
import { DevChild, type Exit, startCommand } from './child.ts';
import { becomeReady, formCluster } from './formation.ts';
import { type DevFlags, type DevNode, httpUrl, layOut, portProblems } from './layout.ts';

/** A node that has not drained by then is killed. */
const GRACE_MS = 10_000;

export function addDevCommand(program: Command, terminal: Terminal): void {
  const port = wholeNumber(1, 65_535);
  const command = program.command('dev').summary('run a whole cluster on this machine, until Ctrl-C');
  command
    .option('--nodes <N>', 'how many nodes', wholeNumber(1, 64), 3)
    .addOption(
      command
        .createOption('--ring-size <Q>', 'number of partitions, at the birth of the ring')
        .env('RKV_RING_SIZE')
        .argParser(wholeNumber(1))
        .default(16),
    )
    .addOption(
      command
        .createOption('--storage <ENGINE>', 'the storage engine (default: lmdb)')
        .choices(['memory', 'lmdb']),
    )
    .option('--base-redis <PORT>', 'Redis port of n1; the others follow a hundred apart', port, 6379)
    .option('--base-cluster <PORT>', 'cluster port of n1', port, 8099)
    .option('--base-http <PORT>', 'HTTP port of n1', port, 8098)
    .option('--data-dir <DIR>', 'where all of it lies', 'data/dev')
    .action((_flags, self: Command) => dev(new Invocation<DevFlags>(self, terminal)));
}

async function dev({ flags, terminal }: Invocation<DevFlags>): Promise<void> {
  const nodes = layOut(flags);
  const problems = await portProblems(nodes);
  if (problems.length > 0) throw new Refusal('port_busy', problems.join('\n'));
  mkdirSync(flags.dataDir, { recursive: true });

  const children: DevChild[] = [];
  const watch = watchSignals(() => children.forEach((child) => child.kill('SIGKILL')));
  try {
    for (const node of nodes) children.push(new DevChild(node, terminal.env));
    await run(children, terminal, watch.asked);
  } catch (error) {
    // Whatever was under way when Ctrl-C came has failed because of it.
    if (!watch.asked.aborted) throw error;
  } finally {
    await Promise.all(children.map((child) => child.stop(GRACE_MS)));
    watch.end();
  }
  terminal.out('All nodes have ended.\n');
}

async function run(children: readonly DevChild[], terminal: Terminal, asked: AbortSignal): Promise<void> {
  const say = (line: string): void => terminal.out(`${line}\n`);
  for (const { node, pid } of children) say(`${node.name} starts: pid ${pid}, log ${node.logPath}`);
  const nodes = children.map((child) => child.node);
  await untilEnded(children, asked, async (signal) => {
    await Promise.all(nodes.map((node) => becomeReady(node, signal)));
    const joined = await formCluster(nodes, signal);
    say(joined.length > 0 ? `${joined.join(', ')} joined` : 'the cluster was there already');
  });
  say('');
  say(await describeCluster(nodes, asked));
  const watching = children.map((child) =>
    child.ended.then((exit) => asked.aborted || say(describeEnd(child, exit))),
  );
  await Promise.race([once(asked, 'abort'), Promise.all(watching)]);
  if (!asked.aborted) throw new Refusal('all_ended', 'no node is left');
  say('Ending all nodes...');
}

/** Does the work unless a child ends first, which is a Refusal with the child's last words. */
async function untilEnded(
  children: readonly DevChild[],
  asked: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const ends = children.map(async (child) => {
    const exit = await child.ended;
    const words = `${child.node.name} ended while starting (${describeExit(exit)}); its last words:`;
    throw new Refusal('node_ended', `${words}\n${child.lastWords()}`);
  });
  try {
    await Promise.race([work(AbortSignal.any([asked, over.signal])), ...ends]);
  } finally {
    over.abort();
  }
}

async function describeCluster(nodes: readonly DevNode[], signal: AbortSignal): Promise<string> {
  const client = new AdminClient(httpUrl(nodes[0] as DevNode));
  const status = await client.get<StatusView>('/api/status', { signal });
  const ring = await client.get<RingView>('/api/ring', { signal });
  const places = nodes.map((node) => `  ${node.name}  redis-cli -p ${node.ports.redis}  ${httpUrl(node)}`);
  return [
    describeStatus(status),
    '',
    describeRing(ring.owners),
    '',
    'Where to reach it:',
    ...places,
    'Ctrl-C ends all nodes.',
  ].join('\n');
}

function describeEnd({ node, pid }: DevChild, exit: Exit): string {
  if (exit.code === 0) return `${node.name} (pid ${pid}) has ended: it left the cluster, or was asked to end`;
  return `${node.name} (pid ${pid}) has ended unexpectedly (${describeExit(exit)}), see ${node.logPath}; to start it again:\n  ${startCommand(node)}`;
}

function describeExit({ code, signal }: Exit): string {
  return signal === null ? `code ${code}` : signal;
}
