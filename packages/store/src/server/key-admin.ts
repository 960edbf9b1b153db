/**
 * Single keys, for an operator and for HTTP: what the store answers to sinks comes as a promise here, and its failures as errors.
 *
 * With `where` one vnode is asked, the first that answers, and the reply says which: no quorum, and no level.
 */
import { AdminError } from '../admin/admin-error.ts';
import type { Admin, KvOptions, PingView, Whereabouts } from '../admin/api.ts';
import type { Failure, KvStore, PingReply, Service, ServiceReply } from '../kv/index.ts';

export class KeyAdmin implements Pick<Admin, 'ping' | 'get' | 'put' | 'delete'> {
  readonly #kv: KvStore;
  readonly #service: Service;

  constructor(kv: KvStore, service: Service) {
    this.#kv = kv;
    this.#service = service;
  }

  async ping(n: number): Promise<PingView> {
    const reply = await this.#service.ping(n);
    if (reply.result !== 'pong') throw serviceError(reply as ServiceReply);
    return { result: reply.result, n: (reply as PingReply).n, ...whereabouts(reply) };
  }

  async get(
    key: string,
    options: KvOptions,
  ): Promise<{ found: boolean; value?: Uint8Array; where?: Whereabouts }> {
    if (options.where === true) {
      const reply = await this.#service.get(key);
      const { result } = reply;
      if (typeof result === 'object' && 'ok' in result)
        return { found: true, value: result.ok, where: whereabouts(reply) };
      if (typeof result === 'object' && result.error === 'not_found')
        return { found: false, where: whereabouts(reply) };
      throw serviceError(reply);
    }
    return new Promise((resolve, reject) => {
      this.#kv.get(key, options, {
        onValue: (bytes, start, end) => resolve({ found: true, value: bytes.slice(start, end) }),
        onMissing: () => resolve({ found: false }),
        onFailure: (failure) => reject(failureError(failure)),
      });
    });
  }

  async put(key: string, value: Uint8Array, options: KvOptions): Promise<{ where?: Whereabouts }> {
    if (options.where === true) return { where: whereabouts(okOrThrow(await this.#service.put(key, value))) };
    await this.#room();
    return new Promise((resolve, reject) => {
      this.#kv.put(key, value, options, {
        onWritten: () => resolve({}),
        onFailure: (failure) => reject(failureError(failure)),
      });
    });
  }

  /** Until another write may begin. */
  #room(): Promise<void> {
    return new Promise((done) => {
      const look = (): void => {
        if (!this.#kv.awaitsRoom(look)) done();
      };
      look();
    });
  }

  async delete(key: string, options: KvOptions): Promise<{ existed?: boolean; where?: Whereabouts }> {
    if (options.where === true) return { where: whereabouts(okOrThrow(await this.#service.delete(key))) };
    return new Promise((resolve, reject) => {
      this.#kv.delete(key, options, {
        onWritten: (existed) => resolve({ existed }),
        onFailure: (failure) => reject(failureError(failure)),
      });
    });
  }
}

function whereabouts(reply: { node: string; partition: number; index: bigint }): Whereabouts {
  return { node: reply.node, partition: reply.partition, index: reply.index.toString() };
}

function okOrThrow(reply: ServiceReply): ServiceReply {
  if (reply.result !== 'ok') throw serviceError(reply);
  return reply;
}

/** What a vnode that was asked alone may say, beside nothing. */
const SENTENCES: Readonly<Record<string, string>> = {
  strict_key: 'a strict key is no affair of one vnode: ask without `where`',
  too_large: 'the key or the value is too large',
  overload: 'queues on the way are full, try again later',
  read_only: 'its store takes no writes now',
  stopping: 'this node is stopping',
};

function serviceError({ result, partition }: ServiceReply): AdminError {
  const code = typeof result === 'object' && 'error' in result ? result.error : 'unreachable';
  return new AdminError(code, SENTENCES[code] ?? `no vnode of partition ${partition} answered`);
}

function failureError(failure: Failure): AdminError {
  const { code, message, definite, needed, got, from } = failure;
  return new AdminError(code, message, { definite, needed, got, from });
}
