/**
 * Clients at a steady rate, whose every operation goes into the history.
 *
 * Open loop: each operation has a moment at which it is meant to begin, and its time counts from there, so that a store
 * which stands still for a second shows as many slow operations.
 *
 * A client writes keys of its own, one operation at a time on each, and a few that all clients write, whenever it likes. It
 * reads its own and those of others.
 */
import type { History, Operation } from '@rkv/testkit';
import type { TestNode } from '../nodes.ts';
import { Client } from './client.ts';

export interface LoadInit {
  readonly history: History;
  /** Whom clients may ask now. */
  readonly nodes: () => readonly TestNode[];
  readonly clients: number;
  /** Operations a second of each client. */
  readonly rate: number;
  readonly valueBytes: number;
  /** 0 to 1, from the seed of the run. */
  readonly random: () => number;
}

/** Of what was meant to begin since they were last asked for. */
export interface Figures {
  readonly operations: number;
  readonly failed: number;
  readonly unknown: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** By the node that was asked: how many, and how many of those in vain. */
  readonly byNode: ReadonlyMap<string, Asked>;
}

export interface Asked {
  readonly operations: number;
  readonly missed: number;
}

const TURN_MS = 5;
/** Those that are late go out in so many at once. */
const TURN_OPERATIONS = 2;
/** Operations on the same few keys are what overwrites and deletes come from. */
const OWN_KEYS = 2_000;
/** Written by all clients, often at the same time. */
const SHARED_KEYS = 50;
const PIPELINE = 100;
/** Of a step, those that differ. */
const FAILURES_TOLD = 4;

/** Padded, so that a value cut short or mixed with another one is not taken for it. */
export function padded(value: string, bytes: number): string {
  return `${value} `.padEnd(bytes, '.');
}

/** What was padded; anything else as it is, which nobody wrote. */
export function unpadded(text: string | null, bytes: number): string | null {
  if (text === null) return null;
  const value = text.slice(0, text.indexOf(' '));
  return padded(value, bytes) === text ? value : text;
}

export class Load {
  readonly #init: LoadInit;
  readonly #clients: Writer[];
  readonly #shared = Array.from({ length: SHARED_KEYS }, (_, at) => `shared:${at}`);
  readonly #keys: string[] = [...this.#shared];
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #startedAt = 0;
  #begun = 0;
  #spans: number[] = [];
  #failed = 0;
  #unknown = 0;
  #failures = new Set<string>();
  #byNode = new Map<string, Asked>();
  readonly #open = new Set<Promise<void>>();

  constructor(init: LoadInit) {
    this.#init = init;
    this.#clients = Array.from({ length: init.clients }, (_, at) => new Writer(`c${at + 1}`, at, init));
  }

