/**
 * A port to replicas that say what the test says, on a real request table. Owners are drawn by node, `abcaabca`; this
 * node is a, and what is sent to it is answered at once when `here` is set, as a vnode in memory does.
 */
import {
  birthDocument,
  countedList,
  HybridClock,
  preferenceList,
  primariesOf,
  RequestTable,
  type BucketProperties,
  type CountedList,
  type Epoch,
  type Member,
  type NodeId,
  type PartitionId,
  type Refusal,
  type Replica,
  type ReplicaRequest,
  type RequestId,
  type RingDocument,
  type ServicePort,
} from '@rkv/core';
import { ManualHost } from '../../../core/test/manual-host.ts';
import { ValuesUnderWay, type Coordinator, type KvCommand, type KvReply } from '../../src/kv/index.ts';
import { describeEntry } from './entries.ts';

export interface Sent {
  readonly id: RequestId;
  readonly at: number;
  readonly replica: Replica;
  readonly command: KvCommand;
}

const self = 'a' as NodeId;

export class ManualPort implements ServicePort<KvCommand, KvReply> {
  readonly self = self;
  readonly host: ManualHost;
  readonly table: RequestTable;
  readonly sent: Sent[] = [];
  readonly down = new Set<string>();
  /** No more requests may be begun. */
  full = false;
  here: ((command: KvCommand, replica: Replica) => KvReply | Refusal | undefined) | undefined;
  /** Connections that take nothing. */
  readonly unreachable = new Set<string>();
  #document: RingDocument;
  #told = 0;

  constructor(owners: string, n = 3, host = new ManualHost()) {
    this.host = host;
    this.table = new RequestTable(host);
    const member: Member = { id: self, name: 'a', address: 'a:1', location: '', status: 'valid' };
    const birth = birthDocument({
      clusterId: 'c',
      ringSize: owners.length,
      self: member,
      n,
      level: 'eventual',
    });
    const members = [...new Set(['a', ...owners])].map((id) => ({
      ...member,
      id: id as NodeId,
      name: `node ${id}`,
    }));
    this.#document = { ...birth, members, owners: [...owners] as NodeId[] };
  }

  get document(): RingDocument {
    return this.#document;
  }
  get epoch(): Epoch {
    return this.#document.epoch;
  }

  /** A newer ring. */
  adopt(owners: string): void {
    this.#document = { ...this.#document, epoch: (this.epoch + 1) as Epoch, owners: [...owners] as NodeId[] };
    this.table.ringChanged();
  }

  /** Beside the default one; a ring of its own, as each change of them is. */
  setBuckets(...buckets: readonly BucketProperties[]): void {
    const byDefault = this.#document.buckets.filter(({ prefix }) => prefix === '');
    this.#document = {
      ...this.#document,
      epoch: (this.epoch + 1) as Epoch,
      buckets: [...byDefault, ...buckets],
    };
    this.table.ringChanged();
  }

  list(first: PartitionId, n: number): CountedList {
    const { owners } = this.#document;
    const replicas = preferenceList(first, n, owners, (node) => !this.down.has(node));
    const distinct = new Set(primariesOf(first, n, owners).map(({ node }) => node)).size;
    return countedList(replicas, n, distinct, self);
  }
  open(request: ReplicaRequest<KvReply>): RequestId {
    return this.table.add(request as ReplicaRequest<never>);
  }
  close(id: RequestId): void {
    this.table.remove(id);
  }
  alarm(id: RequestId, delayMs: number): void {
    this.table.alarm(id, delayMs);
  }
  send(id: RequestId, at: number, replica: Replica, command: KvCommand): void {
    // Commands are borrowed: their request may ask somebody else for something else with the same object.
    const sent = { id, at, replica, command: { ...command } };
    this.table.expect(id, at, replica.node);
    this.sent.push(sent);
    if (this.unreachable.has(replica.node)) this.#take(sent)?.onFailed(at, false);
    const answer = replica.node === self ? this.here?.(command, replica) : undefined;
    if (typeof answer === 'string') this.#take(sent)?.onRefused(at, answer);
    else if (answer !== undefined) this.#take(sent)?.onReply(at, answer, false);
  }

  /** The newest of what was sent to this node and waits for its answer. */
  to(node: string): Sent {
    const sent = this.sent.findLast(({ replica }) => replica.node === node);
    if (sent === undefined) throw new Error(`nothing was sent to ${node}`);
    return sent;
  }

  reply(node: string | Sent, reply: KvReply, standIn = false): void {
    const sent = typeof node === 'string' ? this.to(node) : node;
    this.#take(sent)?.onReply(sent.at, reply, standIn);
  }
  refuse(node: string | Sent, why: Refusal): void {
    const sent = typeof node === 'string' ? this.to(node) : node;
    this.#take(sent)?.onRefused(sent.at, why);
  }
  keep(node: string | Sent): void {
    const sent = typeof node === 'string' ? this.to(node) : node;
    this.#take(sent)?.onKept?.(sent.at);
  }
  fail(node: string | Sent, wasSent = true, crowded = false): void {
    const sent = typeof node === 'string' ? this.to(node) : node;
    this.#take(sent)?.onFailed(sent.at, wasSent, crowded);
  }

  /** `get k from b`, `state of k from b`, `merge k 7:v at b`; what was told before is not told again. */
  news(): string[] {
    const news = this.sent.slice(this.#told).map(describe);
    this.#told = this.sent.length;
    return news;
  }

  #take({ id, at, replica }: Sent): ReplicaRequest<KvReply> | undefined {
    return this.table.take(id, at, replica.node) as ReplicaRequest<KvReply> | undefined;
  }
}

function describe({ command, replica }: Sent): string {
  const node = `${replica.node}${replica.role === 'fallback' ? '!' : ''}`;
  switch (command.kind) {
    case 'merge':
      return `merge ${command.key} ${describeEntry(command.entry)} at ${node}`;
    case 'get':
      return `${command.whole ? 'get' : 'state of'} ${command.key} from ${node}`;
    default:
      return `${command.kind} from ${node}`;
  }
}

/** A coordinator on this port. Its clock stamps with the port's wall clock, in milliseconds. */
export function coordinatorOn(
  port: ManualPort,
  defaults: Partial<Coordinator['defaults']> = {},
): Coordinator {
  const { host } = port;
  host.wallOffset = 1_000;
  const clock = new HybridClock({ now: () => host.now(), random: () => 0, driftLimitMs: 60_000 });
  return {
    host,
    clock,
    clusterTime: () => host.now(),
    port,
    defaults: { timeoutMs: 1_000, valueBytesMax: 1_000, ...defaults },
    values: new ValuesUnderWay(),
  };
}
