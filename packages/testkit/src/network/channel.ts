/**
 * One lane of one connection: frames in order, as TCP carries them.
 *
 * What meets a cut waits and is sent again once the link is whole, and everything behind it waits too; nothing
 * is lost while the connection lives. Bytes count as queued until the receiver has handled them *and* the way
 * back could carry the acknowledgement, so a paused receiver or a link cut one way fills the queue.
 *
 * Frames lie inside a larger buffer between bytes of garbage and are overwritten with it after the receiver
 * returned: whoever ignores `start` and `end`, or keeps borrowed bytes, finds out.
 */
import type { Lane } from '@rkv/core';
import { Fifo } from '../world/fifo.ts';
import { digestBytes } from '../world/trace.ts';
import type { World } from '../world/world.ts';
import type { Life } from '../life/life.ts';
import type { Link, Lossiness } from './link.ts';

/** Where the frames go in: the process that receives. */
export interface Receiver {
  readonly life: Life;
  receive(lane: Lane, bytes: Uint8Array, start: number, end: number): void;
}

export interface ChannelComponents {
  readonly world: World;
  readonly forward: Link;
  readonly backward: Link;
  /** Whose frames these are. */
  readonly sender: Life;
  readonly receiver: Receiver;
  /** Frames cannot move now: cut, or nobody there. */
  onStuck(): void;
  /** The link is whole again. False: the connection did not survive. */
  survivesCut(): boolean;
  /** The last frame was handled. */
  onDrained(): void;
}

export interface ChannelInit {
  readonly lane: Lane;
  /** Nothing more is taken while this many bytes are queued. */
  readonly queuedBytesMax: number;
}

interface Frame {
  readonly buffer: Uint8Array;
  readonly size: number;
  readonly sentAt: number;
  readonly arrivesAt: number;
}

const GARBAGE = 0xdd;
const MARGIN = 4;
/** What a frame of any size costs in the queue. */
const FRAME_OVERHEAD_BYTES = 4;
/** After a cut, TCP tries again at growing intervals: a stalled frame moves this long after the healing. */
const RETRANSMIT_MS_MAX = 1000;
/** A frame that loses its place on a lossy link comes up to this much later. */
const STRAY_MS_MAX = 100;

export class Channel {
  readonly #parts: ChannelComponents;
  readonly #lane: Lane;
  readonly #queuedBytesMax: number;
  readonly #label: string;
  /** In flight, in order. Only the first has an event planned. */
  readonly #frames = new Fifo<Frame>();
  #queuedBytes = 0;
  /** Handled by the receiver, which cannot tell us so. */
  #unacknowledgedBytes = 0;
  #lastArrival = 0;
  #state: 'idle' | 'moving' | 'stalled' | 'closed' = 'idle';

  constructor(components: ChannelComponents, { lane, queuedBytesMax }: ChannelInit) {
    this.#parts = components;
    this.#lane = lane;
    this.#queuedBytesMax = queuedBytesMax;
    this.#label = `${lane} ${components.forward.from}>${components.forward.to}`;
  }

  get isDrained(): boolean {
    return this.#frames.length === 0;
  }

  /** Whether the sender waits for something that does not come. */
  get isStuck(): boolean {
    return this.#state === 'stalled' || this.#unacknowledgedBytes > 0;
  }