  /** Every key that was ever written. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** So many keys more, as fast as they are taken. */
  async fill(keys: number): Promise<void> {
    const [client] = this.#clients as [Writer];
    const names = Array.from({ length: keys }, (_, at) => `bulk:${at}`);
    this.#keys.push(...names);
    for (let at = 0; at < names.length; at += PIPELINE)
      await Promise.all(names.slice(at, at + PIPELINE).map((key) => client.write(key)));
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), TURN_MS);
  }

  /** Each client goes to another node, as far as there are so many: they drift together when nodes fail. */
  spread(): void {
    const nodes = this.#init.nodes();
    this.#clients.forEach((client, at) => client.moveTo(nodes[at % nodes.length] as TestNode));
  }

  /** Resolves when every operation has its outcome. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await Promise.all(this.#open);
    for (const client of this.#clients) client.close();
  }

  figures(): Figures & { readonly failures: readonly string[] } {
    const spans = this.#spans.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      spans[Math.min(spans.length - 1, Math.floor(spans.length * share))] ?? NaN;
    const figures = {
      operations: spans.length,
      failed: this.#failed,
      unknown: this.#unknown,
      p50: at(0.5),
      p99: at(0.99),
      max: at(1),
      failures: [...this.#failures],
      byNode: this.#byNode,
    };
    [this.#spans, this.#failed, this.#unknown, this.#failures] = [[], 0, 0, new Set()];
    this.#byNode = new Map();
    return figures;
  }

  /**
   * Before something is sent the sockets are read: after a stall of this process the end of a connection may have come long
   * ago, and all that was due meanwhile would go into it. One turn of the loop reads it, and it is told of before the next.
   */
  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() =>
      setImmediate(() => {
        this.#isLooking = false;
        if (this.#timer !== undefined) this.#turn();
      }),
    );
  }

  #turn(): void {
    const { rate } = this.#init;
    const perSecond = rate * this.#clients.length;
    const due = ((performance.now() - this.#startedAt) * perSecond) / 1000;
    const most = this.#begun + TURN_OPERATIONS;
    while (this.#begun < due) {
      if (this.#begun === most) return this.#look();
      const number = this.#begun++;
      const meantAt = this.#startedAt + (number * 1000) / perSecond;
      const done = this.#one(this.#clients[number % this.#clients.length] as Writer, meantAt);
      this.#open.add(done);
      void done.finally(() => this.#open.delete(done));
    }
  }

  async #one(client: Writer, meantAt: number): Promise<void> {
    const { outcome, error, node = '' } = await this.#ask(client);
    this.#spans.push(performance.now() - meantAt);
    const { operations, missed } = this.#byNode.get(node) ?? { operations: 0, missed: 0 };
    this.#byNode.set(node, { operations: operations + 1, missed: missed + Number(outcome !== 'ok') });
    if (outcome === 'failed') this.#failed++;
    if (outcome === 'indefinite') this.#unknown++;
    if (error !== undefined && this.#failures.size < FAILURES_TOLD) this.#failures.add(error);
  }

  /** Of twelve: three new keys, two overwritten, one deleted, one of all clients overwritten or deleted, five read. */
  #ask(client: Writer): Promise<Operation> {
    const { random } = this.#init;
    const die = Math.floor(random() * 12);
    const oneOf = (keys: readonly string[]): string => keys[Math.floor(random() * keys.length)] as string;
    const known = client.someOwnKey();
    if (known === undefined || die < 3) {
      const key = client.newKey();
      this.#keys.push(key);
      return client.write(key);
    }
    if (die < 5) return client.write(known);
    if (die < 6) return client.delete(known);
    if (die < 7) {
      const shared = oneOf(this.#shared);
      return random() < 0.8 ? client.write(shared) : client.delete(shared);
    }
    if (die < 8) return client.read(oneOf(this.#shared));
    return client.read(die < 10 ? known : oneOf(this.#keys));
  }
}

/** A client, and the keys that it alone writes. */
class Writer {
  readonly #client: Client;
  readonly #init: LoadInit;
  #values = 0;
  #keys = 0;
  /** Keys of its own with nothing under way. */
  readonly #idle: string[] = [];

  constructor(name: string, turn: number, init: LoadInit) {
    this.#client = new Client({ history: init.history, nodes: init.nodes, name, turn });
    this.#init = init;
  }

  newKey(): string {
    return `${this.#client.name}:${this.#keys++}`;
  }

  someOwnKey(): string | undefined {
    return this.#idle[Math.floor(this.#init.random() * this.#idle.length)];
  }

  write(key: string): Promise<Operation> {
    const input = `${this.#client.name}-${this.#values++}`;
    const text = padded(input, this.#init.valueBytes);
    return this.#change(key, () =>
      this.#client.perform({
        ...{ key, kind: 'write', input, isRead: false },
        ask: (redis) => redis.set(key, text),
        outputOf: () => undefined,
      }),
    );
  }

  delete(key: string): Promise<Operation> {
    return this.#change(key, () =>
      this.#client.perform({
        ...{ key, kind: 'delete', isRead: false },
        ask: (redis) => redis.del(key),
        outputOf: () => undefined,
      }),
    );
  }

  read(key: string): Promise<Operation> {
    return this.#client.perform({
      ...{ key, kind: 'read', isRead: true },
      ask: (redis) => redis.get(key),
      outputOf: (answer) => unpadded(answer as string | null, this.#init.valueBytes),
    });
  }

  moveTo(node: TestNode): void {
    this.#client.moveTo(node);
  }

  close(): void {
    this.#client.close();
  }

  async #change(key: string, change: () => Promise<Operation>): Promise<Operation> {
    const at = this.#idle.indexOf(key);
    if (at >= 0) this.#idle.splice(at, 1);
    const operation = await change();
    if (key.startsWith(`${this.#client.name}:`)) this.#idle.push(key);
    if (this.#idle.length > OWN_KEYS) this.#idle.splice(Math.floor(this.#init.random() * OWN_KEYS), 1);
    return operation;
  }
}
