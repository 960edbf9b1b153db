/**
 * The data plane: brings a command from a request to its vnode, here or on another node, and the answer back.
 *
 * A vnode here is called at once and with the command itself. For a vnode elsewhere the command becomes a frame on
 * the data lane; its answer finds the request by number, and is taken once and only from the node that was asked.
 *
 * The receiving side holds a frame to its epoch: a partition that was given away answers `moved`, but what is only to be
 * merged is taken by a stand-in, as its asker may listen no more; a frame from a later ring than this node has waits, for
 * as long as its asker does, until the ring arrives. A command for a service that this node does not run is refused at
 * once. A fenced command is done under its own ring or not at all. So it is for every module and every kind of request, and no module knows of it.
 */
import { Reader, WireError, type Writer } from '../base/bytes.ts';
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Place } from '../contracts/store.ts';
import type { Transport } from '../contracts/transport.ts';
import type { VnodeModule } from '../contracts/vnode.ts';
import {
  AT_SHIFT,
  FLAG_FALLBACK,
  FLAG_PARTIAL,
  MESSAGE,
  newHeader,
  readHeader,
  REMAINING_MS_MAX,
  REFUSALS,
  REPLY_CROWDED,
  REPLY_FAILED,
  REPLY_KEPT,
  REPLY_OK,
  REPLY_REFUSED,
  writeHeader,
  type Header,
} from '../request/message.ts';
import type { CoveragePort } from '../request/coverage.ts';
import type { ReplicaRequest, RequestId, ServicePort } from '../request/port.ts';
import type { RequestTable } from '../request/request-table.ts';
import type { RingDocument } from '../ring/document.ts';
import { RING_SIZE_MAX, ringBits } from '../ring/hash-space.ts';
import type { Replica } from '../ring/preference-list.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import type { ServiceVnodes, VnodeManager } from '../vnode/vnode-manager.ts';
import { LocalToken, RemoteToken } from './reply-tokens.ts';
import { TracedLocalToken, TracedRemoteToken } from './traced-tokens.ts';
import type { ListOf, RingView } from './ring-view.ts';
import { commandKind, coverageKind, kindNumber, type RequestKind } from './request-kind.ts';

export interface DataPlaneInit {
  readonly self: NodeId;
  readonly host: Host;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly modules: readonly VnodeModule<unknown, unknown>[];
  readonly view: RingView;
  readonly vnodes: VnodeManager;
  readonly table: RequestTable;
  readonly out: Writer;
}

interface EarlyFrame {
  readonly from: NodeId;
  readonly epoch: Epoch;
  readonly bytes: Uint8Array;
  readonly until: number;
}

const RING_BITS_MAX = ringBits(RING_SIZE_MAX);
/** Frames of a later ring that wait for it, and their bytes; beyond, they are refused. */
const EARLY_FRAMES_MAX = 1_000;
const EARLY_BYTES_MAX = 32 * 1024 * 1024;

export class DataPlane {
  readonly #init: DataPlaneInit;
  /** By service and message type, that of the request as well as that of its answer. */
  readonly #kinds = new Map<number, RequestKind>();
  readonly #header: Header = newHeader();
  readonly #reader = new Reader();
  #early: EarlyFrame[] = [];
  #earlyRefused = 0;
  #stopping = false;
  /** Commands that other nodes have sent here so far. */
  heard = 0;

  constructor(init: DataPlaneInit) {
    this.#init = init;
    for (const module of init.modules)
      for (const kind of [commandKind(module), coverageKind(module)]) this.#add(kind);
  }

