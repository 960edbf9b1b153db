/** One command to the replicas of a key, for the operation of a play: a plain quorum request. */
import {
  bucketOf,
  collect,
  hashKey,
  partitionOf,
  quorumOf,
  ringBits,
  type CollectPlan,
  type Node,
  type VnodeModule,
} from '@rkv/core';
import type { Json } from '../history/operation.ts';
import type { Told } from './clients.ts';

/** What replicas are asked, and how many of them. */
export interface ReplicaQuestion<Command, Reply> {
  readonly command: Command;
  /** How many must answer. Default: a majority of the key's copies. */
  readonly needed?: number;
  /** Default 1,000. */
  readonly timeoutMs?: number;
  /** What the client makes of the replies, newest first. They are borrowed: what is kept of one is copied. Left out: nothing. */
  readonly output?: (replies: readonly Reply[]) => Json;
}

export function askReplicas<Command, Reply>(
  node: Node,
  module: VnodeModule<Command, Reply>,
  key: string,
  { command, needed, timeoutMs = 1_000, output }: ReplicaQuestion<Command, Reply>,
  done: (told: Told) => void,
): void {
  if (!node.ready) return done({ error: 'the node is not ready', definite: true });
  const port = node.port(module);
  const words = new Uint32Array(5);
  hashKey(key, words);
  const n = bucketOf(port.document, key).n;
  const plan = (): CollectPlan<Command> => {
    const list = port.list(partitionOf(words[0] as number, ringBits(port.document.ringSize)), n);
    return { list, quorum: quorumOf(list, needed ?? (n >> 1) + 1), command };
  };
  collect<Command, Reply, Reply>(port, {
    ...plan(),
    timeoutMs,
    keep: (reply) => (typeof reply === 'object' && reply !== null ? structuredClone(reply) : reply),
    counts: () => true,
    done: ({ reason, answers, definite, refusal }) => {
      if (reason === 'finished') return done({ ok: output?.(answers.map(({ answer }) => answer)) });
      done({ error: refusal ?? reason, definite });
    },
  });
}
