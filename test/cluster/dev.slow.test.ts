/** `rkv dev` as a person runs it: one command, a cluster; one Ctrl-C, nothing left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, rkv } from './cli.ts';
import { cleanEnvironment, isFree } from '@rkv/testkit';

const folder = mkdtempSync(join(tmpdir(), 'rkv-dev-'));
let args: string[];
let ports: number[];
let running: ChildProcess | undefined;

/** Of the nodes that `rkv dev` has named, all its lives together. */
const pids: number[] = [];

beforeAll(async () => {
  const base = await freeBase();
  ports = [0, 1, 2].flatMap((door) => [0, 100, 200].map((apart) => base + door + apart));
  const bases = { redis: base, cluster: base + 1, http: base + 2 };
  args = [
    'dev',
    '--data-dir',
    folder,
    ...Object.entries(bases).flatMap(([door, port]) => [`--base-${door}`, String(port)]),
  ];
});
afterAll(async () => {
  await end('SIGKILL');
  await untilGone(pids);
  rmSync(folder, { recursive: true, force: true });
});

/** The first of three ports that are free here, and a hundred and two hundred further on: as `rkv dev` lays them out. */
async function freeBase(): Promise<number> {
  for (let base = 11_000 + (process.pid % 80) * 100; base < 19_700; base += 3) {
    const wanted = [0, 1, 2].flatMap((door) => [0, 100, 200].map((apart) => base + door + apart));
    if ((await Promise.all(wanted.map(isFree))).every(Boolean)) return base;
  }
  throw new Error('no ports are free for rkv dev');
}

/** Starts it and resolves with what it has printed once it says how to end it. */
async function startDev(): Promise<string> {
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
  });
  running = child;
  let said = '';
  const up = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('Ctrl-C ends all nodes.')) resolve();
      });
    }
    child.once('close', () => reject(new Error(`rkv dev ended:\n${said}`)));
  });
  await up.finally(() => pids.push(...[...said.matchAll(/: pid (\d+)/g)].map(([, pid]) => Number(pid))));
  return said;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function untilGone(gone: readonly number[]): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (gone.some(isAlive)) {
    if (performance.now() > deadline) throw new Error(`still there: ${gone.filter(isAlive).join(', ')}`);
    await pause(20);
  }
}

/** Tells its exit code; nothing to do when it has ended. */
async function end(signal: NodeJS.Signals): Promise<number | null> {
  if (running === undefined) return null;
  const child = running;
  running = undefined;
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

const url = (): string => `http://127.0.0.1:${ports[6]}`;

describe('rkv dev', () => {
  it('forms a cluster and shows it', async () => {
    const said = await startDev();
    expect(said).toContain("valid      37.5%      --      'n1'");
    expect(said).toContain("valid      31.3%      --      'n2'");
    expect(said).toContain("valid      31.3%      --      'n3'");
    expect(said).toContain('abca|bcab|cabc|abca|');
    expect(await rkv('put', 'found', 'again', '--node', url())).toMatchObject({ code: 0 });
  });

  it('says which port is busy and which flag moves it', async () => {
    const { code, err } = await rkv(...args);
    expect(code).toBe(1);
    expect(err).toContain(
      `port ${ports[0]}, for redis of n1, is in use; free it, or move these ports with --base-redis`,
    );
  });

  it('leaves no process and no port behind after Ctrl-C', async () => {
    expect(await end('SIGINT')).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await Promise.all(ports.map(isFree))).every(Boolean)).toBe(true);
  });

  it('finds the cluster and its data again', async () => {
    const said = await startDev();
    expect(said).toContain('the cluster was there already');
    expect(await rkv('get', 'found', '--node', url())).toMatchObject({ code: 0, out: 'again\n' });
  });

  it('says when a node has died, and the others go on', async () => {
    const child = running as ChildProcess;
    const told = once(child.stdout as NodeJS.ReadableStream, 'data') as Promise<[string]>;
    process.kill(pids.at(-1) as number, 'SIGKILL');
    expect((await told)[0]).toMatch(
      /^n3 \(pid \d+\) has ended unexpectedly \(SIGKILL\), see .*n3\.log; to start it again:/,
    );
    expect(await rkv('get', 'found', '--node', url())).toMatchObject({ code: 0, out: 'again\n' });
  });

  it('killed outright, takes its nodes with it', async () => {
    await end('SIGKILL');
    await untilGone(pids);
  });
});
