/**
 * Which vnodes of this node are partial, and what it means when a service has made one whole again.
 *
 * A partial vnode becomes whole by merging from all other replicas of each of its ranges; the service does that and
 * declares it. If in some range all the others were partial as well, there is nobody left to say what they lack: they
 * are whole together from then on, and what none of them holds is lost. That is said in the log.
 *
 * A vnode is *in doubt* while it is partial, and when it was declared whole on the word of others in doubt.
 * Those asked a moment after they declared themselves are in doubt still, so of three that heal at once none takes
 * the others for proof. Who does not answer is taken for one in doubt: possible loss is told, never hidden.
 *
 * Source: rules 3.
 */
import type { Host } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import { bucketsOf } from '../ring/buckets.ts';
import { replicasMax, type RingDocument } from '../ring/document.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import type { VnodeManager } from '../vnode/vnode-manager.ts';
import type { QuestionOutcome } from './questions.ts';

export interface WholenessParts {
  readonly self: NodeId;
  readonly host: Host;
  readonly logger: Logger;
  readonly vnodes: VnodeManager;
  document(): RingDocument;
  /** Ask another node's `answer`. */
  ask(node: NodeId, body: unknown, done: (outcome: QuestionOutcome) => void): void;
}

/** Losses that come to light together are told together. */
const GATHER_MS = 1_000;

export class Wholeness {
  readonly #parts: WholenessParts;
  /** Declared whole, and in doubt all the same: by service and partition. */
  readonly #inDoubt = new Set<string>();
  readonly #lost = new Set<PartitionId>();

  constructor(parts: WholenessParts) {
    this.#parts = parts;
  }

  /** Owned partitions of a service whose vnode is partial. */
  partial(service: string): PartitionId[] {
    return this.#parts.vnodes.partialOwned
      .filter((host) => host.service === service)
      .map((host) => host.place.partition);
  }

  /** The vnode has merged from all other replicas. */
  declare(service: string, partition: PartitionId): void {
    const host = this.#parts.vnodes.find(service, partition);
    if (host?.standing !== 'owner' || host.whole) return;
    this.#inDoubt.add(keyOf(service, partition));
    host.become('owner', this.#parts.document().epoch, 'whole');
    this.#findDoubts(service, partition);
  }

  /** What others ask: which of these partitions are in doubt here. */
  answer(body: unknown): { readonly inDoubt: readonly PartitionId[] } {
    const { service, partitions } = (body ?? {}) as { service?: unknown; partitions?: unknown };
    if (typeof service !== 'string' || !Array.isArray(partitions)) return { inDoubt: [] };
    return { inDoubt: partitions.filter((partition) => this.#isInDoubt(service, partition as PartitionId)) };
  }

  /** Ask the owners of all other copies, then judge. */
  #findDoubts(service: string, partition: PartitionId): void {
    const { document, self, ask } = this.#parts;
    const { owners } = document();
    const others = [...new Set(othersOf(partition, replicasMax(document()), document()).flat())];
    const doubts = new Set(others);
    const byOwner = new Map<NodeId, PartitionId[]>();
    for (const other of others) {
      const owner = owners[other] as NodeId;
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), other]);
    }
    let open = byOwner.size + 1;
    const settle = (): void => {
      if (--open === 0) this.#judge(service, partition, doubts);
    };
    for (const [owner, partitions] of byOwner) {
      const heard = (inDoubt: readonly unknown[]): void => {
        for (const asked of partitions) if (!inDoubt.includes(asked)) doubts.delete(asked);
      };
      if (owner === self) {
        heard(this.answer({ service, partitions }).inDoubt);
        settle();
      } else {
        ask(owner, { service, partitions }, (outcome) => {
          const { inDoubt } = ((outcome.kind === 'answered' && outcome.body) || {}) as { inDoubt?: unknown };
          if (Array.isArray(inDoubt)) heard(inDoubt);
          settle();
        });
      }
    }
    settle();
  }

  /** Sound when in every range somebody else was not in doubt. */
  #judge(service: string, partition: PartitionId, doubts: ReadonlySet<PartitionId>): void {
    const document = this.#parts.document();
    // Where there are keys with more copies, nothing is said of those with one: of them nobody else can know.
    const [first = 1, ...rest] = bucketsOf(document).numbers;
    const numbers = first === 1 && rest.length > 0 ? rest : [first, ...rest];
    const ranges = numbers.flatMap((n) => othersOf(partition, n, document));
    if (ranges.every((others) => others.some((other) => !doubts.has(other)))) {
      this.#inDoubt.delete(keyOf(service, partition));
      return;
    }
    if (this.#lost.size === 0) this.#parts.host.setTimer(GATHER_MS, () => this.#tellLosses());
    this.#lost.add(partition);
  }

  #tellLosses(): void {
    const partitions = [...this.#lost].toSorted((a, b) => a - b);
    this.#lost.clear();
    this.#parts.logger.warn(
      { partitions },
      'all copies of some ranges were partial at once and have declared themselves whole together: ' +
        'what was acknowledged last before they went down may be lost',
    );
  }

  #isInDoubt(service: string, partition: PartitionId): boolean {
    const host: VnodeHost | undefined = this.#parts.vnodes.find(service, partition);
    return host === undefined || !host.whole || this.#inDoubt.has(keyOf(service, partition));
  }
}

/** For each range of which this partition holds a copy of the keys with n copies, the partitions with the others. */
function othersOf(partition: PartitionId, copies: number, { ringSize }: RingDocument): PartitionId[][] {
  const n = Math.min(copies, ringSize);
  return Array.from({ length: n }, (_, back) => {
    const range = (partition - back + ringSize) % ringSize;
    const held = Array.from({ length: n }, (__, i) => ((range + i) % ringSize) as PartitionId);
    return held.filter((copy) => copy !== partition);
  });
}

function keyOf(service: string, partition: PartitionId): string {
  return `${service}/${partition}`;
}
