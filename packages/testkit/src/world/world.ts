/**
 * The simulated world: one seed, one virtual clock, one queue of events.
 *
 * Everything that happens is an event that somebody planned; time stands still while an event is handled and
 * then jumps to the next. What looks like chance is drawn from the seed, so a run is a function of its seed and
 * the code: it replays exactly, and a failure names the seed that shows it again.
 *
 * Source: the simulator of FoundationDB (SIGMOD 2021, section 4); TigerBeetle's VOPR.
 * Holds: events in order of (time, planned first); what was deferred during an event runs before the next one.
 * Not here: promises. A node's code below floor 4 has none, and nothing waits for microtasks.
 */
import { assert, Prng, type Timer } from '@rkv/core';
import { EventQueue, type Gate, type SimEvent } from './event-queue.ts';
import { Fifo } from './fifo.ts';
import { Toll } from './toll.ts';
import { hashText, Trace } from './trace.ts';

/** What a world is made of: a seed, and how much of its past it shows. */
export interface WorldInit {
  /** All chance comes from it; 32 bits count. */
  readonly seed: number;
  /** How many of the last events `describeTrace` shows. Default 200; 0 saves a little time. */
  readonly keepEvents?: number;
}

/** An event threw. The message names the seed, the virtual time and the event; `cause` is what was thrown. */
export class SimulationFailure extends Error {
  constructor(world: World, label: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`seed ${world.seed}, at ${world.now().toFixed(3)} ms, in "${label}": ${reason}`, { cause });
    this.name = 'SimulationFailure';
  }
}

interface Deferred {
  readonly run: () => void;
  readonly gate: Gate | undefined;
}

export class World {
  readonly seed: number;
  readonly trace: Trace;
  /** What faults have done so far. */
  readonly toll = new Toll();
  readonly #queue = new EventQueue();
  readonly #deferred = new Fifo<Deferred>();
  #now = 0;
  #inEvent = false;

  constructor({ seed, keepEvents = 200 }: WorldInit) {
    this.seed = seed;
    this.trace = new Trace(keepEvents);
  }

  /** Virtual milliseconds since the world began, with fractions. */
  now(): number {
    return this.#now;
  }

  /** Events that are planned and not cancelled. */
  get eventsAhead(): number {
    return this.#queue.length;
  }

  /**
   * Dice of one's own for one purpose: the same for one seed and purpose, whatever else is drawn elsewhere. So a
   * fault taken out of a schedule does not change all the chance that follows.
   */
  prng(purpose: string): Prng {
    return new Prng(Math.imul(this.seed ^ 0x5bd1e995, 0x9e3779b1) ^ hashText(purpose));
  }

  /** `run` once, `delayMs` from now, through `gate` if there is one. Labels are few: each is kept. */
  schedule(delayMs: number, run: () => void, label: string, gate?: Gate): Timer {
    assert(delayMs >= 0, 'an event lies in the future');
    return this.#queue.push(this.#now + delayMs, run, label, gate);
  }

  /** `run` after the event that is being handled and before the next one. */
  defer(run: () => void, gate?: Gate): void {
    this.#deferred.push({ run, gate });
  }

  /** Handle the next event. False when there is none. */
  step(): boolean {
    this.#settle();
    const event = this.#queue.pop();
    if (event === undefined) return false;
    this.#handle(event);
    return true;
  }

  /** Handle every event up to and including this time, and leave the clock there. */
  runUntil(timeMs: number): void {
    this.#settle();
    for (;;) {
      const event = this.#queue.peek();
      if (event === undefined || event.time > timeMs) break;
      this.#queue.pop();
      this.#handle(event);
    }
    this.#now = Math.max(this.#now, timeMs);
  }

  runFor(durationMs: number): void {
    this.runUntil(this.#now + durationMs);
  }

  /** Handle events until none is left, at most `withinMs`. True when none is left. */
  runToQuiescence(withinMs = 60_000): boolean {
    const limit = this.#now + withinMs;
    this.#settle();
    for (;;) {
      const event = this.#queue.peek();
      if (event === undefined) return true;
      if (event.time > limit) return false;
      this.#queue.pop();
      this.#handle(event);
    }
  }

  /** Handle events until `condition` holds, asked after each one, at most `withinMs`. Whether it came to hold. */
  runUntilHolds(condition: () => boolean, withinMs: number): boolean {
    const limit = this.#now + withinMs;
    this.#settle();
    while (!condition()) {
      const event = this.#queue.peek();
      if (event === undefined || event.time > limit) {
        this.#now = limit;
        return false;
      }
      this.#queue.pop();
      this.#handle(event);
    }
    return true;
  }

  /** The last events in words. */
  describeTrace(): string {
    return this.trace.describe();
  }

  #handle(event: SimEvent): void {
    assert(!this.#inEvent, 'an event does not run the world');
    const run = event.run as () => void;
    event.run = undefined;
    this.#now = event.time;
    this.trace.note(event.time, event.label);
    this.#inEvent = true;
    try {
      if (event.gate === undefined) run();
      else event.gate.perform(run);
      if (this.#deferred.length > 0) this.#runDeferred();
    } catch (cause) {
      throw new SimulationFailure(this, event.label, cause);
    } finally {
      this.#inEvent = false;
    }
  }

  /** What was deferred outside of any event, by whoever set the stage, comes before the first one. */
  #settle(): void {
    try {
      this.#runDeferred();
    } catch (cause) {
      throw new SimulationFailure(this, 'what was deferred between events', cause);
    }
  }

  /** Run what was deferred, and what that defers in turn. */
  #runDeferred(): void {
    for (let next = this.#deferred.shift(); next !== undefined; next = this.#deferred.shift()) {
      if (next.gate === undefined) next.run();
      else next.gate.perform(next.run);
    }
  }
}
