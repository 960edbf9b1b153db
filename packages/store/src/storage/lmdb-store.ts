/**
 * The embedded engine: one lmdb environment per node, and one queue of commits for all its vnodes.
 *
 * Group commit: the first batch asks for a commit at the end of the turn; whatever is submitted until then
 * shares the transaction, and whatever comes while it is written shares the next one. Late records are asked
 * when the transaction is put together, with nothing between that and the batches they tell of.
 *
 * A transaction is on disk before it is visible: lmdb writes its pages beside the old ones, flushes them, then
 * the page that points to them, flushed too. So `committedSeq` and `flushedSeq` grow together, and `process`
 * durability costs what `power` does. lmdb-js has a mode that shows a transaction before it is flushed
 * (`overlappingSync`); it is not used, for two reasons. Its promises resolve after the flush all the same. And
 * opened again after a crash it takes the newest transaction for flushed and may write over pages that the
 * flushed one still needs: killed, started and cut from power in a row, the environment may be gone.
 *
 * A commit that fails, or that the disk has no room for, leaves everything before it as it was. The store then takes
 * no writes and tries a small one of its own: every second while there is no room, ever more rarely otherwise.
 * When that holds, it takes writes again. After an error in the very page that points to a transaction lmdb gives the
 * environment up for good, reads too: then it is opened anew, and reads in the few milliseconds between are errors.
 *
 * lmdb has no checksums on its pages. Where it notices that one is none, whoever asked gets the error, and `onUnsound` is
 * told, or `onDoubtful` where it may be something else; what it does not notice is for those to find who know what should be there.
 *
 * Not here: giving space back to the file system (freed pages are used again, the file does not shrink).
 */
import {
  assert,
  type LateRecord,
  type Place,
  type RecordKey,
  type Space,
  type Store,
  type StoreError,
  type StoreHandler,
  type StoreRecord,
  type StoreTrouble,
  type Visitor,
} from '@rkv/core';
import {
  diskKeyOf,
  diskValueOf,
  keyOnDisk,
  placeOnDisk,
  rangeOfPlace,
  rangeOfSpace,
  valueOnDisk,
} from './disk-key.ts';
import { CommitTimes, type CommitFigures } from './commit-times.ts';
import {
  borrowed,
  identify,
  IDENTITY_KEY,
  openEnvironment,
  settle,
  type Environment,
} from './lmdb-environment.ts';
import {
  DiskFull,
  freeBytes,
  LMDB_DAMAGED,
  LMDB_DOUBTFUL,
  messageOf,
  numberOf,
  StoreOpenError,
  storeErrorOf,
} from './store-failure.ts';

/** Where the environment lies, and how it is written. */
export interface LmdbStoreInit {
  /** Directory of the environment; made when it is not there. Nobody else may have it open. */
  readonly path: string;
  /**
   * Free bytes on the disk below which the store is full; 16 MiB unless told. Less lets a nearly full disk be used
   * up; more leaves room for logs and for the node's own documents.
   */
  readonly reserveBytes?: number;
  /** lmdb has come upon pages that are none: the environment is not to be trusted any more. May be told again. */
  readonly onUnsound?: (why: string) => void;
  /** lmdb says what it says of damaged pages, among other things: somebody should look at them. May be told again. */
  readonly onDoubtful?: (why: string) => void;
  /** It takes writes again. */
  readonly onAgain?: () => void;
  /** Commits begin to take long, or no longer do. */
  readonly onSlow?: (slow: boolean, meanMs: number) => void;
}

const RESERVE_BYTES = 16 * 1024 * 1024;
/** A page of 4096 bytes may be written for a record of ten, and the path to it anew. */
const BYTES_PER_RECORD = 4096;
const RETRY_MS = 1000;
const RETRY_MS_MAX = 60_000;

/** What more than any store it can tell. */
export interface ObservedStore extends Store {
  readonly commits: CommitFigures;
  readonly trouble: StoreTrouble | undefined;
}

export function isLmdbStore(store: Store): store is ObservedStore {
  return store instanceof LmdbStore;
}

/** Opens the store, or creates it. Throws `StoreOpenError`. */
export function lmdbStore(init: LmdbStoreInit): Store {
  const environment = openEnvironment(init.path);
  try {
    return new LmdbStore(init, environment, identify(init.path, environment));
  } catch (error) {
    void environment.close();
    throw error;
  }
}

/** What one transaction will write: keys and values side by side, in the order submitted. */
class Group {
  readonly keys: Buffer[] = [];
  readonly values: (Uint8Array | undefined)[] = [];
  readonly late = new Set<LateRecord>();
  /** Room that it may take on the disk. */
  bytes = 0;

  add(
    { space, place }: Pick<StoreRecord, 'space' | 'place'>,
    at: RecordKey,
    value: Uint8Array | undefined,
  ): void {
    this.keys.push(diskKeyOf(space, place, at));
    this.values.push(value && diskValueOf(at.key, value));
    this.bytes += BYTES_PER_RECORD + at.key.length + (value?.length ?? 0);
  }

