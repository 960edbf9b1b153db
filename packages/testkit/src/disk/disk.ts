/**
 * The simulated disk of one machine: a store and the stable documents, kept across the lives of its processes.
 *
 * Batches commit in order after a drawn time, several at once, and are flushed later. A killed process leaves at
 * least what was committed, a power cut at least what was flushed, both perhaps more, always whole batches from the
 * front. It can be slow, full, or fail; it can be wiped between lives.
 *
 * Holds: contracts/store.ts and contracts/stable-store.ts, a late record being evaluated when it is submitted.
 * Not here: flipped bits and torn writes. The contract has the engines hide them or report them.
 */
import {
  assert,
  unreachable,
  type Place,
  type Prng,
  type RecordKey,
  type Space,
  type StableName,
  type StableStore,
  type Store,
  type StoreError,
  type StoreRecord,
  type Timer,
} from '@rkv/core';
import type { Ending, Life } from '../life/life.ts';
import type { World } from '../world/world.ts';
import { Documents } from './documents.ts';
import { SimStore } from './store.ts';
import { Volume } from './volume.ts';

/** Shortest and longest, ms; what one takes is drawn from between. */
export interface DiskTimings {
  readonly commitMs: readonly [number, number];
  readonly flushMs: readonly [number, number];
  readonly saveMs: readonly [number, number];
}

/** Whose disk it is, how quick, and who watches it. */
export interface SimDiskInit {
  readonly world: World;
  /** The machine it is in. */
  readonly machine: string;
  readonly timings?: Partial<DiskTimings>;
  /** For whoever watches what comes to lie on disks. The records are borrowed; they may be taken back by a power cut. */
  onCommit?(machine: string, records: readonly StoreRecord[]): void;
}

/** full: no space left. failing: every write is an I/O error; flaky: some are. Reads go on in all of them. */
export type DiskHealth = 'good' | 'full' | 'failing' | 'flaky';

const TIMINGS: DiskTimings = { commitMs: [0.05, 1], flushMs: [0.5, 5], saveMs: [0.5, 5] };

const FULL: StoreError = { code: 'store_full', message: 'no space left on the disk' };
const FAILING: StoreError = { code: 'store_io', message: 'the disk failed to write' };
/** How many writes a flaky disk fails, of all. */
const FLAKY_SHARE = 1 / 3;

/** The disk of one machine: its store and its documents, over all lives of the node. */
export class SimDisk {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #timings: DiskTimings;
  readonly #label: string;
  readonly #onCommit: (records: readonly StoreRecord[]) => void;
  #volume: Volume;
  #documents: Documents;
  #storeId: string;
  #health: DiskHealth = 'good';
  #slowdown = 1;
  /** A commit has failed: nothing is taken until the disk is well again. */
  #readOnly = false;
  #store: SimStore | undefined;
  #commit: Timer | undefined;
  #flush: Timer | undefined;
  #onSettled: (() => void) | undefined;
  #onSaving: { readonly name: StableName; readonly run: () => void } | undefined;

  constructor({ world, machine, timings = {}, onCommit }: SimDiskInit) {
    this.#world = world;
    this.#prng = world.prng(`disk ${machine}`);
    this.#timings = { ...TIMINGS, ...timings };
    this.#label = `disk ${machine}`;
    this.#onCommit = (records) => onCommit?.(machine, records);
    this.#volume = new Volume(this.#onCommit);
    this.#storeId = drawStoreId(this.#prng);
    this.#documents = this.#emptyDocuments();
  }

  get storeId(): string {
    return this.#storeId;
  }

