/** Counters as a program uses them, through one node: which vnodes know a counter is nobody's affair here. */
import type { Node } from '@rkv/core';
import { ask, TooFewAnswers } from './replicas.ts';
import { counter, largerOf, totalOf, type Command, type Counts, type Reply } from './vnode.ts';

export class Counters {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** The total of a counter; 0 when nobody has raised it. */
  async get(key: string): Promise<number> {
    const answers = await ask<Command, Reply>(this.#node, counter, {
      key,
      command: { kind: 'get', key },
      counts: ({ counts }, standIn) => !standIn || Object.keys(counts).length > 0,
    });
    return totalOf(answers.map(({ reply }) => reply.counts).reduce(largerOf, {}));
  }

  /**
   * Raise it: one vnode adds, then most of them have it. Rejects with `TooFewAnswers`; if that is not `definite`, it may have
   * been counted, and to try again may count it twice.
   */
  async add(key: string, by: number): Promise<number> {
    const [added] = await ask<Command, Reply>(this.#node, counter, {
      key,
      command: { kind: 'add', key, by },
      n: 1,
      needed: 1,
    });
    const counts: Counts = added?.reply.counts ?? {};
    try {
      const answers = await ask<Command, Reply>(this.#node, counter, {
        key,
        command: { kind: 'merge', key, counts },
      });
      return totalOf(answers.map(({ reply }) => reply.counts).reduce(largerOf, counts));
    } catch (error) {
      if (!(error instanceof TooFewAnswers)) throw error;
      throw new TooFewAnswers(error.code, false, error.needed, error.got); // one vnode has it
    }
  }
}
