/**
 * How a door that ends parts from its clients: each at a moment when it has nothing under way.
 *
 * A Redis client cannot be told to go elsewhere; it learns of it when the connection ends, and of what it has sent by then
 * and has no reply to it knows nothing. So a connection is ended when it has been silent for a while and nothing of it is
 * half read, unanswered or unread: a long silence at first; whoever goes on talking is met in a shorter one; whoever makes
 * none is told with every reply that this node ends (TRYAGAIN, surely not done). At last any moment without a debt will do.
 *
 * A look is taken after the sockets were read, never right after a timer: after a stall of this process commands lie in
 * the sockets, and what is silent then is so only for us.
 *
 * Not promised: that nothing is lost of what was sent while the end was on its way to the client.
 */

/** A connection, as far as leave is taken of it. */
export interface Guest {
  /** Grows with whatever is read from it. */
  readonly reads: number;
  /** Nothing of it is half read, held back or unanswered. */
  readonly idle: boolean;
  /** From now on its commands on keys are answered with `stopping`. */
  refuse(): void;
  /** End it: replies and the end of the stream go out, what comes now is not looked at. */
  part(): void;
  /** Take no more commands, and part when all replies are given. */
  closeAfterReplies(): void;
}

export interface Stage {
  /** Since the door was asked to close, ms. */
  readonly untilMs: number;
  /** So long nothing must have come from it, ms. */
  readonly silenceMs: number;
  readonly serves: boolean;
}

/** Idle clients are gone in 20 ms, busy ones in a fifth of a second, those that never pause in half of one. */
export const STAGES: readonly Stage[] = [
  { untilMs: 100, silenceMs: 20, serves: true },
  { untilMs: 250, silenceMs: 3, serves: true },
  { untilMs: 450, silenceMs: 3, serves: false },
  { untilMs: 600, silenceMs: 0, serves: false },
];
const LOOK_EVERY_MS = 1;

interface Silence {
  reads: number;
  sinceMs: number;
}

/** Ends by itself when `guests` is empty, or when the last stage is over and everybody was told to go. */
export class LeaveTaking {
  readonly #guests: ReadonlySet<Guest>;
  #startedAtMs = 0;
  readonly #silences = new Map<Guest, Silence>();

  constructor(guests: ReadonlySet<Guest>) {
    this.#guests = guests;
  }

  begin(): void {
    this.#startedAtMs = performance.now();
    this.#wait();
  }

  #wait(): void {
    setTimeout(() => setImmediate(() => this.#look()), LOOK_EVERY_MS);
  }

  #look(): void {
    const nowMs = performance.now();
    const stage = STAGES.find(({ untilMs }) => nowMs - this.#startedAtMs < untilMs);
    for (const guest of this.#guests) {
      if (stage === undefined) guest.closeAfterReplies();
      else this.#lookAt(guest, stage, nowMs);
    }
    if (stage !== undefined && this.#guests.size > 0) this.#wait();
  }

  #lookAt(guest: Guest, { silenceMs, serves }: Stage, nowMs: number): void {
    if (!serves) guest.refuse();
    const { reads } = guest;
    let silence = this.#silences.get(guest);
    if (silence === undefined) {
      silence = { reads, sinceMs: this.#startedAtMs };
      this.#silences.set(guest, silence);
    }
    if (silence.reads !== reads || !guest.idle) {
      silence.reads = reads;
      silence.sinceMs = nowMs;
    }
    if (guest.idle && nowMs - silence.sinceMs >= silenceMs) guest.part();
  }
}
