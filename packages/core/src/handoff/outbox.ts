/**
 * Frames of transfers on their way into a lane, which may have no room for them: per peer, in order.
 *
 * A lane that is full is no reason to begin a transfer anew, nor to leave a frame unacknowledged. So frames wait here
 * and are tried again a little later. How many of them there can be is limited by those who make them: a transfer has
 * so much under way and no more, and an acknowledgement answers one of that.
 */
import type { Host, Timer } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';

export interface OutboxFrame {
  /** False: the lane has no room, ask again. */
  send(): boolean;
  /** False: its transfer has ended, or its receiver is down. */
  isWanted(): boolean;
}

/** How soon a lane that was full is tried again: time in which it sends some MiB. */
const RESEND_MS = 10;

export class Outbox {
  readonly #host: Host;
  readonly #waiting = new Map<NodeId, OutboxFrame[]>();
  #timer: Timer | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Frames that wait for room. */
  get size(): number {
    let size = 0;
    for (const frames of this.#waiting.values()) size += frames.length;
    return size;
  }

  put(to: NodeId, frame: OutboxFrame): void {
    const waiting = this.#waiting.get(to);
    if (waiting !== undefined) waiting.push(frame);
    else if (!frame.send()) this.#wait(to, [frame]);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #wait(to: NodeId, frames: OutboxFrame[]): void {
    this.#waiting.set(to, frames);
    this.#timer ??= this.#host.setTimer(RESEND_MS, () => this.#resend());
  }

  #resend(): void {
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [to, frames] of waiting) {
      const left = frames.findIndex((frame) => frame.isWanted() && !frame.send());
      if (left >= 0) this.#wait(to, frames.slice(left));
    }
  }
}
