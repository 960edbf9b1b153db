/** How the node under attack fares: its memory, and what its clients see (watch.ts). */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { residentMib } from '../cluster/memory.ts';
import type { TestNode } from '../cluster/nodes.ts';
import { withRedis } from '../cluster/redis-client.ts';
import type { Watched } from './watch.ts';

const SAMPLE_MS = 200;
const KEYS = 50;
/** Honest work before memory is first looked at: a heap that has just begun grows by tens of MiB under any load. */
const WARM_UP = { clients: 100, rounds: 20, pipeline: 50 };

export interface Memory {
  readonly startMib: number;
  readonly maxMib: number;
  readonly endMib: number;
}

export class Vitals {
  readonly #pid: number;
  readonly #watch: ChildProcess;
  readonly #timer: NodeJS.Timeout;
  readonly #startMib: number;
  #maxMib = 0;
  #peakMib = 0;

  private constructor(attacked: TestNode, other: TestNode, keys: readonly string[]) {
    this.#pid = attacked.pid;
    const ports = [attacked, other].map(({ ports }) => ports.redis);
    const args = [ports.join(','), keys.join(',')];
    this.#watch = fork(fileURLToPath(new URL('watch.ts', import.meta.url)), args);
    process.once('exit', () => this.#watch.kill('SIGKILL'));
    this.#startMib = residentMib(this.#pid);
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Resolves when the client has worked for a moment. */
  static async begin(attacked: TestNode, other: TestNode): Promise<Vitals> {
    const keys = await keysOnThreeNodes(attacked);
    await warmUp(attacked, keys);
    const vitals = new Vitals(attacked, other, keys);
    while ((await vitals.watched()).rounds === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    return vitals;
  }

  /** What the client saw since the last time. */
  async watched(): Promise<Watched> {
    this.#watch.send('tell');
    const [watched] = (await once(this.#watch, 'message')) as [Watched];
    return watched;
  }

  get memory(): Memory {
    this.#sample();
    return { startMib: this.#startMib, maxMib: this.#maxMib, endMib: residentMib(this.#pid) };
  }

  /** The most since this was asked last. */
  takePeakMib(): number {
    this.#sample();
    const peak = this.#peakMib;
    this.#peakMib = 0;
    return peak;
  }

  #sample(): void {
    const mib = residentMib(this.#pid);
    this.#maxMib = Math.max(this.#maxMib, mib);
    this.#peakMib = Math.max(this.#peakMib, mib);
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#watch.connected) this.#watch.disconnect();
  }
}

/** Many clients come, write, read and leave. */
async function warmUp(node: TestNode, keys: readonly string[]): Promise<void> {
  const { clients, rounds, pipeline } = WARM_UP;
  const visit = async (): Promise<void> =>
    withRedis(node, async (client) => {
      for (let round = 0; round < rounds; round++) {
        const batch = client.pipeline();
        for (let n = 0; n < pipeline; n++) {
          const key = keys[n % keys.length] as string;
          batch.set(key, 'x'.repeat(1_000)).get(key);
        }
        await batch.exec();
      }
    });
  await Promise.all(Array.from({ length: clients }, visit));
}

/**
 * Keys with a copy on each of three nodes, so that losing the link to one of them costs no write. (Sixteen partitions
 * on three nodes have two preference lists that name a node twice.)
 */
async function keysOnThreeNodes({ url }: TestNode): Promise<string[]> {
  const keys: string[] = [];
  for (let number = 0; keys.length < KEYS; number++) {
    const answer = await fetch(`${url}/api/key?key=watch:${number}`);
    const { preflist } = (await answer.json()) as { preflist: { node: string }[] };
    if (new Set(preflist.map(({ node }) => node)).size === 3) keys.push(`watch:${number}`);
  }
  return keys;
}
