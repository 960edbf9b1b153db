/**
 * Writers that keep a journal: which ids a node has acknowledged, so that none of them may ever be missing again.
 *
 * Each id is a key, written once; the value tells the id, so that one value under another key shows too. A writer sends
 * its next write when the last one was answered. Its journal has an id only after the answer has come: what was under way
 * when the node died may be there or not.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { TestNode } from '../cluster/nodes.ts';
import { connect, exchange, withRedis } from '../cluster/redis-client.ts';

export interface WritersInit {
  readonly writers?: number;
  /** Between two writes of one writer, ms: the machine has other things to do. */
  readonly pauseMs?: number;
  readonly valueBytes?: number;
}

export interface Acknowledged {
  readonly id: string;
  /** By `performance.now()`. */
  readonly at: number;
}

/** What was answered to one write that was not acknowledged. */
export interface Refused {
  readonly id: string;
  readonly why: string;
  readonly sentAt: number;
  readonly tookMs: number;
}

const READ_AT_ONCE = 500;

export class Writers {
  /** Of all that these writers ever wrote, in the order of the answers. */
  readonly journal: Acknowledged[] = [];
  readonly refused: Refused[] = [];
  readonly #init: Required<WritersInit>;
  readonly #prefix: string;
  #next = 0;
  #running: Promise<void>[] = [];
  #stopping = false;

  constructor(prefix: string, { writers = 8, pauseMs = 0, valueBytes = 64 }: WritersInit = {}) {
    this.#prefix = prefix;
    this.#init = { writers, pauseMs, valueBytes };
  }

  /** Each goes on until it is told to stop or its connection ends. */
  start(node: TestNode): void {
    this.#stopping = false;
    this.#running = Array.from({ length: this.#init.writers }, () => this.#write(node));
  }

  /** Resolves when all have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.ended();
  }

  /** The node is gone, and what it had still to say was heard. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  valueOf(id: string): string {
    return id.padEnd(this.#init.valueBytes, '.');
  }

  async #write(node: TestNode): Promise<void> {
    const client = connect(node, 5_000);
    try {
      while (!this.#stopping && client.status !== 'end') {
        const id = `${this.#prefix}${this.#next++}`;
        const sentAt = performance.now();
        try {
          await client.set(id, this.valueOf(id));
          this.journal.push({ id, at: performance.now() });
        } catch (error) {
          const why = (error as Error).message;
          this.refused.push({ id, why, sentAt, tookMs: performance.now() - sentAt });
          if (!/^[A-Z]+ /.test(why)) return; // no answer of the node: the connection is gone
        }
        if (this.#init.pauseMs > 0) await pause(this.#init.pauseMs);
      }
    } finally {
      client.disconnect();
    }
  }
}

/** Those of the ids that the node does not have, or has with another value; errors count as missing too. */
export async function missingAt(
  node: TestNode,
  ids: readonly string[],
  valueOf: (id: string) => string,
): Promise<string[]> {
  const missing: string[] = [];
  await withRedis(node, async (client) => {
    for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
      const some = ids.slice(at, at + READ_AT_ONCE);
      const answers = await exchange(
        client,
        some.map((id) => ['get', id]),
      );
      some.forEach((id, i) => {
        if (answers[i] !== valueOf(id)) missing.push(id);
      });
    }
  });
  return missing;
}
