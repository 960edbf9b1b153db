/**
 * A flush of the whole cluster: every key that was there when it began is gone, on every replica, and stays so.
 *
 *   clock    every member tells its clock, or its bar if that is higher; the flush is stamped above all of them, and so above
 *            all that was written before (also above one that is so far ahead that no other follows it, up to a day)
 *   run      every member deletes what its vnodes hold below that stamp (flush-desk.ts), asked again and again until all are done
 *   spread   where a copy's owner is away, the tombstones of that range are written once more as writes are: to all replicas and
 *            stand-ins, at quorum, so that a replica that did not hold a key knows of it too, and whoever is away is left hints
 *   strict   strict keys are deleted one by one, as their level demands
 *   end      what members get to see from now on is not of the flush any more
 *
 * It is answered when each range's replicas have done it as they would have to answer a write. Nothing is asked of a key, and nothing
 * grows with their number but the time: members work in pages.
 *
 * Promised: what was acknowledged before it began is dead once it is answered; what is written after that lives. What is
 * written meanwhile may be either. Not promised: all at one moment; what only a fallback holds that is away itself (a sloppy quorum:
 * docs/limits.md).
 *
 * Source: ours. Deleting key by key from one place asks three nodes for each key, and a copy that none of the answers
 * named stays.
 */
import {
  bucketsOf,
  compareStamps,
  QuorumCount,
  quorumOf,
  STAMP_BYTES,
  stampMs,
  votersOf,
  ZERO_STAMP,
  type CountedList,
  type NodeId,
  type PartitionId,
  type Refusal,
  type Replica,
  type ReplicaRequest,
  type Timer,
} from '@rkv/core';
import type { Failure, FlushSink } from './api.ts';
import type { KvReply } from './commands.ts';
import { majorityOf, type Coordinator } from './coordinator.ts';
import { LEASE_MS } from './flush-desk.ts';
import type { FlushCommand, FlushedReply } from './flush-wire.ts';
import { spreadTombstones } from './flush-spread.ts';
import { codeOf } from './refusals.ts';

/** A member that says nothing for so long is asked again; it answers within half a second. */
const ANSWER_MS = 3_000;
/** Between two rounds, when somebody has to be asked again. */
const PAUSE_MS = 100;
/** How often the clocks are asked for while somebody does not answer. */
const CLOCK_TRIES = 3;
/** A member that failed so often in a row is away. */
const MISSES_MAX = 5;
/** What the flush must be stamped above lies so far ahead at most; ms. */
const FOLLOWED_MS_MAX = 86_400_000;
/** With one renewal lost and the next one late the lease still holds. */
const RENEWALS_PER_LEASE = 4;
/** Nobody has come any further for so long. */
const STALLED_MS = 30_000;

export interface FlushParts {
  readonly coordinator: Coordinator;
  /** Delete the strict keys. */
  deleteStrict(done: (failure: Failure | undefined) => void): void;
}

/** What the members said in one round. */
interface Round {
  readonly told: Map<NodeId, FlushedReply>;
  readonly failed: Set<NodeId>;
  refusal: Refusal | undefined;
}

export class FlushRequest {
  readonly #parts: FlushParts;
  readonly #sink: FlushSink;
  readonly #misses = new Map<NodeId, number>();
  #stamp: Uint8Array = ZERO_STAMP;
  /** Members that have said that they go on with it, or are done. */
  readonly #heard = new Set<NodeId>();
  #records = 0;
  #movedMs = 0;
  /** When members were last asked to go on with it. */
  #ranMs = 0;
  /** Until it ends members are asked before they would give it up. */
  #renewal: Timer | undefined;

  constructor(parts: FlushParts, sink: FlushSink) {
    this.#parts = parts;
    this.#sink = sink;
  }

  begin(): void {
    this.#askClocks(1);
  }

