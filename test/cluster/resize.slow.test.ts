/**
 * A hundred thousand keys on three real nodes, whose ring takes four times as many partitions and then as few again, while
 * clients read and write through every node. Nothing may be lost, and nobody may read anything else than what was written.
 *
 * Not here: nodes that are killed meanwhile (under-load.slow.test.ts).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { commitAll, type TestNode } from './nodes.ts';
import { exchange, numbered, sendForEach, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const KEYS = numbered('key', 100_000);
/** Under way at once over one connection. */
const PIPELINE = 500;
/** Of each client, written again and again. */
const OWN_KEYS = 50;
const GAP_MS = 2;
/** A node that is busy with moving may be late for some. */
const SERVED_SHARE = 0.999;

const nodes = withNodes({ storage: 'memory' });
let all: readonly TestNode[];
beforeAll(async () => {
  all = await nodes.startCluster('n1', 'n2', 'n3');
});

function valueOf(key: string): string {
  return `of ${key}`;
}

/** To each node a part of the keys. */
function eachWithItsPart<T>(work: (node: TestNode, keys: readonly string[]) => Promise<T>): Promise<T[]> {
  const size = Math.ceil(KEYS.length / all.length);
  return Promise.all(all.map((node, at) => work(node, KEYS.slice(at * size, (at + 1) * size))));
}

/** Those that are not read as they were written. */
async function wrongKeys(node: TestNode, keys: readonly string[]): Promise<string[]> {
  return withRedis(node, async (redis) => {
    const wrong: string[] = [];
    for (let from = 0; from < keys.length; from += PIPELINE) {
      const page = keys.slice(from, from + PIPELINE);
      const values = await exchange(
        redis,
        page.map((key) => ['get', key]),
      );
      page.forEach((key, at) => {
        if (values[at] !== valueOf(key)) wrong.push(`${key}: ${String(values[at])}`);
      });
    }
    return wrong;
  });
}

/** One client of one node: reads what all wrote before, and overwrites keys of its own. */
class Client {
  readonly #node: TestNode;
  readonly #name: string;
  readonly #ended = new AbortController();
  readonly #work: Promise<void>;
  /** Of its own keys: the last number that was acknowledged, and the last that was sent. */
  readonly #acknowledged = new Map<string, number>();
  readonly #sent = new Map<string, number>();
  operations = 0;
  failures: string[] = [];
  wrong: string[] = [];

  /** `name`: what its own keys begin with. */
  constructor(node: TestNode, name: string) {
    this.#node = node;
    this.#name = name;
    this.#work = this.#run();
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await this.#work;
  }

  /** Of its own keys, those that hold less than what was acknowledged, or what nobody wrote. */
  async lost(node: TestNode): Promise<string[]> {
    const keys = [...this.#sent.keys()];
    const values = await withRedis(node, (redis) =>
      exchange(
        redis,
        keys.map((key) => ['get', key]),
      ),
    );
    return keys.filter((key, at) => {
      const value = Number(values[at]);
      return !(value >= (this.#acknowledged.get(key) ?? 0) && value <= (this.#sent.get(key) as number));
    });
  }

  #run(): Promise<void> {
    return withRedis(this.#node, async (redis) => {
      for (let turn = 1; !this.#ended.signal.aborted; turn++) {
        const key = KEYS[(turn * 7_919) % KEYS.length] as string;
        await this.#try(async () => {
          const value = await redis.get(key);
          if (value !== valueOf(key)) this.wrong.push(`${key}: ${value}`);
        });
        const own = `${this.#name} ${turn % OWN_KEYS}`;
        this.#sent.set(own, turn);
        await this.#try(async () => {
          await redis.set(own, turn);
          this.#acknowledged.set(own, turn);
        });
        await pause(GAP_MS);
      }
    });
  }

  async #try(operation: () => Promise<void>): Promise<void> {
    this.operations++;
    await operation().catch((error: unknown) => this.failures.push(String(error)));
  }
}

it('16 to 64 and back to 16 with 100,000 keys: every key is there all the while', async () => {
  const [n1] = all as [TestNode];
  await eachWithItsPart((node, keys) => sendForEach(node, keys, (key) => ['set', key, valueOf(key)]));
  for (const size of [64, 16]) {
    const clients = all.map((node) => new Client(node, `to ${size} ${node.name}`));
    const begun = performance.now();
    await n1.tell('ring', 'resize', String(size));
    await commitAll(n1);
    const seconds = (performance.now() - begun) / 1000;
    await Promise.all(clients.map((client) => client.end()));

    for (const node of all) {
      const { ringSize, pending } = await node.tell<{ ringSize: number; pending: unknown[] }>('ring');
      expect([ringSize, pending], node.name).toEqual([size, []]);
    }
    const operations = clients.reduce((sum, client) => sum + client.operations, 0);
    const failures = clients.flatMap((client) => client.failures);
    console.log(`to ${size}: ${seconds.toFixed(1)} s, ${operations} operations, ${failures.length} in vain`);
    expect(clients.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(failures.length, failures[0]).toBeLessThanOrEqual(operations * (1 - SERVED_SHARE));
    expect(operations).toBeGreaterThan(500);
    expect((await eachWithItsPart(wrongKeys)).flat()).toEqual([]);
    for (const node of all)
      for (const client of clients) expect(await client.lost(node), node.name).toEqual([]);
  }
}, 300_000);