  limits(): LimitUse[] {
    const bytes = this.#early.reduce((sum, early) => sum + early.bytes.length, 0);
    const reached = this.#earlyRefused;
    return [
      { limit: 'early_frames', used: this.#early.length, max: EARLY_FRAMES_MAX, reached },
      { limit: 'early_bytes', used: bytes, max: EARLY_BYTES_MAX, reached },
    ];
  }

  /** No command is taken any more; answers still go out. */
  drain(): void {
    this.#stopping = true;
  }

  port<Command, Reply>(module: VnodeModule<Command, Reply>): ServicePort<Command, Reply> {
    const kind = commandKind(module as unknown as VnodeModule<unknown, unknown>);
    return new RequestPort(this.#init, kind) as ServicePort<unknown, unknown> as ServicePort<Command, Reply>;
  }

  coveragePort<Command, Reply>(module: VnodeModule<Command, Reply>): CoveragePort<Command, Reply> {
    const kind = coverageKind(module as unknown as VnodeModule<unknown, unknown>);
    return new RequestPort(this.#init, kind) as ServicePort<unknown, unknown> as CoveragePort<Command, Reply>;
  }

  onFrame(from: NodeId, bytes: Uint8Array, start: number, end: number): void {
    const header = this.#header;
    const reader = this.#reader.on(bytes, start, end);
    readHeader(reader, header);
    const kind = this.#kinds.get(kindNumber(header.type, header.service));
    const { type } = header;
    if (type === MESSAGE.reply || type === MESSAGE.coveragePage)
      this.#handleReply(from, header, reader, kind);
    else if (type === MESSAGE.command || type === MESSAGE.coverage)
      this.#handleCommand(from, header, reader, bytes.subarray(start, end), kind);
    else throw new WireError(`a message of type ${type} on the data lane`);
  }

  #add(kind: RequestKind): void {
    this.#kinds.set(kindNumber(kind.request, kind.service), kind);
    this.#kinds.set(kindNumber(kind.answer, kind.service), kind);
  }

  /** The ring is newer: what waited for it may go on; what is for a still later one waits on. */
  adopt(): void {
    this.#dropLateFrames();
    const waiting = this.#early;
    this.#early = [];
    for (const frame of waiting) {
      if (frame.epoch > this.#init.view.document.epoch) this.#early.push(frame);
      else this.onFrame(frame.from, frame.bytes, 0, frame.bytes.length);
    }
  }

  /** Nobody waits any more for what these would answer. */
  #dropLateFrames(): void {
    const now = this.#init.host.monotonic();
    this.#early = this.#early.filter((frame) => frame.until > now);
  }

  #keepForLater(from: NodeId, header: Header, frame: Uint8Array): boolean {
    this.#dropLateFrames();
    const bytes = this.#early.reduce((sum, early) => sum + early.bytes.length, frame.length);
    if (this.#early.length >= EARLY_FRAMES_MAX || bytes > EARLY_BYTES_MAX) return false;
    const until = this.#init.host.monotonic() + header.remainingMs;
    this.#early.push({ from, epoch: header.epoch, bytes: frame.slice(), until });
    return true;
  }

  #handleReply(from: NodeId, header: Header, body: Reader, kind: RequestKind | undefined): void {
    const at = header.flags >>> AT_SHIFT;
    const standIn = (header.flags & (FLAG_FALLBACK | FLAG_PARTIAL)) !== 0;
    if (kind === undefined) throw new WireError('a reply of an unknown service');
    const request = this.#init.table.take(header.requestId, at, from);
    if (request === undefined) return;
    // From here on the request waits for this answer no more: whatever the bytes are, it must be told something.
    const status = body.left > 0 ? body.u8() : REPLY_FAILED;
    if (status === REPLY_OK) {
      const reply = decodeOrFail(kind, body);
      if (reply === undefined) request.onFailed(at, true);
      else request.onReply(at, reply, standIn);
    } else if (status === REPLY_REFUSED && body.left > 0)
      request.onRefused(at, REFUSALS[body.u8()] ?? 'bad_request');
    else if (status === REPLY_KEPT && request.onKept !== undefined) request.onKept(at);
    else request.onFailed(at, true, status === REPLY_CROWDED);
  }

  #handleCommand(
    from: NodeId,
    header: Header,
    body: Reader,
    frame: Uint8Array,
    kind: RequestKind | undefined,
  ): void {
    const { view, logger } = this.#init;
    const { trace } = header;
    const token =
      trace === undefined
        ? new RemoteToken(this.#init, kind, from, header)
        : new TracedRemoteToken(this.#init, kind, from, header, trace);
    this.heard++;
    // Whoever sent it has not heard yet what this node runs, or no longer does.
    if (kind === undefined) return token.refuse('no_service');
    if (this.#stopping) return token.refuse('stopping');
    const { document } = view;
    if (header.epoch > document.epoch) {
      if (this.#keepForLater(from, header, frame)) return;
      this.#earlyRefused++;
      token.refuse('overload');
      return;
    }
    const owner = this.#vnodeFor(kind, header);
    if (owner === undefined && !this.#wasSentBefore(header)) return token.refuse('moved');
    let command: unknown;
    try {
      command = kind.codec.decodeCommand(body);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      logger.warn({ from, reason: error.message }, 'a command made no sense and was refused');
      return token.refuse('bad_request');
    }
    if (kind.fences(command)) {
      // Of an earlier ring another node may count as the owner of a copy of it.
      if (owner === undefined || header.epoch !== document.epoch) return token.refuse('moved');
      if (!owner.countsInMajorities) return token.refuse('busy');
    }
    if (trace !== undefined) (token as TracedRemoteToken).command = command;
    const vnode = owner ?? this.#standInFor(kind, header, command);
    if (vnode === undefined) return token.refuse('moved');
    token.host = vnode;
    token.late = owner === undefined;
    kind.bring(vnode, command, token, header.remainingMs);
  }

  /** Under a ring that this node has left behind, which may have been of another size. */
  #wasSentBefore({ epoch, ringBits: bits, partition }: Header): boolean {
    return epoch < this.#init.view.document.epoch && bits <= RING_BITS_MAX && partition < 1 << bits;
  }

  /** Keeps as a hint what comes too late for the ring that it was sent under. */
  #standInFor(
    kind: RequestKind,
    { ringBits: bits, partition }: Header,
    command: unknown,
  ): VnodeHost | undefined {
    const { vnodes } = this.#init;
    const place: Place = { ringBits: bits, partition };
    // What is being filled may be given up again, and no hint must be lost with it.
    if (!kind.merges(command) || vnodes.isToFill(place)) return undefined;
    return vnodes.findOrOpenAt(kind.name, place);
  }

  /** The vnode that this frame is for, or undefined when the partition is another node's now. */
  #vnodeFor({ name }: RequestKind, header: Header): VnodeHost | undefined {
    const { view, vnodes, self } = this.#init;
    const { document } = view;
    if (header.ringBits !== ringBits(document.ringSize) || header.partition >= document.ringSize)
      return undefined;
    if (document.owners[header.partition] === self) return vnodes.find(name, header.partition);
    if ((header.flags & FLAG_FALLBACK) === 0) return undefined;
    return vnodes.findOrStandIn(name, header.partition);
  }
}

function decodeOrFail({ codec }: RequestKind, body: Reader): unknown {
  try {
    return codec.decodeReply(body);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return undefined;
  }
}

/** What the requests of one kind, to one service, send through. */
class RequestPort implements ServicePort<unknown, unknown> {
  readonly self: NodeId;
  /** Of the nodes that run this service. */
  readonly list: ListOf;
  readonly #init: DataPlaneInit;
  readonly #view: RingView;
  readonly #table: RequestTable;
  readonly #kind: RequestKind;
  readonly #vnodes: ServiceVnodes;
  readonly #header: Header = newHeader();

  constructor(init: DataPlaneInit, kind: RequestKind) {
    this.self = init.self;
    this.list = init.view.listOf(kind.name);
    this.#init = init;
    this.#view = init.view;
    this.#table = init.table;
    this.#kind = kind;
    this.#vnodes = init.vnodes.of(kind.name);
    this.#header.type = kind.request;
    this.#header.service = kind.service;
  }

  get epoch(): Epoch {
    return this.#view.document.epoch;
  }

  get document(): RingDocument {
    return this.#view.document;
  }

  get full(): boolean {
    return this.#table.full;
  }

  open(request: ReplicaRequest<unknown>): RequestId {
    return this.#table.add(request as ReplicaRequest<never>);
  }

  close(id: RequestId): void {
    this.#table.remove(id);
  }

  alarm(id: RequestId, delayMs: number): void {
    this.#table.alarm(id, delayMs);
  }

  send(
    id: RequestId,
    at: number,
    replica: Replica,
    command: unknown,
    remainingMs: number,
    trace?: string,
  ): void {
    this.#table.expect(id, at, replica.node);
    const keptMs = Math.min(remainingMs, REMAINING_MS_MAX);
    if (replica.node === this.self) this.#sendHere(id, at, replica, command, keptMs, trace);
    else this.#sendAway(id, at, replica, command, keptMs, trace);
  }

  #sendHere(
    id: RequestId,
    at: number,
    replica: Replica,
    command: unknown,
    remainingMs: number,
    trace: string | undefined,
  ): void {
    const host = this.#vnodeHere(replica);
    if (host === undefined) {
      this.#table.take(id, at, this.self)?.onRefused(at, 'moved');
      return;
    }
    if (this.#kind.fences(command) && !host.countsInMajorities) {
      this.#table.take(id, at, this.self)?.onRefused(at, 'busy');
      return;
    }
    const token =
      trace === undefined
        ? new LocalToken(this.#table, this.self, id, at, host)
        : new TracedLocalToken(this.#init, { id, at, host }, trace, command);
    this.#kind.bring(host, command, token, remainingMs);
  }

  /** Undefined for one of a ring that is past. */
  #vnodeHere({ role, partition, ringSize }: Replica): VnodeHost | undefined {
    if (ringSize !== this.#view.document.ringSize) return undefined;
    return role === 'primary' ? this.#vnodes.find(partition) : this.#vnodes.findOrStandIn(partition);
  }

  #sendAway(
    id: RequestId,
    at: number,
    replica: Replica,
    command: unknown,
    remainingMs: number,
    trace: string | undefined,
  ): void {
    const { out, transport } = this.#init;
    const { document } = this.#view;
    const header = this.#header;
    header.flags = (at << AT_SHIFT) | (replica.role === 'fallback' ? FLAG_FALLBACK : 0);
    header.ringBits = ringBits(replica.ringSize);
    header.requestId = id;
    header.epoch = document.epoch;
    header.partition = replica.partition;
    header.remainingMs = remainingMs;
    header.trace = trace;
    out.reset();
    writeHeader(out, header);
    this.#kind.codec.encodeCommand(command, out);
    const taken = transport.send(replica.node, 'data', out.buffer, 0, out.length);
    if (!taken) this.#table.take(id, at, replica.node)?.onFailed(at, false);
  }
}
