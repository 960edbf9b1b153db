/** Where a vnode's answers go: to a request of this node, or in a frame to the node that asked. */
import type { Writer } from '../base/bytes.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Transport } from '../contracts/transport.ts';
import type { Refusal } from '../contracts/vnode.ts';
import {
  AT_SHIFT,
  FLAG_FALLBACK,
  FLAG_PARTIAL,
  MESSAGE,
  newHeader,
  REFUSALS,
  REPLY_CROWDED,
  REPLY_FAILED,
  REPLY_KEPT,
  REPLY_OK,
  REPLY_REFUSED,
  writeHeader,
  type Header,
} from '../request/message.ts';
import type { ReplicaRequest, RequestId } from '../request/port.ts';
import type { RequestTable } from '../request/request-table.ts';
import { VnodeToken } from '../vnode/mailbox.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import type { RingView } from './ring-view.ts';
import type { RequestKind } from './request-kind.ts';

/** Brings an answer to a request of this node. A new one each time: who answers twice must not reach another request. */
export class LocalToken extends VnodeToken {
  readonly #table: RequestTable;
  readonly #self: NodeId;
  readonly #id: RequestId;
  readonly #at: number;
  readonly #host: VnodeHost;

  constructor(table: RequestTable, self: NodeId, id: RequestId, at: number, host: VnodeHost) {
    super();
    this.#table = table;
    this.#self = self;
    this.#id = id;
    this.#at = at;
    this.#host = host;
  }

  reply(reply: unknown): void {
    const request = this.#take();
    if (request === undefined) return;
    this.#host.telling++;
    request.onReply(this.#at, reply, this.#host.standsIn);
    this.#host.telling--;
  }

  refuse(why: Refusal): void {
    const request = this.#take();
    if (request === undefined) return;
    this.#host.telling++;
    request.onRefused(this.#at, why);
    this.#host.telling--;
  }

  fail(): void {
    const request = this.#take();
    if (request === undefined) return;
    this.#host.telling++;
    request.onFailed(this.#at, true);
    this.#host.telling--;
  }

  #take(): ReplicaRequest<unknown> | undefined {
    return this.use() ? this.#table.take(this.#id, this.#at, this.#self) : undefined;
  }
}

export interface RemoteTokenInit {
  readonly transport: Transport;
  readonly view: RingView;
  readonly out: Writer;
}

/**
 * Brings an answer to the node that asked. In the place of one that finds no room in the lane goes a word that there was
 * none, which is small. If that cannot be sent either all is lost; the asker waits no longer than it said.
 */
export class RemoteToken extends VnodeToken {
  readonly #init: RemoteTokenInit;
  /** Undefined: of a service that is not here, and can only be refused. */
  readonly #kind: RequestKind | undefined;
  readonly #to: NodeId;
  // Of the command's header, what its answer repeats.
  readonly #at: number;
  readonly #ringBits: number;
  readonly #requestId: RequestId;
  readonly #partition: PartitionId;
  readonly #service: number;
  host: VnodeHost | undefined = undefined;
  /** The command came too late for its ring: what it was to merge is kept as a hint, and the asker is to ask anew. */
  late = false;

  constructor(init: RemoteTokenInit, kind: RequestKind | undefined, to: NodeId, header: Header) {
    super();
    this.#init = init;
    this.#kind = kind;
    this.#to = to;
    this.#at = header.flags >>> AT_SHIFT;
    this.#ringBits = header.ringBits;
    this.#requestId = header.requestId;
    this.#partition = header.partition;
    this.#service = header.service;
  }

  reply(reply: unknown): void {
    if (this.late) return this.#replyKept();
    // First of all: a codec that throws over it leaves the command unanswered, and who asked can be told.
    this.#kind?.codec.encodeReply(reply, this.#begin(REPLY_OK));
    if (!this.use() || this.#send()) return;
    // Not a refusal: the command may have been acted on.
    this.#begin(REPLY_CROWDED);
    this.#send();
  }

  refuse(why: Refusal): void {
    if (!this.use()) return;
    this.#begin(REPLY_REFUSED).u8(REFUSALS.indexOf(why));
    this.#send();
  }

  fail(): void {
    if (!this.use()) return;
    this.#begin(REPLY_FAILED);
    this.#send();
  }

  #replyKept(): void {
    if (!this.use()) return;
    this.#begin(REPLY_KEPT);
    this.#send();
  }

  /** A frame with its header and status; the rest of its body is written behind them. */
  #begin(status: number): Writer {
    const { out, view } = this.#init;
    const header = replyHeader;
    header.type = this.#kind?.answer ?? MESSAGE.reply;
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
const replyHeader: Header = newHeader();
