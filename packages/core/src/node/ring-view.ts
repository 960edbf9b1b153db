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
type IsUp = (node: NodeId) => boolean;

export class RingView {
  readonly #self: NodeId;
  readonly #runs: (node: NodeId, service: string) => boolean;
  readonly #all: Lists;
  readonly #byService = new Map<string, Lists>();
  #document: RingDocument;

  /** `runs`: up, and runs this service. */
  constructor(
    self: NodeId,
    document: RingDocument,
    isUp: IsUp,
    runs: (node: NodeId, service: string) => boolean = isUp,
  ) {
    this.#self = self;
    this.#document = document;
    this.#runs = runs;
    this.#all = this.#listsOf(isUp);
  }

  get document(): RingDocument {
    return this.#document;
  }

  adopt(document: RingDocument): void {
    this.#document = document;
    this.upChanged();
  }

  /** Somebody came or went, or runs other services. */
  upChanged(): void {
    this.#all.clear();
    for (const lists of this.#byService.values()) lists.clear();
  }

  /** Of live nodes, whatever they run. */
  list(first: PartitionId, n: number): CountedList {
    return this.#all.list(first, n);
  }

  /** Of those that run this service. To be asked for once: what it returns stays true. */
  listOf(service: string): ListOf {
    let lists = this.#byService.get(service);
    if (lists === undefined) {
      lists = this.#listsOf((node) => this.#runs(node, service));
      this.#byService.set(service, lists);
    }
    return lists.list;
  }

  #listsOf(isUp: IsUp): Lists {
    return new Lists((first, n) => {
      const { owners } = this.#document;
      const replicas = preferenceList(first, n, owners, isUp);
      const distinct = new Set(primariesOf(first, n, owners).map((replica) => replica.node)).size;
      return countedList(replicas, n, distinct, this.#self);
    });
  }
}

/** Lists as they were made, until they are cleared. */
class Lists {
  readonly #make: ListOf;
  /** By n, by first partition. */
  #lists: (CountedList | undefined)[][] = [];

  constructor(make: ListOf) {
    this.#make = make;
  }

  readonly list: ListOf = (first, n) => this.#lists[n]?.[first] ?? this.#keep(first, n);

  clear(): void {
    this.#lists = [];
  }

  #keep(first: PartitionId, n: number): CountedList {
    const made = this.#make(first, n);
    (this.#lists[n] ??= [])[first] = made;
    return made;
  }
}
