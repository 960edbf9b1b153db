/**
 * A `KvStore` over a Map, for tests and measurements of the door: right answers, no cluster.
 *
 * Created with `late`, it answers nothing by itself: its calls wait until a test lets them go, in the order it
 * likes, so that orders of answers can be played. A write takes effect when its answer is let go.
 */
import { encodeString } from '../../entry/codec.ts';
import { applyChange, type Change } from '../../entry/change.ts';
import type {
  ChangeSink,
  CountSink,
  Failure,
  FlushSink,
  KvStore,
  PutOptions,
  ReadSink,
  RequestOptions,
  ScanSink,
  WriteSink,
} from '../../kv/api.ts';

/** There are no entries here. */
const NO_ENTRY = new Uint8Array(0);
/** Everything has it. */
const VERSION = new Uint8Array(16);
const VALUE_BYTES_MAX = 16 * 1024 * 1024;

export interface LateCall {
  /** `get k`, `put k v`, `delete k`, `change k kind`, `scan`, `count` or `flush`. */
  readonly what: string;
  /** Do it and answer. */
  answer(): void;
  fail(failure: Failure): void;
}

export class MapStore implements KvStore {
  crowded = false;
  /** No room for another write: who is to be told of some. */
  hopers: (() => void)[] | undefined;
  readonly values = new Map<string, Buffer>();
  /** When some of them expire. */
  readonly untilMs = new Map<string, number>();
  /** What the cluster's clock shows. */
  nowMs = 1_000_000;
  /** Calls that wait, oldest first. */
  readonly waiting: LateCall[] = [];
  readonly #late: boolean;

  constructor({ late = false }: { late?: boolean } = {}) {
    this.#late = late;
  }

  awaitsRoom(wake: () => void): boolean {
    this.hopers?.push(wake);
    return this.hopers !== undefined;
  }

  now(): number {
    return this.nowMs;
  }

  get(key: string, _options: RequestOptions | undefined, sink: ReadSink): void {
    if (this.#late) this.#wait(`get ${key}`, sink, () => this.#get(key, sink));
    else this.#get(key, sink);
  }

  put(key: string, value: Uint8Array, options: PutOptions | undefined, sink: WriteSink): void {
    const kept = Buffer.from(value);
    const untilMs = options?.untilMs ?? 0;
    if (this.#late)
      this.#wait(`put ${key} ${kept.toString('latin1')}`, sink, () => this.#put(key, kept, untilMs, sink));
    else this.#put(key, kept, untilMs, sink);
  }

  delete(key: string, _options: RequestOptions | undefined, sink: WriteSink): void {
    const run = (): void => sink.onWritten(this.values.delete(key), NO_ENTRY);
    if (this.#late) this.#wait(`delete ${key}`, sink, run);
    else run();
  }

  change(key: string, change: Change, _options: RequestOptions | undefined, sink: ChangeSink): void {
    if (this.#late) this.#wait(`change ${key} ${change.kind}`, sink, () => this.#change(key, change, sink));
    else this.#change(key, change, sink);
  }

  scan(cursor: bigint, count: number, sink: ScanSink): void {
    const run = (): void => {
      const keys = [...this.values.keys()].toSorted();
      const end = Number(cursor) + count;
      sink.onPage(keys.slice(Number(cursor), end), end < keys.length ? BigInt(end) : 0n);
    };
    if (this.#late) this.#wait('scan', sink, run);
    else run();
  }

  count(sink: CountSink): void {
    const run = (): void => sink.onCount(this.values.size);
    if (this.#late) this.#wait('count', sink, run);
    else run();
  }

  flush(sink: FlushSink): void {
    const run = (): void => {
      this.values.clear();
      sink.onFlushed();
    };
    if (this.#late) this.#wait('flush', sink, run);
    else run();
  }

  #get(key: string, sink: ReadSink): void {
    const value = this.values.get(key);
    const untilMs = this.untilMs.get(key) ?? 0;
    if (value === undefined || (untilMs !== 0 && this.nowMs >= untilMs)) sink.onMissing();
    else sink.onValue(value, 0, value.length, untilMs, this.nowMs);
  }

  #put(key: string, value: Buffer, untilMs: number, sink: WriteSink): void {
    const existed = this.values.has(key);
    this.values.set(key, value);
    this.untilMs.set(key, untilMs);
    sink.onWritten(existed, NO_ENTRY);
  }

  #change(key: string, change: Change, sink: ChangeSink): void {
    const held = this.values.get(key);
    const untilMs = this.untilMs.get(key) ?? 0;
    const entry = held && encodeString(key, VERSION, held, untilMs);
    const { answer, next } = applyChange(entry, change, this.nowMs, VALUE_BYTES_MAX);
    if (next !== undefined && next.value === undefined) this.values.delete(key);
    else if (next?.value !== undefined) {
      this.values.set(key, Buffer.from(next.value));
      if (next.until !== 'keep') this.untilMs.set(key, next.until);
    }
    sink.onChanged({ ...answer, version: VERSION });
  }

  #wait(what: string, sink: { onFailure(failure: Failure): void }, answer: () => void): void {
    this.waiting.push({ what, answer, fail: (failure) => sink.onFailure(failure) });
  }
}
