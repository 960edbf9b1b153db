/**
 * When a ring that is being filled may take over: once every member that is to own a part of it says, of late and in this
 * very attempt, that its part is there and kept up.
 *
 * They repeat it, so a claimant that takes the duty over hears it anew, and a word that was not withdrawn because its
 * speaker died grows old. What such a word costs at worst is that a source was not proven complete; it then hands over
 * as hints what it holds.
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { RingDocument } from '../ring/document.ts';
import type { Filled } from './reports.ts';

/** A word counts for so many intervals in which it should have been repeated. */
const FRESH_INTERVALS = 3;

export class Fillers {
  readonly #freshMs: number;
  readonly #words = new Map<NodeId, { readonly word: Filled; readonly at: number }>();
  /** The first ring in which this desk has seen the present attempt. */
  #attempt: { readonly ringSize: number; readonly since: Epoch } | undefined;

  constructor(reportIntervalMs: number) {
    this.#freshMs = FRESH_INTERVALS * reportIntervalMs;
  }

  heard(word: Filled, now: number): void {
    this.#words.set(word.node, { word, at: now });
  }

  /** The size to switch to, or undefined while somebody has not said it. */
  look({ resize, epoch }: RingDocument, now: number): number | undefined {
    if (resize === undefined) {
      this.#attempt = undefined;
      this.#words.clear();
      return undefined;
    }
    if (this.#attempt?.ringSize !== resize.ringSize)
      this.#attempt = { ringSize: resize.ringSize, since: epoch };
    const { ringSize, since } = this.#attempt;
    const hasSaid = (node: NodeId): boolean => {
      const heard = this.#words.get(node);
      if (heard === undefined || now - heard.at > this.#freshMs) return false;
      const { word } = heard;
      return word.full && word.ringSize === ringSize && word.epoch >= since;
    };
    return [...new Set(resize.owners)].every(hasSaid) ? ringSize : undefined;
  }
}
