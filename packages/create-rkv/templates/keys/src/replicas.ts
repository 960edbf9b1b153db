/**
 * A command to the vnodes of a key, and the answers of as many as are needed.
 *
 * Any node may ask. The vnodes are the first n partitions from the key's on; where an owner is away, the next live node
 * stands in. Answers must come from distinct nodes where the ring has enough of them.
 */
import {
  collect,
  memberName,
  quorumOf,
  ringIndexOf,
  type CollectPlan,
  type Node,
  type VnodeModule,
} from '@rkv/core';
import { firstPartition } from './place.ts';

/** Which vnode said something: its node by name, its partition, and the place of that on the ring. */
export interface Whereabouts {
  readonly node: string;
  readonly partition: number;
  readonly index: string;
}

export interface Answer<Reply> extends Whereabouts {
  readonly reply: Reply;
}

export interface Question<Command, Reply> {
  readonly key: string;
  readonly command: Command;
  /** How many vnodes are asked; all that hold the key when left out. */
  readonly n?: number;
  /** How many must answer; most of n when left out. */
  readonly needed?: number;
  /** Whether that is an answer. A stand-in does not know what it has never been told. */
  counts?(reply: Reply, standIn: boolean): boolean;
  readonly timeoutMs?: number;
}

/** Too few answered. `definite`: nothing has happened. Otherwise it may have, or may yet. */
export class TooFewAnswers extends Error {
  readonly code: string;
  readonly definite: boolean;
  readonly needed: number;
  readonly got: number;
  /** Those that came, the first one first. */
  readonly answers: readonly Answer<unknown>[];

  constructor(init: Pick<TooFewAnswers, 'code' | 'definite' | 'needed' | 'got' | 'answers'>) {
    const { code, definite, needed, got } = init;
    super(
      `${got} of ${needed} vnodes answered (${code}); ${definite ? 'nothing was done' : 'it may have been done'}`,
    );
    this.code = code;
    this.definite = definite;
    this.needed = needed;
    this.got = got;
    this.answers = init.answers;
  }
}

/** The answers, the first one first. */
export function ask<Command, Reply>(
  node: Node,
  module: VnodeModule<Command, Reply>,
  question: Question<Command, Reply>,
): Promise<Answer<Reply>[]> {
  const { key, command, timeoutMs = 1_000 } = question;
  const n = question.n ?? copies(node);
  const needed = question.needed ?? Math.floor(n / 2) + 1;
  const port = node.port(module);
  const plan = (): CollectPlan<Command> => {
    const list = port.list(firstPartition(key, node.document.ringSize), n);
    return { list, quorum: quorumOf(list, needed), command };
  };
  return new Promise((resolve, reject) => {
    collect<Command, Reply, Reply>(port, {
      ...plan(),
      planAnew: plan,
      timeoutMs,
      keep: (reply) => reply,
      counts: (reply, standIn) => question.counts?.(reply, standIn) ?? true,
      done({ reason, answers, got, definite, refusal }) {
        const told = answers.toReversed().map(({ answer, replica }) => ({
          reply: answer,
          node: memberName(node.document, replica.node),
          partition: replica.partition,
          index: ringIndexOf(replica.partition, replica.ringSize).toString(),
        }));
        if (reason === 'finished') return resolve(told);
        reject(new TooFewAnswers({ code: refusal ?? reason, definite, needed, got, answers: told }));
      },
    });
  });
}

/** How many copies of a key the ring keeps. */
function copies(node: Node): number {
  return node.document.buckets.find(({ prefix }) => prefix === '')?.n ?? 3;
}
