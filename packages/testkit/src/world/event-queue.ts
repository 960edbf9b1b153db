/**
 * What is going to happen, soonest first; of two things at one time, the one that was planned first.
 *
 * A binary heap by (time, sequence). The order is total, so it never depends on how the heap happens to lie.
 * A cancelled event stays where it is and is skipped later; when most of the heap is cancelled it is rebuilt,
 * so that request timers which nearly always are cancelled do not pile up.
 */
import type { Timer } from '@rkv/core';

/** Lets a happening through to whom it is for: now, later (paused) or never (dead). */
export interface Gate {
  perform(run: () => void): void;
}

export class SimEvent implements Timer {
  readonly time: number;
  readonly sequence: number;
  readonly label: string;
  readonly gate: Gate | undefined;
  /** Undefined once it ran or was cancelled. */
  run: (() => void) | undefined;
  readonly #queue: EventQueue;

  constructor(
    queue: EventQueue,
    time: number,
    sequence: number,
    run: () => void,
    label: string,
    gate: Gate | undefined,
  ) {
    this.#queue = queue;
    this.time = time;
    this.sequence = sequence;
    this.run = run;
    this.label = label;
    this.gate = gate;
  }

  cancel(): void {
    if (this.run === undefined) return;
    this.run = undefined;
    this.#queue.noteCancelled();
  }
}

const REBUILD_FROM = 1024;

function before(a: SimEvent, b: SimEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}

export class EventQueue {
  #heap: SimEvent[] = [];
  #sequence = 0;
  #cancelled = 0;

  /** Events that are still going to happen. */
  get length(): number {
    return this.#heap.length - this.#cancelled;
  }

  push(time: number, run: () => void, label: string, gate: Gate | undefined): SimEvent {
    const event = new SimEvent(this, time, this.#sequence++, run, label, gate);
    this.#heap.push(event);
    this.#rise(this.#heap.length - 1);
    return event;
  }

  /** The next event that was not cancelled, left in its place. */
  peek(): SimEvent | undefined {
    let top = this.#heap[0];
    while (top !== undefined && top.run === undefined) {
      this.#removeTop();
      this.#cancelled--;
      top = this.#heap[0];
    }
    return top;
  }

  pop(): SimEvent | undefined {
    const top = this.peek();
    if (top !== undefined) this.#removeTop();
    return top;
  }

  noteCancelled(): void {
    this.#cancelled++;
    if (this.#cancelled < REBUILD_FROM || this.#cancelled * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter((event) => event.run !== undefined);
    this.#cancelled = 0;
    for (let at = (this.#heap.length >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #removeTop(): void {
    const last = this.#heap.pop() as SimEvent;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const event = heap[from] as SimEvent;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = heap[parentAt] as SimEvent;
      if (!before(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const size = heap.length;
    const event = heap[from] as SimEvent;
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= size) break;
      let child = heap[childAt] as SimEvent;
      const right = childAt + 1 < size ? (heap[childAt + 1] as SimEvent) : child;
      if (before(right, child)) {
        child = right;
        childAt++;
      }
      if (!before(child, event)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = event;
  }
}
