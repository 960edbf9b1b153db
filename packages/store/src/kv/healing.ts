/**
 * Healing: a vnode that cannot prove it holds everything merges from all other replicas of its ranges, then is whole.
 *
 * A vnode is partial after its store was lost or may have lost an acknowledged tail (PROTOCOLS 3). It serves and takes
 * writes meanwhile; what it misses it finds by walking, range by range, through what each of the other replicas holds,
 * and fetches whatever it has not, or has in an older state. Whatever is written after the walk began comes to it anyway.
 *
 * If the others are partial as well, they are merged all the same: when everybody has been heard, what nobody holds is
 * lost, and the log says that it may be. One partition at a time, page by page; a replica that does not answer, or a ring
 * that changes in between, puts the partition off.
 */
import {
  collect,
  compareBytes,
  countedList,
  quorumOf,
  replicasMax,
  type Logger,
  type PartitionId,
  type RecordKey,
  type Replica,
} from '@rkv/core';
import type { KvCommand, KvReply, PageItem } from './commands.ts';
import { STATE_AT, STATE_END } from './commands.ts';
import type { Coordinator } from './coordinator.ts';

/** This node's vnodes, as far as healing goes. */
export interface HealingPort {
  /** Owned partitions whose vnode is partial. */
  partial(): PartitionId[];
  /** The vnode has merged from all others; from now on its "not found" counts. */
  declareWhole(partition: PartitionId): void;
}

const LOOK_EVERY_MS = 500;
/** Keys compared in one step; each step is one round trip and well under a millisecond of work. */
const PAGE_KEYS = 500;
const ANSWER_WITHIN_MS = 2_000;

type Done = (ok: boolean) => void;

export class Healer {
  readonly #coordinator: Coordinator;
  readonly #vnodes: HealingPort;
  readonly #logger: Logger;
  #stopped = false;

  constructor(coordinator: Coordinator, vnodes: HealingPort, logger: Logger) {
    this.#coordinator = coordinator;
    this.#vnodes = vnodes;
    this.#logger = logger;
  }

  start(): void {
    this.#coordinator.host.setTimer(LOOK_EVERY_MS, () => this.#look());
  }

  stop(): void {
    this.#stopped = true;
  }

  #look(): void {
    if (this.#stopped) return;
    this.#healEach(this.#vnodes.partial(), 0, 0);
  }

  #healEach(waiting: readonly PartitionId[], at: number, healed: number): void {
    const partition = waiting[at];
    if (this.#stopped) return;
    if (partition === undefined) {
      if (healed > 0)
        this.#logger.info(
          { vnodes: healed },
          'vnodes have merged from all other replicas and are whole again',
        );
      return this.start();
    }
    const { epoch } = this.#coordinator.port;
    this.#healPartition(partition, (merged) => {
      const whole = merged && this.#coordinator.port.epoch === epoch;
      if (whole) this.#vnodes.declareWhole(partition);
      // A turn for others; and where all answers come within the call, no partition's healing within another's.
      this.#coordinator.host.setTimer(1, () => this.#healEach(waiting, at + 1, healed + (whole ? 1 : 0)));
    });
  }

  #healPartition(partition: PartitionId, done: Done): void {
    const { document } = this.#coordinator.port;
    const size = document.ringSize;
    const n = Math.min(replicasMax(document), size);
    const walks: { range: PartitionId; from: Replica }[] = [];
    for (let back = 0; back < n; back++) {
      const range = ((partition - back + size) % size) as PartitionId;
      for (let i = 0; i < n; i++) {
        const other = ((range + i) % size) as PartitionId;
        if (other !== partition) walks.push({ range, from: replicaOf(document.owners, other) });
      }
    }
    const next = (at: number): void => {
      const walk = walks[at];
      if (walk === undefined) return done(true);
      this.#mergeRange(replicaOf(document.owners, partition), walk.from, walk.range, undefined, (ok) => {
        if (ok) next(at + 1);
        else done(false);
      });
    };
    next(0);
  }

  /** Walk through a range of another replica and merge what is newer there into our own. */
  #mergeRange(
    own: Replica,
    from: Replica,
    range: PartitionId,
    after: RecordKey | undefined,
    done: Done,
  ): void {
    this.#ask(from, { kind: 'page', range, after, limit: PAGE_KEYS }, (reply) => {
      if (reply?.kind !== 'page') return done(false);
      this.#mergePage(own, from, reply.items, (ok) => {
        const last = reply.items.at(-1);
        if (!ok) done(false);
        else if (!reply.more || last === undefined) done(true);
        else this.#coordinator.host.setTimer(1, () => this.#mergeRange(own, from, range, last, done));
      });
    });
  }

  #mergePage(own: Replica, from: Replica, items: readonly PageItem[], done: Done): void {
    let open = items.length + 1;
    let good = true;
    const settle: Done = (ok) => {
      good &&= ok;
      if (--open === 0) done(good);
    };
    for (const item of items) this.#mergeItem(own, from, item, settle);
    settle(true);
  }

  #mergeItem(own: Replica, from: Replica, { hashHi, hashLo, key, state }: PageItem, done: Done): void {
    const at = { hashHi, hashLo, key };
    this.#ask(own, { kind: 'get', ...at, whole: false }, (held) => {
      if (held?.kind !== 'held') return done(false);
      if (held.entry !== undefined && compareBytes(held.entry.subarray(STATE_AT, STATE_END), state) >= 0)
        return done(true);
      this.#ask(from, { kind: 'get', ...at, whole: true }, (found) => {
        if (found?.kind !== 'held') return done(false);
        // Gone meanwhile: handed off or cleared there, and merged from wherever it went.
        if (found.entry === undefined) return done(true);
        this.#ask(own, { kind: 'merge', ...at, entry: found.entry }, (merged) =>
          done(merged?.kind === 'merged'),
        );
      });
    });
  }

  /** One command to one vnode. Undefined: no answer. */
  #ask(replica: Replica, command: KvCommand, done: (reply: KvReply | undefined) => void): void {
    const { port } = this.#coordinator;
    const list = countedList([replica], 1, 1, port.self);
    collect<KvCommand, KvReply, KvReply>(port, {
      list,
      quorum: quorumOf(list, 1),
      command,
      timeoutMs: ANSWER_WITHIN_MS,
      keep: (reply) => (reply.kind === 'held' ? { ...reply, entry: reply.entry?.slice() } : reply),
      counts: () => true,
      done: ({ answers }) => done(answers[0]?.answer),
    });
  }
}

function replicaOf(owners: readonly Replica['node'][], partition: PartitionId): Replica {
  return { partition, node: owners[partition] as Replica['node'], role: 'primary' };
}
