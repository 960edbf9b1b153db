/**
 * A node inside your own program: `const rkv = await open()`.
 *
 * The same node as `rkv start` runs, with promises in front. Without a data directory it lives in memory and is gone
 * with the process; with one it is on disk, and may be a member of a cluster like any other.
 */
import type { Logger, PresetName } from '@rkv/core';
import { silentLogger } from '@rkv/core';
import type { Admin } from '../admin/index.ts';
import { parseAddress, type Address } from '../config/index.ts';
import type { Change, ChangeAnswer, Condition } from '../entry/index.ts';
import type { Failure, FailureCode, PingReply, RequestOptions, Service, ServiceReply } from '../kv/index.ts';
import { startServer, type Ports, type RunningServer } from './server.ts';

/** What a node in a program is started with; everything has a default. */
export interface OpenOptions {
  /** What people call this node. Default `embedded`. */
  readonly name?: string;
  /** Where everything of this node lies; left out: in memory only. */
  readonly dataDir?: string;
  /** Default `lmdb` with a data directory, `memory` without. */
  readonly storage?: 'memory' | 'lmdb';
  /** What an acknowledged write survives: a killed process (default), or a power cut. */
  readonly durability?: 'process' | 'power';
  /** Where other nodes reach this one. Default 127.0.0.1, any free port. */
  readonly cluster?: string;
  /** Doors for Redis clients and for operators; default `off`. Port 0: any that is free. */
  readonly redis?: string;
  readonly http?: string;
  /** Of a ring born here: partitions (default 64) and replicas per key (default 3). */
  readonly ringSize?: number;
  readonly n?: number;
  /** Of its default bucket; default `eventual`. */
  readonly level?: 'eventual' | 'strict';
  readonly location?: string;
  /** How far apart the nodes are: how soon a silent one is suspected. Default `local`. */
  readonly preset?: PresetName;
  readonly logger?: Logger;
}

/** A request that did not succeed. `definite`: true only if a write surely did not happen. */
export class KvError extends Error {
  readonly code: FailureCode;
  readonly definite: boolean;
  readonly needed: number;
  readonly got: number;
  /** Names of the nodes that did answer. */
  readonly from: readonly string[];

  constructor({ code, message, definite, needed, got, from }: Failure) {
    super(message);
    this.name = 'KvError';
    this.code = code;
    this.definite = definite;
    this.needed = needed;
    this.got = got;
    this.from = from;
  }
}

/** Where a page of keys begins, and how long it is. */
export interface ScanOptions {
  /** The cursor of the page before; left out: from the beginning. */
  readonly from?: bigint;
  /** About so many keys make a page. */
  readonly count?: number;
}

/** Some keys in hash order, and where to go on. */
export interface KeyPage {
  readonly keys: readonly Uint8Array[];
  /** 0n: this was the last. */
  readonly cursor: bigint;
}

const PAGE_KEYS = 256;

/** Text is taken as UTF-8. */
export type Bytes = string | Uint8Array;

/** The store's external API: no partitions, no nodes; every call goes to a quorum. Rejects with `KvError`. */
export class Rkv {
  readonly #server: RunningServer;

  constructor(server: RunningServer) {
    this.#server = server;
  }

  /** Commands that show which vnode answered: the tutorial's service, for looking at the ring from inside. */
  get service(): Service {
    return this.#server.service;
  }

  /** What an operator may ask and change: ring, members, plan, transfers, buckets. */
  get admin(): Admin {
    return this.#server.admin;
  }

  /** Where the doors are, also those that were to be on any free port. */
  get ports(): Ports {
    return this.#server.ports;
  }

  /** Ask a vnode, another one for each n, whether it is there; it answers n + 1. */
  ping(n = 1): Promise<PingReply | ServiceReply> {
    return this.#server.service.ping(n);
  }

