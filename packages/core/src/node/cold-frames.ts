/** Frames of the control and the bulk lane on their way out: a header and a body, written into the node's one buffer. */
import type { Writer } from '../base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Place } from '../contracts/store.ts';
import type { Lane, Transport } from '../contracts/transport.ts';
import { encodeMembershipMessage, type MembershipMessage } from '../membership/messages.ts';
import { MESSAGE, newHeader, writeHeader } from '../request/message.ts';

export interface ColdFramesInit {
  readonly transport: Transport;
  readonly out: Writer;
  /** Of the node's ring; 0 while it has none. */
  epoch(): Epoch;
}

/** In the header of what concerns no vnode. */
const NOWHERE: Place = { ringBits: 0, partition: 0 as PartitionId };

export class ColdFrames {
  readonly #init: ColdFramesInit;
  readonly #header = newHeader();
  /** A ring document goes to all members in one message: it is put into bytes once. */
  #last: { readonly message: MembershipMessage; readonly bytes: Uint8Array } | undefined;

  constructor(init: ColdFramesInit) {
    this.#init = init;
  }

  /** False when it could not be taken. */
  control(to: NodeId, type: number, bytes: Uint8Array): boolean {
    return this.#send(to, 'control', type, 0, NOWHERE, (out) => out.bytes(bytes));
  }

  /** False when it could not be taken. */
  membership(to: NodeId, message: MembershipMessage): boolean {
    if (this.#last?.message !== message) this.#last = { message, bytes: encodeMembershipMessage(message) };
    return this.control(to, MESSAGE.membership, this.#last.bytes);
  }

  /** About the vnode of `place` over there; `service` by its number. */
  bulk(to: NodeId, type: number, service: number, place: Place, body: (out: Writer) => void): boolean {
    return this.#send(to, 'bulk', type, service, place, body);
  }

  #send(
    to: NodeId,
    lane: Lane,
    type: number,
    service: number,
    { ringBits, partition }: Place,
    body: (out: Writer) => void,
  ): boolean {
    const { transport, out, epoch } = this.#init;
    out.reset();
    writeHeader(out, { ...this.#header, type, service, ringBits, partition, epoch: epoch() });
    body(out);
    return transport.send(to, lane, out.buffer, 0, out.length);
  }
}
