/**
 * The tutorial's service: commands that name the vnode which answered, and quorum commands that show every answer.
 *
 * For learning, tests and looking at a ring from inside; the store's own API hides partitions (kv-store.ts).
 * `put` and `delete` are coordinated writes with w=1 that name the replica that answered first, while the rest follows;
 * `get` asks one vnode. The quorum commands take n literally: the first n of the preference list.
 *
 * Source: the rkv tutorial, chapters 5 and 7. Unlike there, a write goes to all replicas, errors and overloads never
 * count as answers, and too few live replicas are said at once.
 */
import {
  memberName,
  collect,
  quorumOf,
  ringIndexOf,
  type CollectedAnswer,
  type CollectPlan,
  type NodeId,
  type PartitionId,
  type Replica,
  type RingIndex,
} from '@rkv/core';
import { encodeString, encodeTombstone } from '../entry/codec.ts';
import { stampOfMoment } from '../entry/expiry.ts';
import { isLive, payloadStart } from '../entry/layout.ts';
import type { FailureCode, RequestOptions } from './api.ts';
import type { KvCommand, KvReply } from './commands.ts';
import { bucketOfKey, firstPartition, placeKey, type Coordinator, type PlacedKey } from './coordinator.ts';
import { roomFailure, sizeFailure } from './failure.ts';
import { codeOf } from './refusals.ts';
import { WriteRequest, type WriteWatcher } from './write-request.ts';

/** What one vnode said: done, a value, or a code. */
export type ServiceResult =
  'ok' | { readonly ok: Uint8Array } | { readonly error: 'not_found' | 'strict_key' | FailureCode };

/** An answer of the tutorial's service: what came of it, and who answered. */
export interface ServiceReply {
  readonly result: ServiceResult;
  /** Name of the node that answered; this one when nobody did. */
  readonly node: string;
  readonly partition: PartitionId;
  readonly index: RingIndex;
}

/** The answer to a ping, and who gave it. */
export interface PingReply {
  readonly result: 'pong';
  readonly n: number;
  readonly node: string;
  readonly partition: PartitionId;
  readonly index: RingIndex;
}

/** The answers that a quorum command collected. */
export interface QuorumReply {
  /** finished: w answers came. timeout: they did not in time. unreachable: they cannot. */
  readonly reason: 'finished' | 'timeout' | 'unreachable';
  /** Newest first. */
  readonly result: readonly ServiceReply[];
}

const NOTHING = new Uint8Array(0);

type StartWrite = (request: WriteRequest, options: RequestOptions, sink: WriteWatcher) => void;