  /** The value as bytes of your own; undefined when there is none. */
  get(key: Bytes, options?: RequestOptions): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#server.kv.get(latin1Key(key), options, {
        onValue: (bytes, start, end) => resolve(bytes.slice(start, end)),
        onMissing: () => resolve(undefined),
        onFailure: (failure) => reject(new KvError(failure)),
      });
    });
  }

  /** Resolves when w replicas have it, at their durability. Until then others may read it or not. */
  put(key: Bytes, value: Bytes, options?: RequestOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.kv.put(latin1Key(key), bytesOf(value), options, {
        onWritten: () => resolve(),
        onFailure: (failure) => reject(new KvError(failure)),
      });
    });
  }

  /** Whether a value was there. */
  delete(key: Bytes, options?: RequestOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#server.kv.delete(latin1Key(key), options, {
        onWritten: resolve,
        onFailure: (failure) => reject(new KvError(failure)),
      });
    });
  }

  /** Read-modify-write, run at one node of the key: set if, compare and set, increment, append, expire. */
  change(key: Bytes, change: Change, options?: RequestOptions): Promise<ChangeAnswer> {
    return new Promise((resolve, reject) => {
      this.#server.kv.change(latin1Key(key), change, options, {
        onChanged: (answer) => resolve({ ...answer, value: answer.value?.slice() }),
        onFailure: (failure) => reject(new KvError(failure)),
      });
    });
  }

  /** Add to a number, which is 0 when nothing is there; the number after it. */
  async increment(key: Bytes, by: bigint | number = 1n, options?: RequestOptions): Promise<bigint> {
    const { problem, value } = await this.change(key, { kind: 'increment', by: BigInt(by) }, options);
    if (problem !== undefined || value === undefined)
      throw new RangeError(
        problem === 'out_of_range'
          ? 'the sum needs more than 64 bits'
          : 'the value is not an integer of 64 bits',
      );
    return BigInt(Buffer.from(value).toString('latin1'));
  }

  /** Put `value` in the place of `from`, or of nothing where that is undefined. Whether it was there. */
  async compareAndSet(
    key: Bytes,
    from: Bytes | undefined,
    value: Bytes,
    options?: RequestOptions,
  ): Promise<boolean> {
    const when: Condition =
      from === undefined ? { kind: 'absent' } : { kind: 'equals', value: bytesOf(from) };
    const change: Change = { kind: 'set', value: bytesOf(value), when, until: 'keep', returns: false };
    return (await this.change(key, change, options)).applied;
  }

  /** All keys of the cluster, in hash order. The next page is asked for when this one was taken: memory holds one. */
  async *keys(): AsyncGenerator<Uint8Array> {
    for await (const { keys } of this.pages()) yield* keys;
  }

  /**
   * The same by pages of about `count` keys, each with the cursor that goes on behind it: now or later, at this node or any other,
   * whatever the ring does meanwhile. A page may be empty. A key present throughout is in one page.
   */
  async *pages({ from = 0n, count = PAGE_KEYS }: ScanOptions = {}): AsyncGenerator<KeyPage> {
    let cursor = from;
    do {
      const page = await this.#page(cursor, count);
      yield page;
      cursor = page.cursor;
    } while (cursor !== 0n);
  }

  /** How many keys the cluster holds. */
  count(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.kv.count({ onCount: resolve, onFailure: (failure) => reject(new KvError(failure)) });
    });
  }

  /** Delete every key that is there now, on every replica. What is written meanwhile may stay or go. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.kv.flush({ onFlushed: resolve, onFailure: (failure) => reject(new KvError(failure)) });
    });
  }

  /** Finish what is under way, flush and close. */
  close(): Promise<void> {
    return this.#server.stop();
  }

  /** `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #page(cursor: bigint, count: number): Promise<KeyPage> {
    return new Promise((resolve, reject) => {
      this.#server.kv.scan(cursor, count, {
        onPage: (keys, next) =>
          resolve({ keys: keys.map((key) => Buffer.from(key, 'latin1')), cursor: next }),
        onFailure: (failure) => reject(new KvError(failure)),
      });
    });
  }
}

/** Resolves when the node serves. Rejects when its data directory is in use, a port is taken, or an address is none. */
export async function open(options: OpenOptions = {}): Promise<Rkv> {
  const { dataDir } = options;
  const server = await startServer(
    {
      name: options.name ?? 'embedded',
      dataDir,
      cluster: addressOf(options.cluster ?? '127.0.0.1:0'),
      redis: doorOf(options.redis),
      http: doorOf(options.http),
      storage: options.storage ?? (dataDir === undefined ? 'memory' : 'lmdb'),
      durability: options.durability ?? 'process',
      ringSize: options.ringSize ?? 64,
      n: options.n ?? 3,
      level: options.level ?? 'eventual',
      location: options.location ?? '',
      preset: options.preset ?? 'local',
      secrets: [],
    },
    { logger: options.logger ?? silentLogger },
  );
  return new Rkv(server);
}

/** A copy: a change is done later, and what the caller has may be written into again by then. */
function bytesOf(value: Bytes): Uint8Array {
  return new Uint8Array(typeof value === 'string' ? Buffer.from(value) : value);
}

function latin1Key(key: Bytes): string {
  return Buffer.from(key as string).toString('latin1');
}

function doorOf(text: string | undefined): Address | 'off' {
  return text === undefined || text === 'off' ? 'off' : addressOf(text);
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined)
    throw new TypeError(`an address looks like 127.0.0.1:8099, not ${JSON.stringify(text)}`);
  return address;
}
