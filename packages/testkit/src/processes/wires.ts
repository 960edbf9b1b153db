/**
 * The wires between real nodes on one machine: one for each direction of each pair, held when that is cut.
 *
 * On loopback nobody can tell who dials. So each node is started with a small module in front (`NODE_OPTIONS`, `--import`): what it
 * dials at another's cluster port it gets at a port of its own for that one, and there sits the relay, a process of its own
 * that passes bytes on. It knows who is at either end, whoever has dialled.
 *
 *     n1 ==dials n2==> relay ----> n2      bytes n1 > n2 and n2 > n1, each held or passed on
 *     n2 ==dials n1==> relay ----> n1
 *
 * A cut is as a cable that is pulled: what is said stays with who said it, nothing is reset, and nobody hears of the other's end.
 * When it is healed what has stood goes on, if neither side has given it up meanwhile.
 *
 * Unlike a network: a dial is taken by the relay also when it is cut, and then meets silence. One way is held for bytes only; on a
 * real network the other way would stop soon too, for want of acknowledgements. A node that has no process refuses
 * after the dial, not at once. Programs that are no Node.js are not led here, and cannot be cut.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { hasEnded } from './has-ended.ts';

/** From the first to the second. */
export type OneWay = readonly [from: string, to: string];

/** In a node, before all else. Which port leads where is looked up at each dial: nodes come and go. */
const DETOUR = `
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
const file = new URL(import.meta.url).searchParams.get('wires');
const { connect } = Socket.prototype;
Socket.prototype.connect = function connectByDetour(...args) {
  // node:net hands on what it has normalised: an array of options and callback.
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  const port = options?.port === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8'))[options.port];
  if (port !== undefined) options.port = port;
  return connect.apply(this, args);
};
`;

/** Told on its standard input, a line of JSON each, and each is answered by a line. It ends when that does. */
const RELAY = `
const { connect, createServer } = require('node:net');
const { createInterface } = require('node:readline');
let held = new Set();
const wires = new Set();
const isHeld = (from, to) => held.has(from + ' ' + to);

class Wire {
  constructor(near, from, to, port) {
    wires.add(this);
    this.port = port;
    this.near = this.side(near, from, to);
    this.far = undefined;
    this.look();
  }
  side(socket, from, to) {
    const side = { socket, from, to, full: false, ended: false, over: false };
    const other = () => (side === this.near ? this.far : this.near);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const target = other();
      if (target === undefined || target.socket.destroyed || target.socket.write(chunk)) return;
      side.full = true;
      socket.pause();
      target.socket.once('drain', () => { side.full = false; this.look(); });
    });
    socket.on('end', () => { side.ended = true; this.look(); });
    socket.on('close', () => { side.over = true; this.look(); });
    return side;
  }
  look() {
    const { near } = this;
    if (this.far === undefined) {
      if (near.over) return wires.delete(this);
      if (isHeld(near.from, near.to)) return near.socket.pause();
      this.far = this.side(connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true }), near.to, near.from);
    }
    for (const [side, other] of [[near, this.far], [this.far, near]]) {
      const held = isHeld(side.from, side.to);
      if (side.over && !held) other.socket.destroySoon();
      else if (side.ended && !held) other.socket.end();
      if (held || side.full) side.socket.pause();
      else side.socket.resume();
    }
    if (near.over && this.far.over) wires.delete(this);
  }
}

const perform = async ({ listen, hold }) => {
  if (hold !== undefined) {
    held = new Set(hold.map(([from, to]) => from + ' ' + to));
    for (const wire of wires) wire.look();
    return {};
  }
  const { from, to, port } = listen;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => new Wire(near, from, to, port));
  await new Promise((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done));
  return { port: server.address().port };
};
(async () => {
  for await (const line of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await perform(JSON.parse(line))));
  process.exit();
})();
process.stdout.on('error', () => process.exit());
`;

interface End {
  readonly name: string;
  /** Where it listens for other nodes. */
  readonly port: number;
  /** By the port of another: where this one is led instead. */
  readonly led: Record<string, number>;
}

export class Wires {
  readonly #folder: string;
  readonly #relay: ChildProcess;
  readonly #ends = new Map<string, End>();
  #held: readonly OneWay[] = [];
  /** Who waits for an answer of the relay, in order. */
  readonly #asked: { done(answer: { readonly port?: number }): void; failed(error: Error): void }[] = [];

  constructor(folder: string) {
    this.#folder = join(folder, 'wires');
    mkdirSync(this.#folder);
    writeFileSync(join(this.#folder, 'detour.mjs'), DETOUR);
    this.#relay = spawn(process.execPath, ['-e', RELAY], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true, // Ctrl-C at the terminal is for the one who started the test
    });
    const { stdin, stdout } = this.#relay;
    stdin?.on('error', () => {});
    if (stdout !== null)
      createInterface({ input: stdout }).on('line', (line) =>
        this.#asked.shift()?.done(JSON.parse(line) as { readonly port?: number }),
      );
    this.#relay.once('exit', () => {
      for (const { failed } of this.#asked.splice(0))
        failed(new Error('the relay between the nodes has ended'));
    });
  }

  /** A node that is about to be started, wired to all others. What has to be in its environment. */
  async add(name: string, port: number): Promise<NodeJS.ProcessEnv> {
    const added: End = { name, port, led: {} };
    for (const other of this.#ends.values()) {
      added.led[other.port] = await this.#wire(added, other);
      other.led[port] = await this.#wire(other, added);
      this.#write(other);
    }
    this.#ends.set(name, added);
    this.#write(added);
    const detour = pathToFileURL(join(this.#folder, 'detour.mjs'));
    detour.searchParams.set('wires', this.#fileOf(added));
    const options = [process.env['NODE_OPTIONS'] ?? '', `--import ${detour.href}`];
    return { NODE_OPTIONS: options.join(' ').trim() };
  }

  /** Nothing passes in these directions from now on. Cuts add up. */
  async cut(ways: readonly OneWay[]): Promise<void> {
    this.#held = [...this.#held, ...ways];
    await this.#ask({ hold: this.#held });
  }

  /** All of them are whole. */
  async heal(): Promise<void> {
    this.#held = [];
    await this.#ask({ hold: [] });
  }

  /** Resolves when the relay is gone. */
  async end(): Promise<void> {
    if (hasEnded(this.#relay)) return;
    const exited = once(this.#relay, 'exit');
    this.#relay.stdin?.end();
    await exited;
  }

  async #wire(from: End, to: End): Promise<number> {
    const { port } = await this.#ask({ listen: { from: from.name, to: to.name, port: to.port } });
    if (port === undefined) throw new Error('the relay gave no port');
    return port;
  }

  #ask(question: object): Promise<{ readonly port?: number }> {
    return new Promise((done, failed) => {
      if (hasEnded(this.#relay)) return failed(new Error('the relay between the nodes has ended'));
      this.#asked.push({ done, failed });
      this.#relay.stdin?.write(`${JSON.stringify(question)}\n`);
    });
  }

  #fileOf({ name }: End): string {
    return join(this.#folder, `${name}.json`);
  }

  /** Nodes read it at any time, so it is there at once or not at all. */
  #write(end: End): void {
    const file = this.#fileOf(end);
    writeFileSync(`${file}.new`, JSON.stringify(end.led));
    renameSync(`${file}.new`, file);
  }
}
