/**
 * Bits of a data file that turn over by themselves, in one node of three, between two of its lives.
 *
 * Whatever that does to the node - an entry that does not fit its checksum, a page that leads nowhere, a fault of the
 * process - nobody is ever told a value that was not written, a quorum finds every key, and within a minute, by itself and
 * with a supervisor that starts it again, the node holds all of it soundly once more.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Prng } from '@rkv/core';
import { Nodes, type TestNode } from '../cluster/nodes.ts';
import { exchange, withRedis } from '../cluster/redis-client.ts';
import { Supervised } from './supervised.ts';

export interface FlipsInit {
  readonly rounds: number;
  readonly flipsPerRound: number;
  /** Only what lmdb keeps of its pages and of where entries begin and end: no sum is over that. Default: anything. */
  readonly isAimed?: boolean;
  readonly keys?: number;
  readonly seed?: number;
  readonly say?: (line: string) => void;
}

export interface FlipsReport {
  readonly flips: number;
  /** Answers that nobody ever wrote. */
  readonly wrong: readonly string[];
  /** Keys that a quorum did not find. */
  readonly lost: readonly string[];
  /** Of each round, until the node held all of it again. */
  readonly wholeAfterMs: readonly number[];
  /** How often it ended by itself, set its store aside, and named a damaged entry. */
  readonly ends: number;
  readonly setAside: number;
  readonly damaged: number;
}

const PAGE_BYTES = 4096;
const HEAD_BYTES = 24;
const WHOLE_WITHIN_MS = 60_000;
const AT_ONCE = 16;

export async function playFlips(init: FlipsInit): Promise<FlipsReport> {
  const nodes = new Nodes({ ringSize: 8 });
  try {
    const [n1, , n3] = await nodes.startCluster('n1', 'n2', 'n3');
    const flips = new Flips(init, n1, n3);
    try {
      return await flips.play();
    } finally {
      flips.end();
    }
  } finally {
    await nodes.end();
  }
}

class Flips {
  readonly #init: FlipsInit;
  readonly #well: TestNode;
  readonly #node: TestNode;
  readonly #supervised: Supervised;
  readonly #dice: Prng;
  readonly #keys: readonly string[];
  readonly #wrong: string[] = [];
  readonly #lost: string[] = [];

  constructor(init: FlipsInit, well: TestNode, node: TestNode) {
    const { keys = 1_500, seed = 1 } = init;
    this.#init = init;
    this.#well = well;
    this.#node = node;
    this.#supervised = new Supervised(node);
    this.#dice = new Prng(seed);
    this.#keys = Array.from({ length: keys }, (_, i) => `key-${i}`);
  }

  /** Nothing starts the node again. */
  end(): void {
    this.#supervised.giveUp();
  }

