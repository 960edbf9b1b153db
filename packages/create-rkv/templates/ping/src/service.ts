/** The service: commands to the ring, and which vnode answered. */
import type { Node } from '@rkv/core';
import { ask, type Answer, type Whereabouts } from './replicas.ts';
import { kv, type Command, type Reply } from './vnode.ts';

export interface PingReply extends Whereabouts {
  readonly result: 'pong';
  readonly n: number;
}

export class Service {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** One vnode says that it is there. */
  async ping(n = 1): Promise<PingReply> {
    const { reply, ...where } = await this.#ask(`ping${n}`, { kind: 'ping', n });
    return { result: 'pong', n: reply.n, ...where };
  }

  /** The first vnode of the key; where its node is away, another node stands in. */
  async #ask(key: string, command: Command): Promise<Answer<Reply>> {
    const [answer] = await ask<Command, Reply>(this.#node, kv, { key, command, n: 1 });
    if (answer === undefined) throw new Error('broken invariant: nobody answered');
    return answer;
  }
}