  /** Of two late records with one key the one submitted last is written last. */
  addLate(record: LateRecord): void {
    this.late.delete(record);
    this.late.add(record);
  }

  /** Their bytes are copied: lmdb reads them on its own thread, when the caller has gone on counting. */
  askLate(): void {
    for (const record of this.late) this.add(record, record, record.bytes().slice());
  }
}

/** failing: a commit failed, and none has held since. closing: what was taken is still written. */
type Mode = 'open' | 'failing' | 'closing' | 'closed';

class LmdbStore implements Store {
  readonly storeId: string;
  committedSeq = 0;
  readonly #path: string;
  readonly #reserveBytes: number;
  /** Undefined while it is opened anew. lmdb-js ends the process some time after a closed one was read. */
  #environment: Environment | undefined;
  readonly #onUnsound: ((why: string) => void) | undefined;
  readonly #onDoubtful: ((why: string) => void) | undefined;
  readonly #onAgain: (() => void) | undefined;
  #handler: StoreHandler | undefined;
  #mode: Mode = 'open';
  #submittedSeq = 0;
  /** What was submitted since the last transaction was put together. */
  #group = new Group();
  #committing = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  #onIdle: (() => void) | undefined;
  /** Why it takes no writes. */
  #failure: StoreError | undefined;
  /** What it lost begins there, and nobody has been told yet. */
  #lostFrom: number | undefined;
  readonly #times: CommitTimes;

  constructor(init: LmdbStoreInit, environment: Environment, storeId: string) {
    this.storeId = storeId;
    this.#path = init.path;
    this.#reserveBytes = init.reserveBytes ?? RESERVE_BYTES;
    this.#environment = environment;
    this.#onUnsound = init.onUnsound;
    this.#onDoubtful = init.onDoubtful;
    this.#onAgain = init.onAgain;
    this.#times = new CommitTimes(init.onSlow);
  }

  get flushedSeq(): number {
    return this.committedSeq;
  }

  get commits(): CommitFigures {
    return this.#times.figures;
  }

