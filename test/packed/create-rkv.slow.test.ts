/**
 * What is published is what is tested: all packages are packed, the generator comes out of its tarball, and each template
 * is generated into an empty folder, installed with npm, checked, tested, and run as a cluster of three.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, isFree } from '@rkv/testkit';
import { command, environment, INSTALL, isOffline, npm, packInto, type Packed } from './packed.ts';

const NODES = ['node1', 'node2', 'node3'] as const;
/** A minute on two free processors; the machine may have other things to do. */
const LIMIT_MS = 900_000;
const RING_LIMIT_MS = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'create-rkv-'));
let packed: Packed;

beforeAll(() => {
  packed = packInto(folder, ['core', 'store', 'testkit', 'create-rkv']);
}, LIMIT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  running.clear();
});

interface Ports {
  readonly cluster: number;
  readonly http: number;
  readonly web: number;
}

/** How a cluster of this template is made, and what it is for. */
interface Play {
  form(project: string, ports: readonly Ports[]): Promise<void>;
  owners(project: string, ports: Ports): Promise<readonly string[]>;
  write(ports: Ports): Promise<void>;
  read(ports: Ports): Promise<void>;
}

const ownVnode = {
  async form(_project: string, [first, ...others]: readonly Ports[]): Promise<void> {
    for (const { http } of others) await post(`${http}/join/127.0.0.1:${first?.cluster}`);
    expect(await post(`${first?.http}/plan`)).toContain('join node3');
    await post(`${first?.http}/commit`);
  },
  async owners(_project: string, { http }: Ports): Promise<readonly string[]> {
    const { owners, pending, ready } = (await (await ask(`${http}/status`)).json()) as {
      owners: string[];
      pending: number;
      ready: boolean;
    };
    return ready && pending === 0 ? owners : [];
  },
};

const PLAYS: Record<string, Play> = {
  kv: {
    ...ownVnode,
    async write({ http }) {
      const reply = await (await ask(`${http}/kv/a%20bird`, { method: 'PUT', body: 'wren' })).json();
      expect(reply).toMatchObject({ result: 'ok' });
    },
    async read({ http }) {
      expect(await (await ask(`${http}/kv/a%20bird`)).json()).toMatchObject({ result: { ok: 'wren' } });
      expect(await (await ask(`${http}/ping/3`)).json()).toMatchObject({ result: 'pong', n: 4 });
    },
  },
  ping: {
    ...ownVnode,
    async write({ http }) {
      expect(await (await ask(`${http}/ping`)).json()).toMatchObject({ result: 'pong', n: 1 });
    },
    async read({ http }) {
      expect(await (await ask(`${http}/ping/3`)).json()).toMatchObject({ result: 'pong', n: 4 });
    },
  },
  counter: {
    ...ownVnode,
    async write({ http }) {
      expect(await post(`${http}/counters/visits`, '2')).toBe('{"total":2}\n');
      expect(await post(`${http}/counters/visits`)).toBe('{"total":3}\n');
    },
    async read({ http }) {
      expect(await (await ask(`${http}/counters/visits`)).json()).toEqual({ total: 3 });
      expect(await post(`${http}/counters/visits`, '4')).toBe('{"total":7}\n');
    },
  },
  embedded: {
    async form(project, [first, ...others]) {
      for (const { http } of others) rkv(project, http, 'join', `127.0.0.1:${first?.cluster}`);
      rkv(project, first?.http, 'plan');
      rkv(project, first?.http, 'commit', '--wait');
      return Promise.resolve();
    },
    async owners(_project, { http }) {
      const { owners, pending } = (await (await ask(`${http}/api/ring`)).json()) as {
        owners: string[];
        pending: unknown[];
      };
      return pending.length === 0 ? owners : [];
    },
    async write({ web }) {
      expect((await ask(`${web}/kv/a%20bird`, { method: 'PUT', body: 'wren' })).status).toBe(204);
    },
    async read({ web }) {
      expect(await (await ask(`${web}/kv/a%20bird`)).text()).toBe('wren');
    },
  },
};

