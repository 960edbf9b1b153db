/** The wires between two ends: what passes, what is held, and that nothing is lost by a cut that is healed. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePort } from './ports.ts';
import { Wires } from './wires.ts';

const LONG_ENOUGH_MS = 150;

let folder: string;
let wires: Wires;
let server: Server;
let port: number;
let accepted: Socket[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rkv-wires-'));
  wires = new Wires(folder);
  accepted = [];
  server = createServer((socket) => accepted.push(socket));
  port = await freePort();
  server.listen(port, '127.0.0.1');
  await wires.add('a', await freePort());
  await wires.add('b', port);
});
afterEach(async () => {
  for (const socket of accepted) socket.destroy();
  server.close();
  await wires.end();
  rmSync(folder, { recursive: true });
});

/** Where `a` is led when it dials `b`. */
function led(): number {
  const ports = JSON.parse(readFileSync(join(folder, 'wires', 'a.json'), 'utf8')) as Record<string, number>;
  return ports[port] as number;
}

/** A connection from a to b, both ends of it, and all that either has heard. */
async function dialled() {
  const before = accepted.length;
  const near = connect(led(), '127.0.0.1');
  await expect.poll(() => accepted.length).toBe(before + 1);
  const far = accepted[before] as Socket;
  const heard = { near: '', far: '' };
  near.on('data', (text: Buffer) => (heard.near += text.toString()));
  far.on('data', (text: Buffer) => (heard.far += text.toString()));
  return { near, far, heard };
}

const silence = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LONG_ENOUGH_MS));

it('passes on what either end says, and its end', async () => {
  const { near, far, heard } = await dialled();
  near.write('to b');
  far.write('to a');
  await expect.poll(() => heard).toEqual({ near: 'to a', far: 'to b' });
  near.end();
  await once(far, 'end');
});

it('holds both ways, and goes on where it was', async () => {
  const { near, far, heard } = await dialled();
  await wires.cut([
    ['a', 'b'],
    ['b', 'a'],
  ]);
  near.write('to b');
  far.write('to a');
  await silence();
  expect(heard).toEqual({ near: '', far: '' });
  expect([near.destroyed, far.destroyed]).toEqual([false, false]);
  await wires.heal();
  await expect.poll(() => heard).toEqual({ near: 'to a', far: 'to b' });
  near.destroy();
});

it('holds one way, whoever has dialled', async () => {
  const { near, far, heard } = await dialled();
  await wires.cut([['b', 'a']]);
  near.write('to b');
  far.write('to a');
  await expect.poll(() => heard.far).toBe('to b');
  await silence();
  expect(heard.near).toBe('');
  near.destroy();
});

it('does not tell of an end across a cut', async () => {
  const { near, far } = await dialled();
  await wires.cut([['a', 'b']]);
  let ended = false;
  far.on('close', () => (ended = true));
  near.destroy();
  await silence();
  expect(ended).toBe(false);
  await wires.heal();
  await expect.poll(() => ended).toBe(true);
});

it('a dial meets silence, and an answer when the cut is healed', async () => {
  await wires.cut([['a', 'b']]);
  const near = connect(led(), '127.0.0.1');
  near.write('hello');
  await silence();
  expect(accepted).toHaveLength(0);
  await wires.heal();
  await expect.poll(() => accepted.length).toBe(1);
  near.destroy();
});

it('leads a program of Node.js there, and nobody else', async () => {
  const environment = await wires.add('c', await freePort());
  const dial = `const s = require('node:net').connect(${port}, '127.0.0.1', () => { console.log(s.remotePort); s.destroy(); })`;
  const ask = async (env: NodeJS.ProcessEnv): Promise<number> =>
    Number((await promisify(execFile)(process.execPath, ['-e', dial], { env })).stdout);
  expect(await ask({})).toBe(port);
  expect(await ask(environment)).not.toBe(port);
});