  get trouble(): StoreTrouble | undefined {
    if (this.#failure !== undefined) return { kind: 'read_only', message: this.#failure.message };
    if (!this.#times.slow) return undefined;
    return { kind: 'slow', message: `a commit takes ${Math.round(this.#times.figures.meanMs)} ms` };
  }

  start(handler: StoreHandler): void {
    this.#handler = handler;
  }

  submit(records: readonly StoreRecord[], late?: LateRecord): number | undefined {
    if (this.#mode !== 'open') return undefined;
    for (const record of records) this.#group.add(record, record, record.value);
    if (late !== undefined) this.#group.addLate(late);
    if (!this.#committing) this.#scheduleCommit();
    return ++this.#submittedSeq;
  }

  get(space: Space, place: Place, at: RecordKey): Uint8Array | undefined {
    if (this.#mode === 'closed') return undefined;
    try {
      const bytes = this.#open.getBinaryFast(diskKeyOf(space, place, at));
      return bytes && valueOnDisk(at.key, borrowed(bytes));
    } catch (error) {
      throw this.#judged(error);
    }
  }

  walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    try {
      return this.#walk(space, place, after, limit, visit);
    } catch (error) {
      throw this.#judged(error);
    }
  }

  #walk(space: Space, place: Place, after: RecordKey | undefined, limit: number, visit: Visitor): boolean {
    if (this.#mode === 'closed') return false;
    const { start, end } = rangeOfPlace(space, place);
    const from = after && diskKeyOf(space, place, after);
    let visited = 0;
    for (const record of this.#open.getRange({
      start: from ?? start,
      exclusiveStart: from !== undefined,
      end,
      limit,
    })) {
      const { hashHi, hashLo, key } = keyOnDisk(record.key, record.value);
      visited++;
      // No Buffer: who keeps the head of a value takes a slice of it, and a Buffer's slice keeps all of it.
      const { buffer, byteOffset, length } = record.value;
      if (!visit(hashHi, hashLo, key, valueOnDisk(key, new Uint8Array(buffer, byteOffset, length))))
        return true;
    }
    return visited === limit;
  }

  places(space: Space): Place[] {
    try {
      return this.#places(space);
    } catch (error) {
      throw this.#judged(error);
    }
  }

  #places(space: Space): Place[] {
    if (this.#mode === 'closed') return [];
    const places: Place[] = [];
    let { start, end } = rangeOfSpace(space);
    for (;;) {
      const [first] = this.#open.getKeys({ start, end, limit: 1 });
      if (first === undefined) return places;
      const place = placeOnDisk(first);
      places.push(place);
      start = rangeOfPlace(space, place).end;
    }
  }

  close(done: () => void): void {
    assert(this.#mode !== 'closing' && this.#mode !== 'closed', 'a store is closed once');
    clearTimeout(this.#retry);
    this.#mode = 'closing';
    this.#onIdle = () => {
      this.#mode = 'closed';
      settle(this.#environment?.close() ?? Promise.resolve(), done, done);
    };
    this.#maybeIdle();
  }

  /** While a commit is under way lmdb may have given the environment up, whose errors look the same: those are not doubted. */
  #judged(error: unknown): unknown {
    const number = numberOf(error);
    const isUnsound = error instanceof StoreOpenError ? error.unsound : LMDB_DAMAGED.includes(number);
    if (isUnsound) this.#onUnsound?.(messageOf(error));
    else if (LMDB_DOUBTFUL.includes(number) && !this.#committing) this.#onDoubtful?.(`lmdb says ${number}`);
    return error;
  }

  get #open(): Environment {
    if (this.#environment === undefined) throw new Error(`the store in ${this.#path} is being opened anew`);
    return this.#environment;
  }

  #scheduleCommit(): void {
    this.#committing = true;
    setImmediate(() => this.#commit());
  }

  #commit(): void {
    const group = this.#group;
    const upTo = this.#submittedSeq;
    group.askLate();
    this.#group = new Group();
    const began = performance.now();
    settle(
      this.#write(group),
      () => {
        const now = performance.now();
        this.#times.ended(now - began, now);
        this.#becomeCommitted(upTo);
      },
      (cause) => this.#becomeFailing(cause),
    );
  }

  #write({ keys, values, bytes }: Group): Promise<boolean> {
    const environment = this.#open;
    if (freeBytes(this.#path) < this.#reserveBytes + bytes) return Promise.reject(new DiskFull());
    return environment.batch(() => {
      for (let i = 0; i < keys.length; i++) {
        const value = values[i];
        if (value === undefined) void environment.remove(keys[i] as Buffer);
        else void environment.put(keys[i] as Buffer, value as Buffer);
      }
    });
  }

  #becomeCommitted(upTo: number): void {
    this.committedSeq = upTo;
    this.#committing = false;
    if (this.#submittedSeq > upTo) this.#scheduleCommit();
    this.#handler?.onProgress();
    this.#maybeIdle();
  }

  /** What was submitted while the commit was under way goes with it: it may build on what was lost. */
  #becomeFailing(cause: unknown): void {
    const fromSeq = this.committedSeq + 1;
    this.#group = new Group();
    this.#committing = false;
    this.#judged(cause);
    this.#failure = storeErrorOf(cause, this.#path);
    this.#lostFrom = fromSeq;
    // Who is told reads what was there before: an environment that cannot be read is opened anew first.
    const isReadable = this.#isReadable();
    if (this.#mode === 'open') {
      this.#mode = 'failing';
      this.#retryMs = RETRY_MS;
      if (!isReadable) return this.#reopen();
      this.#scheduleRetry();
    }
    if (isReadable) this.#tellFailure();
    this.#maybeIdle();
  }

  /** Once, and only while it can be read. */
  #tellFailure(): void {
    const [fromSeq, failure] = [this.#lostFrom, this.#failure];
    this.#lostFrom = undefined;
    if (fromSeq !== undefined && failure !== undefined) this.#handler?.onFailure(fromSeq, failure);
  }

  #scheduleRetry(): void {
    this.#retry = setTimeout(() => this.#tryAgain(), this.#retryMs).unref();
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
  }

  /** An environment that has given up for good refuses to be read; to write to it would wait forever. */
  #isReadable(): boolean {
    try {
      return this.#open.getBinary(IDENTITY_KEY) !== undefined;
    } catch {
      return false;
    }
  }

  /** Closed first: lmdb-js hands out the one that is open again. */
  #reopen(): void {
    this.#committing = true;
    const reopen = (): void => {
      this.#committing = false;
      if (this.#mode === 'failing') {
        try {
          this.#environment = openEnvironment(this.#path);
        } catch (error) {
          this.#judged(error);
          this.#failure = storeErrorOf(error, this.#path);
        }
        this.#scheduleRetry();
        if (this.#isReadable()) this.#tellFailure();
      }
      this.#maybeIdle();
    };
    const closing = this.#environment?.close() ?? Promise.resolve();
    this.#environment = undefined;
    settle(closing, reopen, reopen);
  }

  #tryAgain(): void {
    if (!this.#isReadable()) return this.#reopen();
    this.#tellFailure();
    const probe = new Group();
    probe.keys.push(IDENTITY_KEY);
    probe.values.push(this.#open.getBinary(IDENTITY_KEY));
    this.#committing = true;
    settle(
      this.#write(probe),
      () => this.#becomeOpen(),
      (cause) => this.#stayFailing(cause),
    );
  }

  #becomeOpen(): void {
    this.#committing = false;
    this.#failure = undefined;
    if (this.#mode === 'failing') {
      this.#mode = 'open';
      this.#onAgain?.();
    }
    this.#maybeIdle();
  }

  /** To look for room costs nothing and breaks nothing, so that is done every time. */
  #stayFailing(cause: unknown): void {
    this.#committing = false;
    this.#judged(cause);
    if (cause instanceof DiskFull) this.#retryMs = RETRY_MS;
    if (this.#mode === 'failing') this.#scheduleRetry();
    this.#maybeIdle();
  }

  #maybeIdle(): void {
    if (this.#committing) return;
    const onIdle = this.#onIdle;
    this.#onIdle = undefined;
    onIdle?.();
  }
}