describe.each(Object.entries(PLAYS))('the template %s', (template, play) => {
  const project = join(folder, `my-${template}`);

  it(
    'installs, typechecks, lints, tests, runs as a cluster of three, and ends when it is asked to',
    { timeout: LIMIT_MS },
    async ({ skip }) => {
      create(template, project);
      const { status, text } = command('npm', INSTALL, project);
      if (status !== 0 && isOffline(text)) skip('the registry cannot be reached');
      expect(text, 'npm install').not.toContain('npm error');
      for (const script of ['typecheck', 'lint', 'test', 'build']) npm(['run', script], project);

      const ports: Ports[] = [];
      for (const node of NODES) ports.push(await movePorts(project, node));
      const nodes = await Promise.all(NODES.map((node) => start(project, node)));
      await play.form(project, ports);
      for (const each of ports) await until(async () => new Set(await play.owners(project, each)).size === 3);
      const [first, , third] = ports as [Ports, Ports, Ports];
      await play.write(first);
      await play.read(third);

      for (const node of nodes) {
        node.kill('SIGTERM');
        await once(node, 'exit');
        expect([node.exitCode, node.signalCode]).toEqual([0, null]);
        running.delete(node);
      }
      for (const port of ports.flatMap((each) => Object.values(each) as number[]))
        expect(await isFree(port)).toBe(true);
    },
  );
});

function create(template: string, project: string): void {
  const args = [packed.generator, project, '--template', template, '--packages', packed.tarballs];
  const { status, text } = command(process.execPath, args, folder);
  expect([status, text]).toEqual([0, expect.stringContaining('npm install')]);
}

/** The ports of the settings may be taken here. */
async function movePorts(project: string, node: string): Promise<Ports> {
  const file = join(project, 'config', `${node}.json`);
  const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  const [cluster, http, redis, web] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  for (const [name, port] of Object.entries({ cluster, http, redis, web }))
    if (name in settings) settings[name] = `127.0.0.1:${port}`;
  writeFileSync(file, JSON.stringify(settings));
  return { cluster, http, web };
}

/** As a user does it, and what npm is asked the node must hear. Resolves when it is up. */
async function start(project: string, node: string): Promise<ChildProcess> {
  const log = join(project, `${node}.log`);
  const stderr = openSync(log, 'w');
  const child = spawn('npm', ['--silent', 'start', node], {
    cwd: project,
    env: environment(),
    detached: true, // a group of its own, which can be ended with all that is in it
    stdio: ['ignore', 'pipe', stderr],
  });
  closeSync(stderr);
  running.add(child);
  const lines = createInterface({ input: child.stdout as Readable });
  const ended = once(child, 'exit').then(() => [readFileSync(log, 'utf8')]);
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  expect(line).toContain(`${node} is up`); // or else what it has told before it ended
  return child;
}

function rkv(project: string, http: number | undefined, ...args: string[]): void {
  const bin = join(project, 'node_modules/@rkv/store/bin/rkv.js');
  const node = ['--node', `http://127.0.0.1:${http}`];
  const { status, text } = command(process.execPath, [bin, 'cluster', ...args, ...node], project);
  expect([status, text]).toEqual([0, expect.anything()]);
}

function ask(place: string, init?: RequestInit): Promise<Response> {
  return fetch(`http://127.0.0.1:${place}`, init);
}

async function post(place: string, body?: string): Promise<string> {
  const response = await ask(place, { method: 'POST', ...(body !== undefined && { body }) });
  const text = await response.text();
  expect([response.status, text]).toEqual([200, expect.anything()]);
  return text;
}

/** Asked again until it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + RING_LIMIT_MS;
  while (!(await isSo())) {
    expect(performance.now(), 'the ring takes too long').toBeLessThan(end);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
