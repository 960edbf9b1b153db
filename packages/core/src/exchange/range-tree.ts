/** The tree of one range of a vnode, and how each of its groups stands: known or to be counted, as on the disk or not. */
import type { PartitionId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import { rangeOf } from '../ring/ranges.ts';
import { HashTree } from './hash-tree.ts';

/** Its sums are exact. */
export const KNOWN = 1;
/** It has no mark on the disk, nor one on its way: one must go before it changes. */
export const CLEAN = 2;
/** It is known, and not as the disk has it. */
export const DIRTY = 4;
/** It must be counted: what the disk has of it is not right. */
export const SUSPECT = 8;
/** Its sums were submitted in this life. */
export const WRITTEN = 16;

export class RangeTree {
  readonly range: PartitionId;
  readonly sums: HashTree;
  readonly #hashes: HashRange;
  readonly #flags: Uint8Array;
  /** Groups that are not known, and one more until the whole was proven. */
  unknown: number;
  /** Some of it is what the disk said. */
  wasRead = false;

  constructor(place: Place, range: PartitionId, known: boolean) {
    this.range = range;
    this.sums = new HashTree(place);
    this.#hashes = rangeOf(range, place.ringBits);
    this.#flags = new Uint8Array(this.sums.groups).fill(known ? KNOWN | CLEAN : CLEAN);
    this.unknown = known ? 0 : this.sums.groups + 1;
  }

  /** Any of these. */
  has(group: number, flags: number): boolean {
    return ((this.#flags[group] as number) & flags) !== 0;
  }

  /** False when it has them all already. */
  set(group: number, flags: number): boolean {
    const before = this.#flags[group] as number;
    if ((before & flags) === flags) return false;
    this.#flags[group] = before | flags;
    return true;
  }

  drop(group: number, flags: number): void {
    this.#flags[group] = (this.#flags[group] as number) & ~flags;
  }

  /** The first word of a group's first hash: its name on the disk. */
  startOf(group: number): number {
    return this.#hashes.start + group * this.sums.groupWidth;
  }

  rangeOf(group: number): HashRange {
    const start = this.startOf(group);
    return { start, end: start + this.sums.groupWidth };
  }

  /** Some groups that are to be written. */
  dirty(limit: number): number[] {
    const groups: number[] = [];
    for (let group = 0; group < this.#flags.length && groups.length < limit; group++)
      if (this.has(group, DIRTY)) groups.push(group);
    return groups;
  }

  /** Where the groups begin of which something was submitted in this life. */
  recorded(): number[] {
    const groups = [...this.#flags.keys()];
    return groups
      .filter((group) => !this.has(group, CLEAN) || this.has(group, WRITTEN))
      .map((group) => this.startOf(group));
  }

  becomeRead(group: number, leaves: Uint32Array): void {
    this.sums.setLeaves(group, leaves);
    this.wasRead = true;
    this.#becomeKnown(group);
  }

  becomeCounted(group: number): void {
    this.drop(group, SUSPECT);
    this.#becomeKnown(group);
  }

  becomeProven(): void {
    this.unknown = 0;
  }

  /** What was read is not so. */
  becomeSuspect(): void {
    for (const group of this.#flags.keys()) {
      this.drop(group, KNOWN | DIRTY);
      this.set(group, SUSPECT);
    }
    this.unknown = this.sums.groups + 1;
    this.wasRead = false;
  }

  /** Nothing is held, and nothing will be stored of it. */
  becomeEmpty(): void {
    for (const group of this.#flags.keys()) this.sums.clearGroup(group);
    this.#flags.fill(KNOWN | CLEAN);
    this.unknown = 0;
  }

  /** Marks may be lost, and sums that were written. */
  storeFailed(): void {
    for (const group of this.#flags.keys())
      this.set(group, this.has(group, WRITTEN) && this.has(group, KNOWN) ? CLEAN | DIRTY : CLEAN);
  }

  #becomeKnown(group: number): void {
    this.set(group, KNOWN);
    this.unknown--;
  }
}
