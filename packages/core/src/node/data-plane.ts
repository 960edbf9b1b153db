/**
 * The way of a command: from a request to a vnode, here or on another node, and of its answer back.
 *
 * A vnode here is called at once and with the command itself. For a vnode elsewhere the command becomes a frame on
 * the data lane; its answer finds the request by number, and is taken once and only from the node that was asked.
 *
 * The receiving side holds a frame to its epoch: a partition that was given away answers `moved`, but what is only to be
 * merged is taken by a stand-in, as its asker may listen no more; a frame from a later ring than this node has waits, for
 * as long as its asker does, until the ring arrives.
 */
import { assert } from '../base/assert.ts';
import { Reader, WireError, type Writer } from '../base/bytes.ts';
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Transport } from '../contracts/transport.ts';
import type { Refusal, ReplyToken, VnodeModule } from '../contracts/vnode.ts';
import {
  FLAG_FALLBACK,
  FLAG_PARTIAL,
  MESSAGE,
  newHeader,
  readHeader,
  REFUSALS,
  REPLY_CROWDED,
  REPLY_FAILED,
  REPLY_OK,
  REPLY_REFUSED,
  serviceNumber,
  writeHeader,
  type Header,
} from '../request/message.ts';
import type { ReplicaRequest, RequestId, ServicePort } from '../request/port.ts';
import type { RequestTable } from '../request/request-table.ts';
import type { RingDocument } from '../ring/document.ts';
import { ringBits } from '../ring/hash-space.ts';
import type { Replica } from '../ring/preference-list.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import type { ServiceVnodes, VnodeManager } from '../vnode/vnode-manager.ts';
import type { ListOf, RingView } from './ring-view.ts';

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

/** Position of the replica in its list travels in the upper bits of the flags. */
const AT_SHIFT = 3;
/** Frames of a later ring that wait for it, and their bytes; beyond, they are refused. */
const EARLY_FRAMES_MAX = 1_000;
const EARLY_BYTES_MAX = 32 * 1024 * 1024;

export class DataPlane {
  readonly #init: DataPlaneInit;
  readonly #byNumber = new Map<number, VnodeModule<unknown, unknown>>();
  readonly #header: Header = newHeader();
  readonly #reader = new Reader();
  #early: EarlyFrame[] = [];
  #earlyRefused = 0;
  #stopping = false;