export class Service {
  readonly #coordinator: Coordinator;

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  /** Ask the first vnode of a key made of n; it answers n + 1. */
  ping(n = 1): Promise<PingReply | ServiceReply> {
    const placed = placeKey(`ping${n}`);
    return this.#one(placed, { kind: 'ping', n }, (replica) => ({
      result: 'pong' as const,
      n: n + 1,
      ...this.#where(replica),
    }));
  }

  /** What the first live vnode of the key holds. It may have missed the last write. */
  get(key: string): Promise<ServiceReply> {
    const refused = this.#refusal(key);
    if (refused !== undefined) return Promise.resolve(refused);
    const placed = placeKey(key);
    return this.#one(placed, getCommand(placed), (replica, reply) => ({
      result: this.#resultOf(reply),
      ...this.#where(replica),
    }));
  }

  /** A write with w=1: answered when the first replica has it, with the name of that node. The others follow. */
  put(key: string, value: Uint8Array): Promise<ServiceReply> {
    const refused = this.#refusal(key, value);
    if (refused !== undefined) return Promise.resolve(refused);
    return this.#write(key, (request, options, sink) => request.put(key, value, options, sink));
  }

  /** A tombstone, written as `put` writes. */
  delete(key: string): Promise<ServiceReply> {
    const refused = this.#refusal(key);
    if (refused !== undefined) return Promise.resolve(refused);
    return this.#write(key, (request, options, sink) => request.delete(key, options, sink));
  }

  /** Written to the first n live replicas, answered when w of them have it; with all answers that came by then. */
  putQuorum(key: string, value: Uint8Array, n: number, w: number, timeoutMs: number): Promise<QuorumReply> {
    const refused = this.#refusal(key, value);
    if (refused !== undefined) return Promise.resolve({ reason: 'unreachable', result: [refused] });
    const placed = placeKey(key);
    const command: KvCommand = { kind: 'merge', ...placed, entry: encodeString(key, this.#stamp(), value) };
    return this.#quorum(placed, command, n, w, timeoutMs);
  }

  /** Asked of the first n live replicas, answered when r of them have said what they hold, be it nothing. */
  getQuorum(key: string, n: number, r: number, timeoutMs: number): Promise<QuorumReply> {
    const refused = this.#refusal(key);
    if (refused !== undefined) return Promise.resolve({ reason: 'unreachable', result: [refused] });
    const placed = placeKey(key);
    return this.#quorum(placed, getCommand(placed), n, r, timeoutMs);
  }

  /** A tombstone, written as `putQuorum` writes. */
  deleteQuorum(key: string, n: number, w: number, timeoutMs: number): Promise<QuorumReply> {
    const refused = this.#refusal(key);
    if (refused !== undefined) return Promise.resolve({ reason: 'unreachable', result: [refused] });
    const placed = placeKey(key);
    const command: KvCommand = { kind: 'merge', ...placed, entry: encodeTombstone(key, this.#stamp()) };
    return this.#quorum(placed, command, n, w, timeoutMs);
  }

  /** Ask the first live vnode of the key. */
  #one<T>(
    placed: PlacedKey,
    command: KvCommand,
    answered: (replica: Replica, reply: KvReply) => T,
  ): Promise<T | ServiceReply> {
    const { port, defaults } = this.#coordinator;
    const plan = (): CollectPlan<KvCommand> => this.#planFor(placed, command, 1, 1);
    return new Promise((resolve) => {
      collect<KvCommand, KvReply, KvReply>(port, {
        ...plan(),
        planAnew: plan,
        timeoutMs: defaults.timeoutMs,
        keep: keepReply,
        counts: () => true,
        done: ({ reason, answers, refusal }) => {
          const answer = answers[0];
          if (reason === 'finished' && answer !== undefined)
            return resolve(answered(answer.replica, answer.answer));
          const first = firstPartition(this.#coordinator, placed);
          resolve(this.#nobody(first, reason === 'timeout' ? 'timeout' : codeOf(refusal)));
        },
      });
    });
  }

  #write(key: string, start: StartWrite): Promise<ServiceReply> {
    const placed = placeKey(key);
    const failure = roomFailure(this.#coordinator.port);
    if (failure !== undefined)
      return Promise.resolve(this.#nobody(firstPartition(this.#coordinator, placed), failure.code));
    let replica: Replica | undefined;
    return new Promise((resolve) => {
      const sink: WriteWatcher = {
        onFirst: (first) => (replica = first),
        onWritten: () => resolve({ result: 'ok', ...this.#where(replica as Replica) }),
        onFailure: ({ code }) => resolve(this.#nobody(firstPartition(this.#coordinator, placed), code)),
      };
      start(new WriteRequest(this.#coordinator), { w: 1 }, sink);
    });
  }

  #quorum(
    placed: PlacedKey,
    command: KvCommand,
    n: number,
    needed: number,
    timeoutMs: number,
  ): Promise<QuorumReply> {
    const plan = (): CollectPlan<KvCommand> => this.#planFor(placed, command, n, needed);
    return new Promise((resolve) => {
      collect<KvCommand, KvReply, KvReply>(this.#coordinator.port, {
        ...plan(),
        planAnew: plan,
        timeoutMs,
        keep: keepReply,
        counts: (reply, standIn) => !(standIn && reply.kind === 'held' && reply.entry === undefined),
        done: ({ reason, answers }) =>
          resolve({ reason, result: answers.map((answer) => this.#replyOf(answer)) }),
      });
    });
  }

  #planFor(placed: PlacedKey, command: KvCommand, n: number, needed: number): CollectPlan<KvCommand> {
    const list = this.#coordinator.port.list(firstPartition(this.#coordinator, placed), n);
    return { list, quorum: quorumOf(list, needed), command };
  }

  #replyOf({ replica, answer }: CollectedAnswer<KvReply>): ServiceReply {
    return { result: this.#resultOf(answer), ...this.#where(replica) };
  }

  #resultOf(reply: KvReply): ServiceResult {
    if (reply.kind !== 'held') return 'ok';
    const { entry } = reply;
    if (entry === undefined || !isLive(entry, this.#coordinator.clusterTime())) return { error: 'not_found' };
    return { ok: entry.subarray(payloadStart(entry)) };
  }

  /** A strict key is no affair of one vnode, nor of the first n that answer. */
  #refusal(key: string, value: Uint8Array = NOTHING): ServiceReply | undefined {
    const first = (): PartitionId => firstPartition(this.#coordinator, placeKey(key));
    if (bucketOfKey(this.#coordinator, key).level === 'strict') return this.#nobody(first(), 'strict_key');
    const failure = sizeFailure(key, value.length, this.#coordinator.defaults.valueBytesMax);
    return failure && this.#nobody(first(), failure.code);
  }

  #nobody(partition: PartitionId, error: FailureCode | 'strict_key'): ServiceReply {
    const { self, document } = this.#coordinator.port;
    return { result: { error }, ...this.#where({ partition, ringSize: document.ringSize, node: self }) };
  }

  #where({ node, partition, ringSize }: Omit<Replica, 'role'>): {
    node: string;
    partition: PartitionId;
    index: RingIndex;
  } {
    return { node: this.#nameOf(node), partition, index: ringIndexOf(partition, ringSize) };
  }

  #nameOf(id: NodeId): string {
    return memberName(this.#coordinator.port.document, id);
  }

  #stamp(): Uint8Array {
    const stamp = new Uint8Array(16);
    // Nobody is there to stamp it anew: not by a slow clock, then, or it may be below what replicas still take.
    const { clock, clusterTime } = this.#coordinator;
    clock.write(stamp, 0, { bytes: stampOfMoment(clusterTime()), at: 0 });
    return stamp;
  }
}

function getCommand(placed: PlacedKey): KvCommand {
  return { kind: 'get', ...placed, whole: true };
}

/** Replies are borrowed; what is kept of a value is a copy. */
function keepReply(reply: KvReply): KvReply {
  return reply.kind === 'held' ? { ...reply, entry: reply.entry?.slice() } : reply;
}