  #askClocks(tries: number): void {
    this.#ask('clock', (round) => {
      const { clock, host } = this.#parts.coordinator;
      // A ring that is changing just now, mostly. Who is up and was not heard may have stamped above all others.
      if (round.failed.size > 0 && tries < CLOCK_TRIES)
        return void host.setTimer(PAUSE_MS, () => this.#askClocks(tries + 1));
      const lack = this.#lackOf(new Set(round.told.keys()));
      if (lack !== undefined) return this.#fail({ ...lack, code: codeOf(round.refusal), definite: true });
      this.#stamp = new Uint8Array(STAMP_BYTES);
      clock.write(this.#stamp, 0, { bytes: this.#latestOf(round), at: 0 });
      this.#movedMs = host.monotonic();
      this.#run();
    });
  }

  /** Of the clocks that were told. What one stamps that is out of all bounds is dealt with where it lies (vnode-flush.ts). */
  #latestOf({ told }: Round): Uint8Array {
    const farthest = this.#parts.coordinator.clock.reading + FOLLOWED_MS_MAX;
    return [...told.values()]
      .map((reply) => reply.clock)
      .filter((clock) => stampMs(clock) <= farthest)
      .reduce((latest, clock) => (compareStamps(clock, 0, latest, 0) > 0 ? clock : latest), ZERO_STAMP);
  }

  #run(): void {
    const { host } = this.#parts.coordinator;
    this.#ranMs = host.monotonic();
    this.#ask('run', (round) => {
      this.#note(round);
      const isGoing = [...round.told.values()].some(({ state }) => state === 'running' || state === 'idle');
      const isHopeful = [...round.failed].some((node) => (this.#misses.get(node) as number) < MISSES_MAX);
      if (!isGoing && !isHopeful) return this.#judge(round);
      if (host.monotonic() - this.#movedMs > STALLED_MS) return this.#stall(round);
      // Whoever is going on has taken its time to say so.
      host.setTimer(isHopeful ? PAUSE_MS : 1, () => this.#run());
    });
  }

  /** Who is away, and whether anybody has come any further. */
  #note(round: Round): void {
    let records = 0;
    for (const [node, reply] of round.told) {
      records += reply.records;
      this.#heard.add(node);
      if (reply.state === 'failed') round.failed.add(node);
      else this.#misses.delete(node);
    }
    for (const node of round.failed) this.#misses.set(node, (this.#misses.get(node) ?? 0) + 1);
    if (records === this.#records) return;
    this.#records = records;
    this.#movedMs = this.#parts.coordinator.host.monotonic();
  }

  #stall(round: Round): void {
    const { size } = doneOf(round);
    const lack = this.#lackOf(doneOf(round)) ?? { needed: size + 1, got: size };
    this.#fail({ ...lack, code: 'timeout', definite: false });
  }

  /** All members that can be reached are done. */
  #judge(round: Round): void {
    const { coordinator, deleteStrict } = this.#parts;
    const done = doneOf(round);
    const lack = this.#lackOf(done);
    if (lack !== undefined) return this.#fail({ ...lack, code: codeOf(round.refusal), definite: false });
    const fail = (failure: Failure): void => this.#end(() => this.#sink.onFailure(failure));
    const ranges = this.#rangesLacking(done);
    this.#renewLater();
    spreadTombstones(coordinator, this.#stamp, ranges, (failure) => {
      if (failure !== undefined) return fail(failure);
      const isStrict = coordinator.port.document.buckets.some(({ level }) => level === 'strict');
      if (!isStrict) return this.#end(() => this.#sink.onFlushed());
      deleteStrict((why) => {
        if (why !== undefined) return fail(why);
        this.#end(() => this.#sink.onFlushed());
      });
    });
  }

  /** What is left to do may take longer than their lease, and members are to go by the flush until it ends. */
  #renewLater(): void {
    const { host } = this.#parts.coordinator;
    this.#renewal = host.setTimer(LEASE_MS / RENEWALS_PER_LEASE, () => {
      this.#ranMs = host.monotonic();
      this.#ask('run', ({ told }) => {
        for (const node of told.keys()) this.#heard.add(node);
      });
      this.#renewLater();
    });
  }

  /** Nobody is answered before no member goes on with it any more: those that do not say so give it up by themselves. */
  #end(done: () => void): void {
    const { host } = this.#parts.coordinator;
    this.#renewal?.cancel();
    this.#ask('end', ({ failed }) => {
      const isLeft = [...failed].some((node) => this.#heard.has(node));
      if (!isLeft || host.monotonic() - this.#ranMs > LEASE_MS) done();
      else host.setTimer(PAUSE_MS, () => this.#end(done));
    });
  }

  /** Needed and got of a range that too few of these nodes hold; undefined: of each range enough do. */
  #lackOf(nodes: ReadonlySet<NodeId>): { needed: number; got: number } | undefined {
    const { port, defaults } = this.#parts.coordinator;
    const { document } = port;
    for (const n of bucketsOf(document).numbers) {
      const needed = Math.min(defaults.w ?? majorityOf(n), n);
      for (let range = 0; range < document.ringSize; range++) {
        const count = countOf(port.list(range as PartitionId, n), needed, nodes);
        if (!count.met && !count.metByPrimaries) return { needed, got: count.got };
      }
    }
    return undefined;
  }

  /** Ranges of which not all primaries lie on these nodes. */
  #rangesLacking(nodes: ReadonlySet<NodeId>): PartitionId[] {
    const { port } = this.#parts.coordinator;
    const { document } = port;
    const n = Math.max(...bucketsOf(document).numbers);
    const ranges = Array.from({ length: document.ringSize }, (_, range) => range as PartitionId);
    return ranges.filter((range) =>
      port.list(range, n).replicas.some(({ role, node }) => role !== 'primary' || !nodes.has(node)),
    );
  }

  /** Every member, at the same time. */
  #ask(phase: FlushCommand['phase'], done: (round: Round) => void): void {
    const { port, host } = this.#parts.coordinator;
    const members = votersOf(port.document);
    const round: Round = { told: new Map(), failed: new Set(), refusal: undefined };
    let open = members.length;
    const settle = (): void => {
      // On a lone node all answers come within the call.
      if (--open === 0) host.defer(() => done(round));
    };
    for (const { id } of members) {
      new MemberAsk(this.#parts.coordinator, id, { kind: 'flush', phase, stamp: this.#stamp }, (answer) => {
        if (typeof answer === 'object') round.told.set(id, answer);
        else {
          round.failed.add(id);
          if (answer !== 'silent') round.refusal = answer;
        }
        settle();
      }).begin();
    }
  }

  #fail({ needed, got, code, definite }: Pick<Failure, 'needed' | 'got' | 'code' | 'definite'>): void {
    const heard = `${got} ${definite ? 'can be reached' : 'have done it'}`;
    const left = definite ? 'nothing was deleted' : 'some keys may be deleted and others not';
    const message = `a flush needs ${needed} replicas of each range, of one ${heard}; ${left}`;
    const failure: Failure = { code, message, needed, got, from: [], definite };
    if (definite) this.#sink.onFailure(failure);
    else this.#end(() => this.#sink.onFailure(failure));
  }
}