  /** False when the queue is full. */
  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#queuedBytes >= this.#queuedBytesMax) return false;
    const lossy = this.#parts.forward.properties.lossy;
    if (lossy === undefined || !this.#goesAstray(lossy, bytes, start, end)) {
      this.#enqueue(framed(bytes, start, end), end - start);
    }
    return true;
  }

  /** The sender's process died: a drawn part of what it had sent is on its way, the rest is lost. */
  loseTail(): void {
    const { world, forward } = this.#parts;
    const arriving = forward.prng.below(this.#frames.length + 1);
    world.toll.count('frame lost with its connection', this.#frames.length - arriving);
    this.#frames.truncate(arriving);
  }

  /** What is in flight is lost. */
  close(): void {
    this.#state = 'closed';
    this.#parts.world.toll.count('frame lost with its connection', this.#frames.length);
    this.#frames.clear();
  }

  #enqueue(buffer: Uint8Array, size: number): void {
    const { world, forward } = this.#parts;
    const sentAt = world.now();
    const firstByteAt = Math.max(sentAt + forward.drawDelayMs(), this.#lastArrival);
    this.#lastArrival = firstByteAt + size / forward.properties.bytesPerMs;
    this.#queuedBytes += size + FRAME_OVERHEAD_BYTES;
    this.#frames.push({ buffer, size, sentAt, arrivesAt: this.#lastArrival });
    if (this.#state === 'idle') this.#moveNext();
  }

  #moveNext(): void {
    const next = this.#frames.peek();
    if (next === undefined) {
      this.#state = 'idle';
      this.#parts.onDrained();
      return;
    }
    this.#state = 'moving';
    const { world } = this.#parts;
    world.schedule(Math.max(0, next.arrivesAt - world.now()), this.#arrive, this.#label);
  }

  readonly #arrive = (): void => {
    if (this.#state === 'closed') return;
    const frame = this.#frames.peek();
    if (frame !== undefined && !this.#parts.forward.drawPasses(frame.sentAt)) {
      this.#stall();
      return;
    }
    this.#frames.shift();
    if (frame !== undefined) {
      if (this.#parts.sender.hasEnded) this.#parts.world.toll.count('frame of a sender that is dead');
      this.#deliver(frame.buffer, frame.size, true);
    }
    this.#moveNext();
  };

  #stall(): void {
    this.#state = 'stalled';
    this.#parts.onStuck();
    const { world, forward } = this.#parts;
    world.toll.count('frame held up by a cut');
    forward.whenWhole(() => {
      if (this.#state === 'closed' || !this.#parts.survivesCut()) return;
      world.schedule(forward.prng.below(RETRANSMIT_MS_MAX), this.#goOn, this.#label);
    });
  }

  readonly #goOn = (): void => {
    if (this.#state === 'stalled') this.#moveNext();
  };

  #deliver(buffer: Uint8Array, size: number, acknowledged: boolean): void {
    const { world, receiver } = this.#parts;
    world.trace.note(world.now(), this.#label, size, digestBytes(buffer, MARGIN, MARGIN + size));
    if (receiver.life.hasEnded) {
      if (acknowledged) this.#awaitAcknowledgement(size);
    } else if (receiver.life.isReady) {
      this.#handOver(buffer, size, acknowledged);
    } else {
      receiver.life.perform(() => this.#handOver(buffer, size, acknowledged));
    }
  }

  #handOver(buffer: Uint8Array, size: number, acknowledged: boolean): void {
    this.#parts.receiver.receive(this.#lane, buffer, MARGIN, MARGIN + size);
    buffer.fill(GARBAGE);
    if (acknowledged) this.#acknowledge(size);
  }

  #acknowledge(size: number): void {
    const { backward } = this.#parts;
    if (!backward.isCut) {
      this.#queuedBytes -= size + FRAME_OVERHEAD_BYTES;
      return;
    }
    this.#awaitAcknowledgement(size);
    backward.whenWhole(() => {
      this.#unacknowledgedBytes -= size + FRAME_OVERHEAD_BYTES;
      this.#queuedBytes -= size + FRAME_OVERHEAD_BYTES;
    });
  }

  #awaitAcknowledgement(size: number): void {
    this.#unacknowledgedBytes += size + FRAME_OVERHEAD_BYTES;
    this.#parts.onStuck();
  }

  /** On a lossy link: drop the frame, let it come late, or let a copy come besides. True when it left the order. */
  #goesAstray(lossy: Lossiness, bytes: Uint8Array, start: number, end: number): boolean {
    const { world, forward } = this.#parts;
    const { prng } = forward;
    if (prng.chance(lossy.drop)) {
      world.toll.count('frame dropped');
      return true;
    }
    if (prng.chance(lossy.duplicate)) {
      world.toll.count('frame duplicated');
      this.#stray(framed(bytes, start, end), end - start);
    }
    if (!prng.chance(lossy.reorder)) return false;
    world.toll.count('frame reordered');
    this.#stray(framed(bytes, start, end), end - start);
    return true;
  }

  /** A frame outside of the order, and outside of the connection: it may come after this one has ended. */
  #stray(buffer: Uint8Array, size: number): void {
    const { world, forward } = this.#parts;
    const sentAt = world.now();
    const delayMs = forward.drawDelayMs() + forward.prng.below(STRAY_MS_MAX);
    const arrive = (): void => {
      if (!forward.drawPasses(sentAt)) return;
      if (this.#state === 'closed') world.toll.count('frame of a connection that is over');
      this.#deliver(buffer, size, false);
    };
    world.schedule(delayMs, arrive, `stray ${this.#label}`);
  }
}

function framed(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const buffer = new Uint8Array(end - start + 2 * MARGIN).fill(GARBAGE);
  buffer.set(bytes.subarray(start, end), MARGIN);
  return buffer;
}
