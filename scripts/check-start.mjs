// Part of .ci/run: what someone sees who has just cloned this and types `npm start`.
//
// A fresh copy of the tree, without what was installed, built or stored here, is started twice: the cluster forms and
// is found again, a key set at one node is read at the others, and Ctrl-C leaves no process and no open port. The ports
// are the default ones where they are free, others where they are not.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const GENERATED = new Set(['.git', 'node_modules', 'dist', 'data', 'site']);
const DEFAULT_PORTS = { redis: 6379, cluster: 8099, http: 8098 };
const SHIFT = 20_000;
/** Installs and builds the first time. */
const START_MS = 300_000;
const END_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'rkv-start-'));
let running;
try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  // What npm started is in its process group; the nodes end by themselves when `rkv dev` does.
  if (running?.exitCode === null && running.signalCode === null) process.kill(-running.pid, 'SIGKILL');
  await pause(200);
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

async function main() {
  copyTree();
  const { flags, nodes } = await choosePorts();
  say(`npm start${flags.map((flag) => ` ${flag}`).join('')}, on a fresh copy`);

  const first = await startUp(flags);
  expectIn(first.output, '37.5%', 'the membership table');
  expectIn(first.output, 'abca|bcab|cabc|abca|', 'the ring');
  expectIn(first.output, 'n2, n3 joined', 'the joins');
  redis(nodes[0], ['SET', 'first', 'morning'], 'OK');
  for (const node of nodes) redis(node, ['GET', 'first'], 'morning');
  await interrupt(first, nodes);
  say('a key set at one node is read at the others; Ctrl-C left no process and no open port');

  const second = await startUp(flags);
  expectIn(second.output, 'the cluster was there already', 'the cluster of before');
  for (const node of nodes) redis(node, ['GET', 'first'], 'morning');
  await interrupt(second, nodes);
  say('a second npm start found the cluster and the key again');
}

function copyTree() {
  const isSource = (path) =>
    !relative(ROOT, path)
      .split(/[\\/]/)
      .some((part) => GENERATED.has(part));
  cpSync(ROOT, folder, { recursive: true, filter: isSource });
}

async function choosePorts() {
  for (const shift of [0, SHIFT]) {
    const base = Object.entries(DEFAULT_PORTS).map(([door, port]) => [door, port + shift]);
    const nodes = [0, 100, 200].map((step) =>
      Object.fromEntries(base.map(([door, port]) => [door, port + step])),
    );
    const free = await Promise.all(nodes.flatMap((ports) => Object.values(ports)).map(isFree));
    if (!free.every(Boolean)) continue;
    return {
      nodes,
      flags: shift === 0 ? [] : ['--', ...base.flatMap(([door, port]) => [`--base-${door}`, `${port}`])],
    };
  }
  throw new Error('the ports of npm start are in use, and so are those 20000 above');
}

/** Runs `npm start` until it has said where to reach the nodes. */
async function startUp(flags) {
  const started = performance.now();
  // A process group of its own, as at a terminal: Ctrl-C goes to all of it.
  running = spawn('npm', ['start', ...flags], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const life = { process: running, output: '', ended: once(running, 'close') };
  for (const stream of [running.stdout, running.stderr]) stream.on('data', (data) => (life.output += data));
  const patience = AbortSignal.timeout(START_MS);
  while (!life.output.includes('Ctrl-C ends all nodes.')) {
    const why = patience.aborted
      ? 'said nothing more'
      : running.exitCode !== null && `ended with ${running.exitCode}`;
    if (why) throw new Error(`npm start ${why}; this is what it said:\n${life.output}`);
    await pause(50);
  }
  process.stdout.write(life.output);
  say(`that took ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return life;
}

async function interrupt({ process: started, output, ended }, nodes) {
  const pids = [...output.matchAll(/: pid (\d+)/g)].map(([, pid]) => Number(pid));
  if (pids.length !== nodes.length) throw new Error(`${pids.length} pids printed, not ${nodes.length}`);
  process.kill(-started.pid, 'SIGINT');
  const inTime = await Promise.race([ended.then(() => true), pause(END_MS, false, { ref: false })]);
  if (!inTime) throw new Error(`npm start still runs ${END_MS / 1000} s after Ctrl-C`);
  const left = pids.filter(isAlive);
  if (left.length > 0) throw new Error(`Ctrl-C left processes: ${left.join(', ')}`);
  const ports = nodes.flatMap((node) => Object.values(node));
  const open = await Promise.all(ports.map(isOpen));
  const openPorts = ports.filter((_, at) => open[at]);
  if (openPorts.length > 0) throw new Error(`Ctrl-C left ports open: ${openPorts.join(', ')}`);
}

function redis({ redis: port }, command, expected) {
  const { status, stdout, stderr, error } = spawnSync('redis-cli', ['-p', `${port}`, ...command], {
    encoding: 'utf8',
  });
  if (error) throw new Error(`redis-cli cannot be run: ${error.message}`);
  if (status !== 0 || stdout.trim() !== expected)
    throw new Error(`${command.join(' ')} at port ${port}: "${(stdout + stderr).trim()}", not "${expected}"`);
}

function expectIn(output, text, what) {
  if (!output.includes(text))
    throw new Error(`${what} is not there ("${text}"); this is what npm start said:\n${output}`);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

function isOpen(port) {
  return new Promise((resolve) => {
    const probe = connect(port, '127.0.0.1');
    probe.once('connect', () => resolve(true) || probe.destroy());
    probe.once('error', () => resolve(false));
  });
}

function say(line) {
  process.stdout.write(`start: ${line}\n`);
}
