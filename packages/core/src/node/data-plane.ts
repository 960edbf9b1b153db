/**
 * The way of a command: from a request to a vnode, here or on another node, and of its answer back.
 *
 * A vnode here is called at once and with the command itself. For a vnode elsewhere the command becomes a frame on
 * the data lane; its answer finds the request by number, and is taken once and only from the node that was asked.
 *
 * The receiving side holds a frame to its epoch: a partition that was given away answers `moved`; a frame from a later
 * ring than this node has waits, for as long as its asker does, until the ring arrives.
 */
import { Reader, WireError, type Writer } from '../base/bytes.ts';
import type { Host } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
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
  REPLY_FAILED,
  REPLY_OK,
  REPLY_REFUSED,
  serviceNumber,
  writeHeader,
  type Header,
} from '../request/message.ts';
import type { ReplicaRequest, RequestId, ServicePort } from '../request/port.ts';
import type { RequestTable } from '../request/request-table.ts';
import { ringBits } from '../ring/hash-space.ts';
import type { Replica } from '../ring/preference-list.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import type { VnodeManager } from '../vnode/vnode-manager.ts';
import type { RingView } from './ring-view.ts';

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
  #stopping = false;

  constructor(init: DataPlaneInit) {
    this.#init = init;
    for (const module of init.modules) this.#byNumber.set(serviceNumber(module.name), module);
  }

  /** No command is taken any more; answers still go out. */
  drain(): void {
    this.#stopping = true;
  }

  port<Command, Reply>(module: VnodeModule<Command, Reply>): ServicePort<Command, Reply> {
    const { self, view, table } = this.#init;
    const number = serviceNumber(module.name);
    const erased = module as unknown as VnodeModule<unknown, unknown>;
    return {
      self,
      get epoch() {
        return view.document.epoch;
      },
      get document() {
        return view.document;
      },
      list: (first, n) => view.list(first, n),
      open: (request) => table.add(request as ReplicaRequest<never>),
      close: (id) => table.remove(id),
      alarm: (id, delayMs) => table.alarm(id, delayMs),
      send: (id, at, replica, command, remainingMs) => {
        table.expect(id, at, replica.node);
        if (replica.node === self) this.#sendHere(erased, id, at, replica, command);
        else this.#sendAway(erased, number, id, at, replica, command, remainingMs);
      },
    };
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

  #sendHere(
    module: VnodeModule<unknown, unknown>,
    id: RequestId,
    at: number,
    replica: Replica,
    command: unknown,
  ): void {
    const { vnodes, table, self } = this.#init;
    const host =
      replica.role === 'primary'
        ? vnodes.find(module.name, replica.partition)
        : vnodes.findOrStandIn(module.name, replica.partition);
    if (host === undefined) {
      table.take(id, at, self)?.onRefused(at, 'moved');
      return;
    }
    host.handle(command, new LocalToken(table, self, id, at, host));
  }

  #sendAway(
    module: VnodeModule<unknown, unknown>,
    service: number,
    id: RequestId,
    at: number,
    replica: Replica,
    command: unknown,
    remainingMs: number,
  ): void {
    const { view, out, transport, table } = this.#init;
    const header = this.#header;
    header.type = MESSAGE.command;
    header.flags = (at << AT_SHIFT) | (replica.role === 'fallback' ? FLAG_FALLBACK : 0);
    header.ringBits = ringBits(view.document.ringSize);
    header.requestId = id;
    header.epoch = view.document.epoch;
    header.partition = replica.partition;
    header.service = service;
    header.remainingMs = remainingMs;
    out.reset();
    writeHeader(out, header);
    module.codec.encodeCommand(command, out);
    const taken = transport.send(replica.node, 'data', out.buffer, 0, out.length);
    if (!taken) table.take(id, at, replica.node)?.onFailed(at, false);
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
    else request.onFailed(at, true);
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
      if (!this.#keepForLater(from, header, bytes.subarray(start, end))) token.refuse('overload');
      return;
    }
    const vnode = this.#vnodeFor(module, header);
    if (vnode === undefined) return token.refuse('moved');
    token.host = vnode;
    let command: unknown;
    try {
      command = module.codec.decodeCommand(body);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      logger.warn({ from, reason: error.message }, 'a command made no sense and was refused');
      return token.refuse('bad_request');
    }
    vnode.handle(command, token);
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

/** Brings an answer to a request of this node. */
class LocalToken implements ReplyToken<unknown> {
  readonly #table: RequestTable;
  readonly #self: NodeId;
  readonly #id: RequestId;
  readonly #at: number;
  readonly #host: VnodeHost;

  constructor(table: RequestTable, self: NodeId, id: RequestId, at: number, host: VnodeHost) {
    this.#table = table;
    this.#self = self;
    this.#id = id;
    this.#at = at;
    this.#host = host;
  }

  reply(reply: unknown): void {
    this.#table.take(this.#id, this.#at, this.#self)?.onReply(this.#at, reply, this.#host.standsIn);
  }

  refuse(why: Refusal): void {
    this.#table.take(this.#id, this.#at, this.#self)?.onRefused(this.#at, why);
  }

  fail(): void {
    this.#table.take(this.#id, this.#at, this.#self)?.onFailed(this.#at, true);
  }
}

/** Brings an answer to the node that asked. One that cannot be sent is lost; the asker waits no longer than it said. */
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

  #send(): void {
    const { out, transport } = this.#init;
    transport.send(this.#to, 'data', out.buffer, 0, out.length);
  }
}

/** Filled anew for every reply. */
const replyHeader: Header = { ...newHeader(), type: MESSAGE.reply };
