/** The store as its doors see it: reads and writes at quorum, walks over the whole cluster. */
import type {
  CountSink,
  Failure,
  KvStore,
  PutOptions,
  ReadSink,
  RequestOptions,
  ScanSink,
  WriteSink,
} from './api.ts';
import { areReadsCrowded, type Coordinator } from './coordinator.ts';
import { roomFailure, sizeFailure } from './failure.ts';
import { POSITION_END } from './key-space.ts';
import { ReadRequest } from './read-request.ts';
import { countKeys, scanPage } from './scan.ts';
import { WriteRequest } from './write-request.ts';

/** Keys per step of a flush: enough to keep the replicas busy, few enough to leave room for others. */
const FLUSH_KEYS = 256;

export class QuorumStore implements KvStore {
  readonly #coordinator: Coordinator;
  // Requests that were done at once, to be begun again. Those that had to wait go their own way.
  readonly #reads: ReadRequest[] = [];
  readonly #writes: WriteRequest[] = [];

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
  }

  get crowded(): boolean {
    return areReadsCrowded(this.#coordinator);
  }

  get(key: string, options: RequestOptions | undefined, sink: ReadSink): void {
    const failure = this.#refusal(key, 0);
    if (failure !== undefined) return sink.onFailure(failure);
    const request = this.#reads.pop() ?? new ReadRequest(this.#coordinator);
    request.begin(key, options, sink);
    if (request.done) this.#reads.push(request);
  }

  now(): number {
    return this.#coordinator.clusterTime();
  }

  put(key: string, value: Uint8Array, options: PutOptions | undefined, sink: WriteSink): void {
    const failure = this.#refusal(key, value.length);
    if (failure !== undefined) return sink.onFailure(failure);
    const request = this.#writes.pop() ?? new WriteRequest(this.#coordinator);
    request.put(key, value, options, sink);
    if (request.done) this.#writes.push(request);
  }

  delete(key: string, options: RequestOptions | undefined, sink: WriteSink): void {
    const failure = this.#refusal(key, 0);
    if (failure !== undefined) return sink.onFailure(failure);
    const request = this.#writes.pop() ?? new WriteRequest(this.#coordinator);
    request.delete(key, options, sink);
    if (request.done) this.#writes.push(request);
  }

  scan(cursor: bigint, count: number, sink: ScanSink): void {
    const position = cursor < BigInt(POSITION_END) ? Number(cursor) : POSITION_END;
    scanPage(this.#coordinator, position, count, (outcome) => {
      if (outcome.kind === 'failed') return sink.onFailure(outcome.failure);
      sink.onPage(outcome.keys, outcome.position >= POSITION_END ? 0n : BigInt(outcome.position));
    });
  }

  count(sink: CountSink): void {
    countKeys(this.#coordinator, (outcome) => {
      if (outcome.kind === 'failed') sink.onFailure(outcome.failure);
      else sink.onCount(outcome.count);
    });
  }

  flush(sink: CountSink): void {
    let deleted = 0;
    const step = (cursor: bigint): void => {
      this.scan(cursor, FLUSH_KEYS, {
        onFailure: (failure) => sink.onFailure(failure),
        onPage: (keys, next) => {
          this.#deleteAll(keys, (failure) => {
            if (failure !== undefined) return sink.onFailure(failure);
            deleted += keys.length;
            if (next === 0n) sink.onCount(deleted);
            // Others get their turn between the steps, on a lone node too.
            else this.#coordinator.host.setTimer(1, () => step(next));
          });
        },
      });
    };
    step(0n);
  }

  /** Why a request is not begun; undefined: it is. */
  #refusal(key: string, valueBytes: number): Failure | undefined {
    const { defaults, port } = this.#coordinator;
    return sizeFailure(key, valueBytes, defaults.valueBytesMax) ?? roomFailure(port);
  }

  #deleteAll(keys: readonly string[], done: (failure: Failure | undefined) => void): void {
    let open = keys.length;
    let failure: Failure | undefined;
    const settled = (): void => {
      if (--open === 0) done(failure);
    };
    if (open === 0) return done(undefined);
    for (const key of keys) {
      this.delete(key, undefined, {
        onWritten: settled,
        onFailure: (why) => {
          failure = why;
          settled();
        },
      });
    }
  }
}