  async play(): Promise<FlipsReport> {
    const { rounds, flipsPerRound, say = () => {} } = this.#init;
    await this.#writeAll();
    await this.#node.stop();
    const wholeAfterMs: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      const flipped = this.#flip(flipsPerRound);
      const began = performance.now();
      this.#supervised.start();
      await this.#readUntilWhole(began);
      wholeAfterMs.push(Math.round(performance.now() - began));
      say(`round ${round}: bits at ${flipped.join(' ')}; whole after ${wholeAfterMs.at(-1)} ms`);
      await this.#supervised.end((node) => (round % 2 === 0 ? node.stop() : node.kill9()));
    }
    const count = (what: RegExp): number => this.#node.log.match(what)?.length ?? 0;
    return {
      flips: rounds * flipsPerRound,
      wrong: this.#wrong,
      lost: this.#lost,
      wholeAfterMs,
      ends: this.#supervised.ends.length,
      setAside: count(/was set aside/g),
      damaged: count(/an entry is damaged/g),
    };
  }

  async #writeAll(): Promise<void> {
    await withRedis(this.#well, async (client) => {
      for (let at = 0; at < this.#keys.length; at += 100) {
        const some = this.#keys.slice(at, at + 100);
        const answers = await exchange(
          client,
          some.map((key) => ['set', key, valueOf(key)]),
        );
        for (const answer of answers) if (answer !== 'OK') throw new Error(String(answer));
      }
    });
  }

  /** Somewhere in the pages that hold anything. Byte and bit of each. */
  #flip(count: number): string[] {
    const file = openSync(join(this.#node.dataDir, 'store', 'data.mdb'), 'r+');
    try {
      const pages = Math.floor(fstatSync(file).size / PAGE_BYTES);
      const page = Buffer.alloc(PAGE_BYTES);
      const flipped: string[] = [];
      while (flipped.length < count) {
        const start = this.#dice.below(pages) * PAGE_BYTES;
        readSync(file, page, 0, PAGE_BYTES, start);
        if (page.every((byte) => byte === 0)) continue;
        const at = this.#init.isAimed === true ? this.#structureIn(page) : this.#dice.below(PAGE_BYTES);
        const bit = this.#dice.below(8);
        writeSync(file, Buffer.of((page[at] as number) ^ (1 << bit)), 0, 1, start + at);
        flipped.push(`${start + at}.${bit}`);
      }
      return flipped;
    } finally {
      closeSync(file);
    }
  }

  /** In the head of a page, in its list of entries, or in the head of one of them. */
  #structureIn(page: Buffer): number {
    const count = Math.min(page.readUInt16LE(20) >> 1, 1_000);
    const kind = this.#dice.below(3);
    if (kind === 0 || count === 0) return this.#dice.below(HEAD_BYTES);
    if (kind === 1) return HEAD_BYTES + this.#dice.below(2 * count);
    const entry = page.readUInt16LE(HEAD_BYTES + 2 * this.#dice.below(count));
    return (HEAD_BYTES + entry + this.#dice.below(8)) % PAGE_BYTES;
  }

  /** Whatever it answers meanwhile must be right; in the end all that it holds is, and both nodes answer for every key. */
  async #readUntilWhole(began: number): Promise<void> {
    for (;;) {
      await this.#readAtQuorum(this.#node);
      const unanswered = await this.#readAtQuorum(this.#well);
      if (unanswered === 0 && (await this.#isWhole())) return;
      if (performance.now() - began > WHOLE_WITHIN_MS)
        throw new Error(
          `not whole after a minute; it ended ${this.#supervised.ends.map(({ code, signal }) => signal ?? code).join(', ') || 'never'}; ` +
            `its last words:\n${this.#node.lastWords(200)}`,
        );
      await pause(250);
    }
  }

  /** How many keys it gave no answer for. */
  async #readAtQuorum(at: TestNode): Promise<number> {
    return withRedis(at, async (client) => {
      const answers = await exchange(
        client,
        this.#keys.map((key) => ['get', key]),
      );
      let unanswered = 0;
      this.#keys.forEach((key, i) => {
        const answer = answers[i];
        if (answer instanceof Error) unanswered++;
        else if (answer === null) this.#lost.push(key);
        else if (answer !== valueOf(key)) this.#wrong.push(`${key}: ${String(answer)}`);
      });
      return unanswered;
    }).catch(() => this.#keys.length); // it is just not there
  }

  /** Every vnode has looked at all that it holds and found nothing that is not mended, and of every key it has a copy. */
  async #isWhole(): Promise<boolean> {
    const answers = await this.#readOneByOne();
    if (!answers.every((found) => found)) return false;
    try {
      const { vnodes } = JSON.parse((await this.#node.ask('/api/scrub?node=n3')).text) as {
        vnodes: { damaged: number; running: boolean; endedAgoMs?: number }[];
      };
      const { members } = JSON.parse((await this.#node.ask('/api/status')).text) as {
        members: { name: string; partialVnodes: number }[];
      };
      return (
        vnodes.length > 0 &&
        vnodes.every(
          ({ damaged, running, endedAgoMs }) => damaged === 0 && !running && endedAgoMs !== undefined,
        ) &&
        members.every(({ name, partialVnodes }) => name !== 'n3' || partialVnodes === 0)
      );
    } catch {
      return false;
    }
  }

  /** With r=1, which this node answers itself where it has a replica. Whether it found each. */
  async #readOneByOne(): Promise<boolean[]> {
    const found: boolean[] = [];
    let next = 0;
    const reader = async (): Promise<void> => {
      for (let at = next++; at < this.#keys.length; at = next++) {
        const key = this.#keys[at] as string;
        const answer = await this.#node.ask(`/api/get?key=${key}&r=1`).catch(() => undefined);
        if (answer?.status !== 200) {
          found[at] = false;
          continue;
        }
        const { found: isFound, value } = JSON.parse(answer.text) as { found: boolean; value?: string };
        found[at] = isFound;
        if (isFound && value !== valueOf(key)) this.#wrong.push(`${key} with r=1: ${value}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, reader));
    return Array.from(found, (one) => one);
  }
}

function valueOf(key: string): string {
  return `${key} `.repeat(16);
}