  /** The store of the next life. The one before must have ended. */
  store(life: Life): Store {
    assert(this.#store === undefined, 'one process at a time has the store');
    const store = new SimStore({
      life,
      storeId: this.#storeId,
      volume: this.#volume,
      isWritable: () => !this.#readOnly,
      onSubmit: () => this.#commitSoon(),
      close: (done) => this.#close(done),
    });
    this.#store = store;
    life.whenEnded((how) => this.#crash(how));
    return store;
  }

  stable(life: Life): StableStore {
    return this.#documents.of(life);
  }

  /** What lies there whatever happens to the process, or (`power`) to the machine. Lives on with the disk. */
  survivor(
    durability: 'process' | 'power',
    space: Space,
    place: Place,
    at: RecordKey,
  ): Uint8Array | undefined {
    if (durability === 'power') return this.#volume.flushed(space, place, at);
    return this.#volume.get(space, place)?.get(at);
  }

  /** From now on everything takes this many times as long. */
  slowDown(factor: number): void {
    this.#slowdown = factor;
  }

  /** Full, failing or flaky, from the next commit or save on. */
  fall(health: Exclude<DiskHealth, 'good'>): void {
    this.#health = health;
  }

  /** `run` once, right after the event in which this document begins to be saved; without a name: not any more. */
  whenSaving(name: StableName | undefined, run: () => void = () => {}): void {
    this.#onSaving = name === undefined ? undefined : { name, run };
  }

  /** Good and quick again. */
  heal(): void {
    this.#health = 'good';
    this.#slowdown = 1;
    this.#readOnly = false;
    this.#flushSoon();
  }

  /** An empty disk in place of this one, between two lives. `keepDocuments`: only the store was exchanged. */
  wipe({ keepDocuments = false }: { keepDocuments?: boolean } = {}): void {
    assert(this.#store === undefined, 'a disk is wiped between lives');
    this.#flush?.cancel();
    this.#flush = undefined;
    this.#world.toll.count(keepDocuments ? 'store wiped' : 'disk wiped');
    this.#volume = new Volume(this.#onCommit);
    this.#storeId = drawStoreId(this.#prng);
    if (!keepDocuments) this.#documents = this.#emptyDocuments();
  }

  /** Somebody removes these files, between two lives. */
  removeDocuments(...names: StableName[]): void {
    assert(this.#store === undefined, 'documents are removed between lives');
    this.#documents.remove(names);
  }

  #emptyDocuments(): Documents {
    return new Documents({
      world: this.#world,
      prng: this.#prng,
      label: `save ${this.#label}`,
      drawSaveMs: () => this.#drawMs(this.#timings.saveMs),
      drawProblem: () => this.#drawProblem()?.message,
      onSaving: (name) => this.#noteSaving(name),
    });
  }

  #noteSaving(name: StableName): void {
    const awaited = this.#onSaving;
    if (awaited?.name !== name) return;
    this.#onSaving = undefined;
    this.#world.toll.count('crash while saving');
    this.#world.schedule(0, awaited.run, `saving ${this.#label}`);
  }

  #commitSoon(): void {
    if (this.#commit !== undefined || !this.#volume.hasPending) return;
    const through = this.#volume.submittedSeq;
    const commit = (): void => {
      this.#commit = undefined;
      const problem = this.#drawProblem();
      if (problem === undefined) this.#commitThrough(through);
      else this.#fail(problem);
      this.#maybeSettled();
    };
    this.#commit = this.#world.schedule(
      this.#drawMs(this.#timings.commitMs),
      commit,
      `commit ${this.#label}`,
    );
  }

  #commitThrough(seq: number): void {
    this.#volume.commitThrough(seq);
    this.#world.trace.note(this.#world.now(), this.#label, seq);
    this.#flushSoon();
    this.#commitSoon();
    this.#store?.progressed();
  }

  #fail(error: StoreError): void {
    this.#readOnly = true;
    const fromSeq = this.#volume.failPending();
    if (fromSeq !== undefined) this.#store?.failed(fromSeq, error);
  }

  /** Why this write fails, or undefined. */
  #drawProblem(): StoreError | undefined {
    switch (this.#health) {
      case 'good':
        return undefined;
      case 'full':
        this.#world.toll.count('write refused, disk full');
        return FULL;
      case 'failing':
        this.#world.toll.count('write failed, disk failing');
        return FAILING;
      case 'flaky':
        if (!this.#prng.chance(FLAKY_SHARE)) return undefined;
        this.#world.toll.count('write failed, disk flaky');
        return FAILING;
      default:
        return unreachable(this.#health);
    }
  }

  /** On a failing disk nothing is flushed until it is well: what is committed stays so, and is written again. */
  #flushSoon(): void {
    if (this.#flush !== undefined || this.#isFlushed) return;
    const through = this.#volume.committedSeq;
    const flush = (): void => {
      this.#flush = undefined;
      if (this.#health !== 'failing') {
        this.#volume.flushThrough(through);
        this.#flushSoon();
        this.#store?.progressed();
      }
      this.#maybeSettled();
    };
    this.#flush = this.#world.schedule(this.#drawMs(this.#timings.flushMs), flush, `flush ${this.#label}`);
  }

  get #isFlushed(): boolean {
    return this.#volume.flushedSeq === this.#volume.committedSeq;
  }

  #close(done: () => void): void {
    this.#onSettled = done;
    this.#world.schedule(0, () => this.#maybeSettled(), `close ${this.#label}`);
  }

  #maybeSettled(): void {
    if (this.#volume.hasPending || !(this.#isFlushed || this.#health === 'failing')) return;
    const done = this.#onSettled;
    this.#onSettled = undefined;
    done?.();
  }

  /** After a killed process the operating system writes out what it has; after a power cut nobody does. */
  #crash(how: Ending): void {
    this.#store = undefined;
    this.#onSettled = undefined;
    this.#commit?.cancel();
    this.#commit = undefined;
    if (how === 'powerCut') {
      this.#flush?.cancel();
      this.#flush = undefined;
    }
    const lost = this.#volume.crash(how, this.#prng);
    this.#world.toll.count(how === 'powerCut' ? 'batch lost in a power cut' : 'batch lost in a crash', lost);
    this.#flushSoon();
  }

  #drawMs([shortest, longest]: readonly [number, number]): number {
    if (this.#slowdown > 1) this.#world.toll.count('write slow');
    return (shortest + (this.#prng.below(1024) / 1024) * (longest - shortest)) * this.#slowdown;
  }
}

function drawStoreId(prng: Prng): string {
  const word = (): string => prng.u32().toString(16).padStart(8, '0');
  return word() + word() + word() + word();
}