/** One member, asked through a vnode of it. */
class MemberAsk implements ReplicaRequest<KvReply> {
  readonly #coordinator: Coordinator;
  readonly #node: NodeId;
  readonly #command: FlushCommand;
  readonly #done: (answer: FlushedReply | Refusal | 'silent') => void;
  #id = 0;

  constructor(
    coordinator: Coordinator,
    node: NodeId,
    command: FlushCommand,
    done: (answer: FlushedReply | Refusal | 'silent') => void,
  ) {
    this.#coordinator = coordinator;
    this.#node = node;
    this.#command = command;
    this.#done = done;
  }

  begin(): void {
    const { port } = this.#coordinator;
    if (port.full) return this.#done('overload');
    this.#id = port.open(this);
    port.alarm(this.#id, ANSWER_MS);
    port.send(this.#id, 0, this.#replica(), this.#command, ANSWER_MS);
  }

  /** A partition of its own, or else any, as a stand-in. */
  #replica(): Replica {
    const { ringSize, owners } = this.#coordinator.port.document;
    const own = owners.indexOf(this.#node);
    const partition = Math.max(0, own) as PartitionId;
    return { partition, ringSize, node: this.#node, role: own < 0 ? 'fallback' : 'primary' };
  }

  onReply(_at: number, reply: KvReply): void {
    this.#end(reply.kind === 'flushed' ? reply : 'silent');
  }

  onRefused(_at: number, why: Refusal): void {
    this.#end(why);
  }

  onFailed(): void {
    this.#end('silent');
  }

  onAlarm(): void {
    this.#end('silent');
  }

  onRingChanged(): void {}

  #end(answer: FlushedReply | Refusal | 'silent'): void {
    this.#coordinator.port.close(this.#id);
    this.#done(answer);
  }
}

function countOf(list: CountedList, needed: number, nodes: ReadonlySet<NodeId>): QuorumCount {
  const count = new QuorumCount();
  count.begin(list, quorumOf(list, needed));
  count.asked = (1 << list.replicas.length) - 1;
  list.replicas.forEach(({ role, node }, at) => {
    if (role === 'primary' && nodes.has(node)) count.answered(at, true);
    else count.failed(at);
  });
  return count;
}

function doneOf({ told }: Round): Set<NodeId> {
  return new Set([...told].filter(([, { state }]) => state === 'done').map(([node]) => node));
}
