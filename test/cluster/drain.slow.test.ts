/**
 * A node that is asked to end, in a cluster under load: clients of the other nodes notice nothing, clients of its own are
 * given what they are owed, monitors see it go, and a second signal ends it at once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { limitOf } from './figures.ts';
import type { TestNode } from './nodes.ts';
import { connect } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const nodes = withNodes();
let n1: TestNode;
let n2: TestNode;
let n3: TestNode;
beforeAll(async () => {
  [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
});

const CLIENTS = 8;

/** Clients of a node that read and write without a pause, until they are told to stop. */
class Load {
  readonly errors: string[] = [];
  requests = 0;
  #stopped = false;
  readonly #clients: Promise<void>[];

  constructor(node: TestNode) {
    this.#clients = Array.from({ length: CLIENTS }, (_, at) => this.#run(node, at));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #run(node: TestNode, at: number): Promise<void> {
    const client = connect(node);
    for (let i = 0; !this.#stopped; i++) {
      const key = `k${at}:${i % 500}`;
      try {
        await client.set(key, `v${i}`);
        const value = await client.get(key);
        if (value !== `v${i}`) this.errors.push(`${key} is ${value} after v${i} was written`);
      } catch (error) {
        this.errors.push((error as Error).message);
      }
      this.requests += 2;
    }
    client.disconnect();
  }
}

async function readinessOf(node: TestNode): Promise<string | undefined> {
  try {
    const answer = await fetch(`${node.url}/readyz`);
    return `${answer.status} ${(await answer.text()).trim()}`;
  } catch {
    return undefined;
  }
}

describe('SIGTERM', () => {
  it('under load at the other nodes: no client of theirs sees an error, and it ends soon with exit 0', async () => {
    const loads = [new Load(n1), new Load(n3)];
    await pause(1_000);
    const askedAt = performance.now();
    n2.signal('SIGTERM');
    const words: string[] = [];
    const watch = async (): Promise<void> => {
      for (let word = await readinessOf(n2); word !== undefined; word = await readinessOf(n2))
        words.push(word);
    };
    const [exit] = await Promise.all([n2.untilExit(), watch()]);
    const endedMs = performance.now() - askedAt;
    // The others have to notice that it is gone, too.
    await pause(1_000);
    await Promise.all(loads.map((load) => load.stop()));
    const requests = loads.reduce((sum, load) => sum + load.requests, 0);
    expect(loads.flatMap((load) => load.errors)).toEqual([]);
    expect(requests).toBeGreaterThan(10 * 2 * CLIENTS); // each was in the midst of it all the time
    expect(exit).toEqual({ code: 0, signal: null });
    expect(endedMs).toBeLessThan(3_000);
    expect(words).toContainEqual('503 {"ready":false,"reasons":["draining: this node was asked to end"]}');
    await n2.start();
  });

  it('a second one ends it at once, whoever has not read his replies', async () => {
    const client = connect(n2);
    await client.set('large', Buffer.alloc(1 << 20));
    client.stream.pause();
    for (let i = 0; i < 64; i++) client.get('large').catch(() => {});
    while (((await limitOf(n2, 'redis_unsent_bytes')).used ?? 0) === 0) await pause(10);
    n2.signal('SIGTERM');
    // Later than an echo of the first one, and much sooner than the door gives up on its client.
    await pause(1_000);
    expect(n2.describeState()).toMatch(/^runs/);
    const insistedAt = performance.now();
    n2.signal('SIGTERM');
    expect(await n2.untilExit()).toEqual({ code: 143, signal: null });
    expect(performance.now() - insistedAt).toBeLessThan(1_000);
    client.disconnect();
  });
});
