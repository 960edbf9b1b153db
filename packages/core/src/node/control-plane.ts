/**
 * The control plane: what nodes say to each other on the control and the bulk lane, to and fro.
 *
 * A frame is a header and a body. On the control lane travel the membership's messages and the questions of one node to
 * another, on the bulk lane the items of transfers. Each goes to whoever it is for; what it means is known there.
 * Commands to vnodes and their answers have a lane of their own (data-plane.ts).
 */
import { Reader, WireError, type Writer } from '../base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Place } from '../contracts/store.ts';
import type { Lane, Transport } from '../contracts/transport.ts';
import { readOffer, writeAnswer } from '../handoff/handoff-wire.ts';
import {
  decodeMembershipMessage,
  encodeMembershipMessage,
  type MembershipMessage,
} from '../membership/messages.ts';
import {
  MESSAGE,
  newHeader,
  readHeader,
  serviceNumber,
  writeHeader,
  type Header,
} from '../request/message.ts';

export interface ControlPlaneParts {
  /** The node's, for those who read its refusals. */
  readonly name: string;
  readonly transport: Transport;
  /** The node's one buffer for frames on their way out. */
  readonly out: Writer;
  /** Those that this node runs. */
  readonly services: readonly string[];
  /** Of the node's ring; 0 while it has none. */
  epoch(): Epoch;
  onMembership(from: NodeId, message: MembershipMessage): void;
  onQuestion(from: NodeId, bytes: Uint8Array): void;
  onAnswer(from: NodeId, bytes: Uint8Array): void;
  onTransfer(from: NodeId, header: Header, service: string, body: Reader): void;
  onExchange(from: NodeId, header: Header, service: string, body: Reader): void;
}

/** In the header of what concerns no vnode, or several. */
export const NOWHERE: Place = { ringBits: 0, partition: 0 as PartitionId };

export class ControlPlane {
  readonly #parts: ControlPlaneParts;
  readonly #services: ReadonlyMap<number, string>;
  readonly #reader = new Reader();
  readonly #heard = newHeader();
  readonly #said = newHeader();
  /** A ring document goes to all members in one message: it is put into bytes once. */
  #last: { readonly message: MembershipMessage; readonly bytes: Uint8Array } | undefined;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    this.#services = new Map(parts.services.map((name) => [serviceNumber(name), name]));
  }

  // Each returns false when the transport did not take the frame.

  membership(to: NodeId, message: MembershipMessage): boolean {
    if (this.#last?.message !== message) this.#last = { message, bytes: encodeMembershipMessage(message) };
    return this.#control(to, MESSAGE.membership, this.#last.bytes);
  }

  question(to: NodeId, bytes: Uint8Array): boolean {
    return this.#control(to, MESSAGE.question, bytes);
  }

  answer(to: NodeId, bytes: Uint8Array): boolean {
    return this.#control(to, MESSAGE.answer, bytes);
  }

  /** About the vnode of `place` over there; `service` by its number. */
  bulk(to: NodeId, type: number, service: number, place: Place, body: (out: Writer) => void): boolean {
    return this.#send(to, 'bulk', type, service, place, body);
  }

  /** A frame that came in. Throws `WireError` when it makes no sense. */
  onFrame(from: NodeId, bytes: Uint8Array, start: number, end: number): void {
    const header = this.#heard;
    const body = this.#reader.on(bytes, start, end);
    readHeader(body, header);
    switch (header.type) {
      case MESSAGE.membership:
        return this.#parts.onMembership(from, decodeMembershipMessage(body.rest()));
      case MESSAGE.question:
        return this.#parts.onQuestion(from, body.rest());
      case MESSAGE.answer:
        return this.#parts.onAnswer(from, body.rest());
      case MESSAGE.handoffOffer:
      case MESSAGE.handoffAnswer:
      case MESSAGE.handoffItems:
      case MESSAGE.handoffAck:
      case MESSAGE.handoffCompare:
      case MESSAGE.handoffHeld:
      case MESSAGE.handoffEnd: {
        const service = this.#services.get(header.service);
        if (service === undefined) return this.#refuseTransfer(from, header, body);
        return this.#parts.onTransfer(from, header, service, body);
      }
      case MESSAGE.exchangeAsk:
      case MESSAGE.exchangeTell: {
        const service = this.#services.get(header.service);
        // Whoever asks has heard from this node which services it runs, or will; it asks again later.
        if (service !== undefined) this.#parts.onExchange(from, header, service, body);
        return;
      }
      default:
        throw new WireError(`a message of unknown type ${header.type}`);
    }
  }

  /** Of a service that is not run here. */
  #refuseTransfer(from: NodeId, { type, service, ringBits, partition }: Header, body: Reader): void {
    if (type !== MESSAGE.handoffOffer) throw new WireError('a transfer of an unknown service');
    const { id } = readOffer(body);
    const refusal = `${this.#parts.name} does not run this service`;
    this.bulk(from, MESSAGE.handoffAnswer, service, { ringBits, partition }, (out) =>
      writeAnswer(out, { id, refusal, compare: false }),
    );
  }

  #control(to: NodeId, type: number, bytes: Uint8Array): boolean {
    return this.#send(to, 'control', type, 0, NOWHERE, (out) => out.bytes(bytes));
  }

  #send(
    to: NodeId,
    lane: Lane,
    type: number,
    service: number,
    { ringBits, partition }: Place,
    body: (out: Writer) => void,
  ): boolean {
    const { transport, out, epoch } = this.#parts;
    out.reset();
    writeHeader(out, { ...this.#said, type, service, ringBits, partition, epoch: epoch() });
    body(out);
    return transport.send(to, lane, out.buffer, 0, out.length);
  }
}