  constructor(init: DataPlaneInit) {
    this.#init = init;
    for (const module of init.modules) this.#byNumber.set(serviceNumber(module.name), module);
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
    const erased = module as unknown as VnodeModule<unknown, unknown>;
    return new ModulePort(this.#init, erased) as ServicePort<unknown, unknown> as ServicePort<Command, Reply>;
  }

  onFrame(from: NodeId, bytes: Uint8Array, start: number, end: number): void {
    const header = this.#header;
    const reader = this.#reader.on(bytes, start, end);
    readHeader(reader, header);
    if (header.type === MESSAGE.reply) this.#handleReply(from, header, reader);
    else if (header.type === MESSAGE.command) this.#handleCommand(from, header, reader, bytes, start, end);
    else throw new WireError(`a message of type ${header.type} on the data lane`);
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

  #handleReply(from: NodeId, header: Header, body: Reader): void {
    const at = header.flags >>> AT_SHIFT;
    const standIn = (header.flags & (FLAG_FALLBACK | FLAG_PARTIAL)) !== 0;
    const module = this.#byNumber.get(header.service);
    if (module === undefined) throw new WireError('a reply of an unknown service');
    const request = this.#init.table.take(header.requestId, at, from);
    if (request === undefined) return;
    // From here on the request waits for this answer no more: whatever the bytes are, it must be told something.
    const status = body.left > 0 ? body.u8() : REPLY_FAILED;
    if (status === REPLY_OK) {
      const reply = decodeOrFail(module, body);
      if (reply === undefined) request.onFailed(at, true);
      else request.onReply(at, reply, standIn);
    } else if (status === REPLY_REFUSED && body.left > 0)
      request.onRefused(at, REFUSALS[body.u8()] ?? 'bad_request');
    else request.onFailed(at, true, status === REPLY_CROWDED);
  }

  #handleCommand(
    from: NodeId,
    header: Header,
    body: Reader,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { view, logger } = this.#init;
    const module = this.#byNumber.get(header.service);
    if (module === undefined) throw new WireError('a command for an unknown service');
    const token = new RemoteToken(this.#init, module, from, header);
    if (this.#stopping) return token.refuse('stopping');
    const { document } = view;
    if (header.epoch > document.epoch) {
      if (this.#keepForLater(from, header, bytes.subarray(start, end))) return;
      this.#earlyRefused++;
      token.refuse('overload');
      return;
    }
    const owner = this.#vnodeFor(module, header);
    if (owner === undefined && !this.#wasSentBefore(header)) return token.refuse('moved');
    let command: unknown;
    try {
      command = module.codec.decodeCommand(body);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      logger.warn({ from, reason: error.message }, 'a command made no sense and was refused');
      return token.refuse('bad_request');
    }
    const vnode = owner ?? this.#standInFor(module, header, command);
    if (vnode === undefined) return token.refuse('moved');
    token.host = vnode;
    vnode.handle(command, token);
  }

  /** Under a ring that this node has left behind, for a partition of it. */
  #wasSentBefore({ epoch, ringBits: bits, partition }: Header): boolean {
    const { document } = this.#init.view;
    const isOfThisSize = bits === ringBits(document.ringSize) && partition < document.ringSize;
    return isOfThisSize && epoch < document.epoch;
  }

  #standInFor(
    module: VnodeModule<unknown, unknown>,
    { partition }: Header,
    command: unknown,
  ): VnodeHost | undefined {
    if (module.merges?.(command) !== true) return undefined;
    return this.#init.vnodes.findOrStandIn(module.name, partition);
  }

  /** The vnode that this frame is for, or undefined when the partition is another node's now. */
  #vnodeFor(module: VnodeModule<unknown, unknown>, header: Header): VnodeHost | undefined {
    const { view, vnodes, self } = this.#init;
    const { document } = view;
    if (header.ringBits !== ringBits(document.ringSize) || header.partition >= document.ringSize)
      return undefined;
    if (document.owners[header.partition] === self) return vnodes.find(module.name, header.partition);
    if ((header.flags & FLAG_FALLBACK) === 0) return undefined;
    return vnodes.findOrStandIn(module.name, header.partition);
  }
}

function decodeOrFail(module: VnodeModule<unknown, unknown>, body: Reader): unknown {
  try {
    return module.codec.decodeReply(body);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return undefined;
  }
}

/** What the requests of one service send through. */
class ModulePort implements ServicePort<unknown, unknown> {
  readonly self: NodeId;
  /** Of the nodes that run this service. */
  readonly list: ListOf;
  readonly #init: DataPlaneInit;
  readonly #view: RingView;
  readonly #table: RequestTable;
  readonly #module: VnodeModule<unknown, unknown>;
  readonly #service: number;
  readonly #vnodes: ServiceVnodes;
  readonly #header: Header = { ...newHeader(), type: MESSAGE.command };

  constructor(init: DataPlaneInit, module: VnodeModule<unknown, unknown>) {
    this.self = init.self;
    this.list = init.view.listOf(module.name);
    this.#init = init;
    this.#view = init.view;
    this.#table = init.table;
    this.#module = module;
    this.#service = serviceNumber(module.name);
    this.#vnodes = init.vnodes.of(module.name);
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

  send(id: RequestId, at: number, replica: Replica, command: unknown, remainingMs: number): void {
    this.#table.expect(id, at, replica.node);
    if (replica.node === this.self) this.#sendHere(id, at, replica, command);
    else this.#sendAway(id, at, replica, command, remainingMs);
  }

  #sendHere(id: RequestId, at: number, replica: Replica, command: unknown): void {
    const host = this.#vnodeHere(replica);
    if (host === undefined) {
      this.#table.take(id, at, this.self)?.onRefused(at, 'moved');
      return;
    }
    host.handle(command, new LocalToken(this.#table, this.self, id, at, host));
  }

  /** Undefined for one of a ring that is past. */
  #vnodeHere({ role, partition, ringSize }: Replica): VnodeHost | undefined {
    if (ringSize !== this.#view.document.ringSize) return undefined;
    return role === 'primary' ? this.#vnodes.find(partition) : this.#vnodes.findOrStandIn(partition);
  }

  #sendAway(id: RequestId, at: number, replica: Replica, command: unknown, remainingMs: number): void {
    const { out, transport } = this.#init;
    const { document } = this.#view;
    const header = this.#header;
    header.flags = (at << AT_SHIFT) | (replica.role === 'fallback' ? FLAG_FALLBACK : 0);
    header.ringBits = ringBits(replica.ringSize);
    header.requestId = id;
    header.epoch = document.epoch;
    header.partition = replica.partition;
    header.service = this.#service;
    header.remainingMs = remainingMs;
    out.reset();
    writeHeader(out, header);
    this.#module.codec.encodeCommand(command, out);
    const taken = transport.send(replica.node, 'data', out.buffer, 0, out.length);
    if (!taken) this.#table.take(id, at, replica.node)?.onFailed(at, false);
  }
}

/** Brings an answer to a request of this node. A new one each time: who answers twice must not reach another request. */
class LocalToken implements ReplyToken<unknown> {
  readonly #table: RequestTable;
  readonly #self: NodeId;
  readonly #id: RequestId;
  readonly #at: number;
  readonly #host: VnodeHost;
  #answered = false;

