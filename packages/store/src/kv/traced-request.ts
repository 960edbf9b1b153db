/**
 * A traced request, as its coordinator tells it: who was asked and when, who answered what and when, and what came of it.
 *
 * A port in front of the port. The request behind it is the same as any other and knows nothing of being watched; one
 * without a trace id never comes here. Every replica that is asked gets the id along and logs its own part.
 */
import {
  memberName,
  type CountedList,
  type Epoch,
  type Logger,
  type NodeId,
  type PartitionId,
  type Refusal,
  type Replica,
  type ReplicaRequest,
  type RequestId,
  type RingDocument,
  type ServicePort,
} from '@rkv/core';
import type { ChangeSink, Failure, ReadSink } from './api.ts';
import type { KvCommand, KvReply } from './commands.ts';
import type { Coordinator } from './coordinator.ts';
import type { WriteWatcher } from './write-request.ts';

type Port = ServicePort<KvCommand, KvReply>;

export class TracedRequest implements Port {
  readonly coordinator: Coordinator;
  readonly #port: Port;
  readonly #logger: Logger;
  readonly #trace: string;
  readonly #verb: string;
  readonly #now: () => number;
  readonly #begun: number;
  readonly #asked: string[] = [];
  readonly #answered: string[] = [];
  readonly #watched = new Map<RequestId, Watched>();
  #ended = false;

  constructor(coordinator: Coordinator, logger: Logger, trace: string, verb: string) {
    const { port, host } = coordinator;
    this.coordinator = { ...coordinator, port: this };
    this.#port = port;
    this.#logger = logger;
    this.#trace = trace;
    this.#verb = verb;
    this.#now = () => host.monotonic();
    this.#begun = this.#now();
  }

  get self(): NodeId {
    return this.#port.self;
  }
  get epoch(): Epoch {
    return this.#port.epoch;
  }
  get document(): RingDocument {
    return this.#port.document;
  }
  get full(): boolean {
    return this.#port.full;
  }
  list(first: PartitionId, n: number): CountedList {
    return this.#port.list(first, n);
  }
  close(id: RequestId): void {
    this.#port.close(id);
  }
  alarm(id: RequestId, delayMs: number): void {
    this.#port.alarm(id, delayMs);
  }

  open(request: ReplicaRequest<KvReply>): RequestId {
    const watched = new Watched(request, (replica, what) => this.#note(this.#answered, replica, what));
    const id = this.#port.open(watched);
    this.#watched.set(id, watched);
    return id;
  }

  send(id: RequestId, at: number, replica: Replica, command: KvCommand, remainingMs: number): void {
    const what = command.kind === 'get' && !command.whole ? 'state' : command.kind;
    this.#watched.get(id)?.replicas.set(at, replica);
    this.#note(this.#asked, replica, what);
    this.#port.send(id, at, replica, command, remainingMs, this.#trace);
  }

  reads(sink: ReadSink): ReadSink {
    return {
      onValue: (bytes, start, end, untilMs, nowMs) => {
        this.#end(`a value of ${end - start} bytes`);
        sink.onValue(bytes, start, end, untilMs, nowMs);
      },
      onMissing: () => {
        this.#end('not found');
        sink.onMissing();
      },
      onFailure: (failure) => this.#fail(failure, sink),
    };
  }

  writes(sink: WriteWatcher): WriteWatcher {
    return {
      onWritten: (existed, entry) => {
        this.#end('written');
        sink.onWritten(existed, entry);
      },
      onFailure: (failure) => this.#fail(failure, sink),
    };
  }

  changes(sink: ChangeSink): ChangeSink {
    return {
      onChanged: (answer) => {
        this.#end(answer.applied ? 'changed' : 'not changed');
        sink.onChanged(answer);
      },
      onFailure: (failure) => this.#fail(failure, sink),
    };
  }

  #fail(failure: Failure, sink: { onFailure(failure: Failure): void }): void {
    this.#end(`${failure.code}: ${failure.message}`);
    sink.onFailure(failure);
  }

  #note(list: string[], { node, partition, role }: Replica, what: string): void {
    const who = `${memberName(this.document, node)}, partition ${partition}${role === 'fallback' ? ' as a stand-in' : ''}`;
    list.push(`${who}: ${what} at ${this.#elapsedMs()} ms`);
    // What comes after the outcome: the last copies of a write, read repair, hints.
    if (!this.#ended) return;
    const phase = list === this.#asked ? 'asked' : 'answered';
    this.#logger.info({ trace: this.#trace, [phase]: list.at(-1) }, 'a traced request goes on');
  }

  #end(outcome: string): void {
    this.#ended = true;
    this.#logger.info(
      {
        trace: this.#trace,
        request: this.#verb,
        asked: [...this.#asked],
        answered: [...this.#answered],
        outcome,
        durationMs: this.#elapsedMs(),
      },
      'a traced request has its outcome',
    );
  }

  #elapsedMs(): number {
    return Math.round((this.#now() - this.#begun) * 1_000) / 1_000;
  }
}

/** Tells what a request is told. */
class Watched implements ReplicaRequest<KvReply> {
  /** By their place in the list that the request goes by. */
  readonly replicas = new Map<number, Replica>();
  readonly onKept?: (at: number) => void;
  readonly #request: ReplicaRequest<KvReply>;
  readonly #tell: (replica: Replica, what: string) => void;

  constructor(request: ReplicaRequest<KvReply>, tell: (replica: Replica, what: string) => void) {
    this.#request = request;
    this.#tell = tell;
    if (request.onKept === undefined) return;
    this.onKept = (at) => {
      this.#say(at, 'kept as a hint');
      request.onKept?.(at);
    };
  }

  onReply(at: number, reply: KvReply, standIn: boolean): void {
    this.#say(at, `${describeReply(reply)}${standIn ? ', standing in or partial' : ''}`);
    this.#request.onReply(at, reply, standIn);
  }
  onRefused(at: number, why: Refusal): void {
    this.#say(at, `refused, ${why}`);
    this.#request.onRefused(at, why);
  }
  onFailed(at: number, sent: boolean, crowded?: boolean): void {
    this.#say(at, sent ? 'failed' : 'could not be sent');
    this.#request.onFailed(at, sent, crowded);
  }
  onAlarm(): void {
    this.#request.onAlarm();
  }
  onRingChanged(): void {
    this.#request.onRingChanged();
  }

  #say(at: number, what: string): void {
    const replica = this.replicas.get(at);
    if (replica !== undefined) this.#tell(replica, what);
  }
}

function describeReply(reply: KvReply): string {
  if (reply.kind === 'held') return reply.entry === undefined ? 'holds nothing' : 'holds it';
  if (reply.kind === 'merged') return reply.later === undefined ? 'merged' : 'holds a later version';
  return reply.kind;
}
