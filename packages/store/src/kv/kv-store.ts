/** The store as its doors see it: reads and writes at quorum, walks over the whole cluster. */
import { silentLogger, STAMP_BYTES, type Logger } from '@rkv/core';
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
} from './api.ts';
import { bucketOfKey, type Coordinator } from './coordinator.ts';
import { ALWAYS, changeBytes, type Change } from '../entry/change.ts';
import { VERSION_AT } from '../entry/layout.ts';
import { ChangeRequest } from './change-request.ts';
import { roomFailure, sizeFailure, traceFailure } from './failure.ts';
import { FlushRequest } from './flush-request.ts';
import { POSITION_END } from './key-space.ts';
import { ReadRequest } from './read-request.ts';
import { countKeys, scanPage } from './scan.ts';
import { StrictRead } from './strict-read.ts';
import { TracedRequest } from './traced-request.ts';
import { WriteRequest } from './write-request.ts';

/** Strict keys per step of a flush: enough to keep the replicas busy, few enough to leave room for others. */
const FLUSH_KEYS = 256;

/** The store of a node: requests of the quorum kind, over the port of its service. */
export class QuorumStore implements KvStore {
  readonly #coordinator: Coordinator;
  // Requests that were done at once, to be begun again. Those that had to wait go their own way.
  readonly #reads: ReadRequest[] = [];
  readonly #writes: WriteRequest[] = [];

  readonly #logger: Logger;

  /** `logger` hears of traced requests. */
  constructor(coordinator: Coordinator, logger: Logger = silentLogger) {
    this.#coordinator = coordinator;
    this.#logger = logger;
  }

  get crowded(): boolean {
    return this.#coordinator.values.crowded;
  }

  awaitsRoom(wake: () => void): boolean {
    return this.#coordinator.values.awaitsRoom(wake);
  }

  get(key: string, options: RequestOptions | undefined, sink: ReadSink): void {
    const failure = this.#refusal(key, 0);
    if (failure !== undefined) return sink.onFailure(failure);
    if (options?.trace !== undefined) return this.#tracedGet(key, options, options.trace, sink);
    if (this.#isStrict(key)) return new StrictRead(this.#coordinator, key, options, sink).begin();
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
    if (this.#isStrict(key)) {
      const change: Change = {
        kind: 'set',
        value: new Uint8Array(value),
        when: ALWAYS,
        until: options?.untilMs ?? 0,
        returns: false,
      };
      return this.#changeStrict(key, change, options, sink);
    }
    if (options?.trace !== undefined)
      return this.#tracedWrite('put', options.trace, sink, (request, traced) =>
        request.put(key, value, options, traced),
      );
    const request = this.#writes.pop() ?? new WriteRequest(this.#coordinator);
    request.put(key, value, options, sink);
    if (request.done) this.#writes.push(request);
  }

  delete(key: string, options: RequestOptions | undefined, sink: WriteSink): void {
    const failure = this.#refusal(key, 0);
    if (failure !== undefined) return sink.onFailure(failure);
    if (this.#isStrict(key)) {
      const change: Change = { kind: 'delete', when: ALWAYS, returns: false };
      return this.#changeStrict(key, change, options, sink);
    }
    if (options?.trace !== undefined)
      return this.#tracedWrite('delete', options.trace, sink, (request, traced) =>
        request.delete(key, options, traced),
      );
    const request = this.#writes.pop() ?? new WriteRequest(this.#coordinator);
    request.delete(key, options, sink);
    if (request.done) this.#writes.push(request);
  }

  change(key: string, change: Change, options: RequestOptions | undefined, sink: ChangeSink): void {
    // Both go to the node that runs it in one frame.
    const failure = this.#refusal(key, changeBytes(change));
    if (failure !== undefined) return sink.onFailure(failure);
    if (options?.trace !== undefined) return this.#tracedChange(key, change, options, options.trace, sink);
    new ChangeRequest(this.#coordinator, key, change, options, sink).begin();
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

  flush(sink: FlushSink): void {
    const failure = roomFailure(this.#coordinator.port);
    if (failure !== undefined) return sink.onFailure(failure);
    const deleteStrict = (done: (failure: Failure | undefined) => void): void => this.#deleteStrict(0n, done);
    new FlushRequest({ coordinator: this.#coordinator, deleteStrict }, sink).begin();
  }

  /** Strict keys from a cursor on, page by page: nobody but their owners together may say that they are gone. */
  #deleteStrict(cursor: bigint, done: (failure: Failure | undefined) => void): void {
    this.scan(cursor, FLUSH_KEYS, {
      onFailure: (failure) => done({ ...failure, definite: false }),
      onPage: (keys, next) => {
        const strict = keys.filter((key) => this.#isStrict(key));
        this.#deleteAll(strict, (failure) => {
          if (failure !== undefined) return done({ ...failure, definite: false });
          if (next === 0n) return done(undefined);
          // Others get their turn between the steps, on a lone node too.
          this.#coordinator.host.setTimer(1, () => this.#deleteStrict(next, done));
        });
      },
    });
  }

  #isStrict(key: string): boolean {
    return bucketOfKey(this.#coordinator, key).level === 'strict';
  }

  #changeStrict(key: string, change: Change, options: RequestOptions | undefined, sink: WriteSink): void {
    const trace = options?.trace;
    if (trace === undefined) return changeStrict(this.#coordinator, key, change, options, sink);
    const failure = traceFailure(trace);
    if (failure !== undefined) return sink.onFailure(failure);
    const traced = new TracedRequest(this.#coordinator, this.#logger, trace, change.kind);
    changeStrict(traced.coordinator, key, change, options, traced.writes(sink));
  }

  #tracedGet(key: string, options: RequestOptions, trace: string, sink: ReadSink): void {
    const failure = traceFailure(trace);
    if (failure !== undefined) return sink.onFailure(failure);
    const traced = new TracedRequest(this.#coordinator, this.#logger, trace, 'get');
    if (this.#isStrict(key)) new StrictRead(traced.coordinator, key, options, traced.reads(sink)).begin();
    else new ReadRequest(traced.coordinator).begin(key, options, traced.reads(sink));
  }

  #tracedChange(key: string, change: Change, options: RequestOptions, trace: string, sink: ChangeSink): void {
    const failure = traceFailure(trace);
    if (failure !== undefined) return sink.onFailure(failure);
    const traced = new TracedRequest(this.#coordinator, this.#logger, trace, change.kind);
    new ChangeRequest(traced.coordinator, key, change, options, traced.changes(sink)).begin();
  }

  #tracedWrite(
    verb: 'put' | 'delete',
    trace: string,
    sink: WriteSink,
    begin: (request: WriteRequest, sink: WriteSink) => void,
  ): void {
    const failure = traceFailure(trace);
    if (failure !== undefined) return sink.onFailure(failure);
    const traced = new TracedRequest(this.#coordinator, this.#logger, trace, verb);
    begin(new WriteRequest(traced.coordinator), traced.writes(sink));
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

function changeStrict(
  coordinator: Coordinator,
  key: string,
  change: Change,
  options: RequestOptions | undefined,
  sink: WriteSink,
): void {
  new ChangeRequest(coordinator, key, change, options, {
    onChanged: ({ existed, version }) => {
      // Of the entry a door looks at its version only.
      const entry = new Uint8Array(VERSION_AT + STAMP_BYTES);
      entry.set(version, VERSION_AT);
      sink.onWritten(existed, entry);
    },
    onFailure: (failure) => sink.onFailure(failure),
  }).begin();
}
