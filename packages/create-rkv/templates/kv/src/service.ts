/**
 * The service: commands to the ring, and which vnode answered.
 *
 * A key has copies on n partitions, and all are asked. A write is done when most of them have it, a read when most have
 * answered, so while their owners are up each read meets the last write. Several answers become one: the latest entry.
 */
import { HybridClock, stampHex, STAMP_BYTES, type Host, type Node } from '@rkv/core';
import { ask, type Answer, type Whereabouts } from './replicas.ts';
import { kv, laterOf, type Command, type Entry, type Reply } from './vnode.ts';

export interface ServiceReply extends Whereabouts {
  readonly result: 'ok' | { readonly ok: string } | { readonly error: 'not_found' };
}

export interface PingReply extends Whereabouts {
  readonly result: 'pong';
  readonly n: number;
}

/** How far another node's clock may lead before this one no longer follows it. */
const DRIFT_LIMIT_MS = 60_000;

export class Service {
  readonly #node: Node;
  readonly #clock: HybridClock;

  constructor(node: Node, host: Host) {
    this.#node = node;
    this.#clock = new HybridClock({
      now: () => host.now(),
      random: () => host.random(),
      driftLimitMs: DRIFT_LIMIT_MS,
    });
  }

  /** One vnode says that it is there. */
  async ping(n = 1): Promise<PingReply> {
    const { reply, where } = await this.#first(`ping${n}`, { kind: 'ping', n }, 1);
    return { result: 'pong', n: reply.n ?? n, ...where };
  }

  put(key: string, value: string): Promise<ServiceReply> {
    return this.#merge(key, value);
  }

  delete(key: string): Promise<ServiceReply> {
    return this.#merge(key, null);
  }

  async get(key: string): Promise<ServiceReply> {
    const answers = await ask<Command, Reply>(this.#node, kv, {
      key,
      command: { kind: 'get', key },
      counts: ({ entry }, standIn) => !standIn || entry !== undefined,
    });
    const [first, ...others] = answers.map((answer) => this.#heard(answer));
    if (first === undefined) throw new Error('broken invariant: nobody answered');
    const latest = others.reduce(
      (held, other) => (isLater(other.reply.entry, held.reply.entry) ? other : held),
      first,
    );
    const { reply, ...where } = latest;
    const value = reply.entry?.value ?? null;
    return { result: value === null ? { error: 'not_found' } : { ok: value }, ...where };
  }

  async #merge(key: string, value: string | null): Promise<ServiceReply> {
    const entry: Entry = { stamp: this.#stamp(), value };
    const { where } = await this.#first(key, { kind: 'merge', key, entry });
    return { result: 'ok', ...where };
  }

  /** Ask, and name the vnode that answered first. */
  async #first(
    key: string,
    command: Command,
    n?: number,
  ): Promise<{ readonly reply: Reply; readonly where: Whereabouts }> {
    const answers = await ask<Command, Reply>(this.#node, kv, { key, command, ...(n && { n }) });
    const [first] = answers.map((answer) => this.#heard(answer));
    if (first === undefined) throw new Error('broken invariant: nobody answered');
    const { reply, ...where } = first;
    return { reply, where };
  }

  /** The clock follows what it sees, so that what is written next is later. */
  #heard(answer: Answer<Reply>): Answer<Reply> {
    const stamp = answer.reply.entry?.stamp;
    if (stamp !== undefined) this.#clock.observe(Buffer.from(stamp, 'hex'), 0);
    return answer;
  }

  #stamp(): string {
    const stamp = new Uint8Array(STAMP_BYTES);
    this.#clock.write(stamp, 0);
    return stampHex(stamp);
  }
}

function isLater(other: Entry | undefined, held: Entry | undefined): boolean {
  if (other === undefined) return false;
  return held === undefined || (other !== held && laterOf(held, other) === other);
}
