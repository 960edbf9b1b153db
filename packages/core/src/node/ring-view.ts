/**
 * The ring as requests see it: preference lists under the document and the live nodes of this moment.
 *
 * Lists are made once and kept until the ring or the set of live nodes changes; the request path only looks them up.
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { countedList, type CountedList } from '../request/quorum.ts';
import type { RingDocument } from '../ring/document.ts';
import { preferenceList, primariesOf } from '../ring/preference-list.ts';

export class RingView {
  readonly #self: NodeId;
  readonly #isUp: (node: NodeId) => boolean;
  /** By n, by first partition. */
  #lists: (CountedList | undefined)[][] = [];
  #document: RingDocument;

  constructor(self: NodeId, document: RingDocument, isUp: (node: NodeId) => boolean) {
    this.#self = self;
    this.#document = document;
    this.#isUp = isUp;
  }

  get document(): RingDocument {
    return this.#document;
  }

  adopt(document: RingDocument): void {
    this.#document = document;
    this.#lists = [];
  }

  upChanged(): void {
    this.#lists = [];
  }

  list(first: PartitionId, n: number): CountedList {
    return this.#lists[n]?.[first] ?? this.#make(first, n);
  }

  #make(first: PartitionId, n: number): CountedList {
    const { owners } = this.#document;
    const replicas = preferenceList(first, n, owners, this.#isUp);
    const distinct = new Set(primariesOf(first, n, owners).map((replica) => replica.node)).size;
    const made = countedList(replicas, n, distinct, this.#self);
    (this.#lists[n] ??= [])[first] = made;
    return made;
  }
}