  constructor(table: RequestTable, self: NodeId, id: RequestId, at: number, host: VnodeHost) {
    this.#table = table;
    this.#self = self;
    this.#id = id;
    this.#at = at;
    this.#host = host;
  }

  reply(reply: unknown): void {
    this.#take()?.onReply(this.#at, reply, this.#host.standsIn);
  }

  refuse(why: Refusal): void {
    this.#take()?.onRefused(this.#at, why);
  }

  fail(): void {
    this.#take()?.onFailed(this.#at, true);
  }

  #take(): ReplicaRequest<unknown> | undefined {
    assert(!this.#answered, 'a vnode answers a command once');
    this.#answered = true;
    return this.#table.take(this.#id, this.#at, this.#self);
  }
}

/**
 * Brings an answer to the node that asked. In the place of one that finds no room in the lane goes a word that there was
 * none, which is small. If that cannot be sent either all is lost; the asker waits no longer than it said.
 */
class RemoteToken implements ReplyToken<unknown> {
  readonly #init: DataPlaneInit;
  readonly #module: VnodeModule<unknown, unknown>;
  readonly #to: NodeId;
  // Of the command's header, what its answer repeats.
  readonly #at: number;
  readonly #ringBits: number;
  readonly #requestId: RequestId;
  readonly #partition: PartitionId;
  readonly #service: number;
  host: VnodeHost | undefined;

  constructor(init: DataPlaneInit, module: VnodeModule<unknown, unknown>, to: NodeId, header: Header) {
    this.#init = init;
    this.#module = module;
    this.#to = to;
    this.#at = header.flags >>> AT_SHIFT;
    this.#ringBits = header.ringBits;
    this.#requestId = header.requestId;
    this.#partition = header.partition;
    this.#service = header.service;
  }

  reply(reply: unknown): void {
    this.#module.codec.encodeReply(reply, this.#begin(REPLY_OK));
    if (this.#send()) return;
    // Not a refusal: the command may have been acted on.
    this.#begin(REPLY_CROWDED);
    this.#send();
  }

  refuse(why: Refusal): void {
    this.#begin(REPLY_REFUSED).u8(REFUSALS.indexOf(why));
    this.#send();
  }

  fail(): void {
    this.#begin(REPLY_FAILED);
    this.#send();
  }

  /** A frame with its header and status; the rest of its body is written behind them. */
  #begin(status: number): Writer {
    const { out, view } = this.#init;
    const header = replyHeader;
    header.flags = this.#at << AT_SHIFT;
    if (this.host?.role === 'fallback') header.flags |= FLAG_FALLBACK;
    if (this.host?.whole === false) header.flags |= FLAG_PARTIAL;
    header.ringBits = this.#ringBits;
    header.requestId = this.#requestId;
    header.epoch = view.document.epoch;
    header.partition = this.#partition;
    header.service = this.#service;
    out.reset();
    writeHeader(out, header);
    out.u8(status);
    return out;
  }

  #send(): boolean {
    const { out, transport } = this.#init;
    return transport.send(this.#to, 'data', out.buffer, 0, out.length);
  }
}

/** Filled anew for every reply. */
const replyHeader: Header = { ...newHeader(), type: MESSAGE.reply };
