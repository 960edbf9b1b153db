/**
 * The ring as requests see it: preference lists under the document and the live nodes of this moment.
 *
 * Lists are made once and kept until the ring or the set of live nodes changes; the request path only looks them up.
 * Each service has lists of its own: a node that is up and does not run it is stood in for like one that is down.
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { countedList, type CountedList } from '../request/quorum.ts';
import type { RingDocument } from '../ring/document.ts';
import { preferenceList, primariesOf } from '../ring/preference-list.ts';

export type ListOf = (first: PartitionId, n: number) => CountedList;

/** By n, by first partition. */
type Lists = Map<number, (CountedList | undefined)[]>;

export class RingView {
  readonly #self: NodeId;
  readonly #isUp: (node: NodeId) => boolean;
  readonly #runs: (node: NodeId, service: string) => boolean;
  readonly #lists: Lists = new Map();
  readonly #byService = new Map<string, Lists>();
  #document: RingDocument;

  /** `runs`: up, and runs this service. */
  constructor(
    self: NodeId,
    document: RingDocument,
    isUp: (node: NodeId) => boolean,
    runs: (node: NodeId, service: string) => boolean = isUp,
  ) {
    this.#self = self;
    this.#document = document;
    this.#isUp = isUp;
    this.#runs = runs;
  }

  get document(): RingDocument {
    return this.#document;
  }

  adopt(document: RingDocument): void {
    this.#document = document;
    this.#clear();
  }

  /** Somebody came or went, or runs other services. */
  upChanged(): void {
    this.#clear();
  }

  /** Of live nodes, whatever they run. */
  list(first: PartitionId, n: number): CountedList {
    return this.#find(this.#lists, first, n, this.#isUp);
  }

  /** Of those that run this service. To be asked for once: what it returns stays true. */
  listOf(service: string): ListOf {
    const isUp = (node: NodeId): boolean => this.#runs(node, service);
    let lists = this.#byService.get(service);
    if (lists === undefined) this.#byService.set(service, (lists = new Map()));
    const kept = lists;
    return (first, n) => this.#find(kept, first, n, isUp);
  }

  #clear(): void {
    this.#lists.clear();
    for (const lists of this.#byService.values()) lists.clear();
  }

  #find(kept: Lists, first: PartitionId, n: number, isUp: (node: NodeId) => boolean): CountedList {
    let lists = kept.get(n);
    if (lists === undefined) kept.set(n, (lists = []));
    const found = lists[first];
    if (found !== undefined) return found;
    const { owners } = this.#document;
    const replicas = preferenceList(first, n, owners, isUp);
    const distinct = new Set(primariesOf(first, n, owners).map((replica) => replica.node)).size;
    const made = countedList(replicas, n, distinct, this.#self);
    lists[first] = made;
    return made;
  }
}
