/** What came of one play: what it was, what went wrong, and how it is played again. */
import type { Mishap } from '../world/toll.ts';
import type { Operations } from '../history/operation.ts';
import { shrink } from '../check/shrink.ts';
import { describeEvents, type SimEvent } from './sim-event.ts';

/** What a play leaves behind. */
export interface Played {
  readonly seed: number;
  /** What befell the ring, in order of time. */
  readonly events: readonly SimEvent[];
  /** Empty: nothing went wrong. */
  readonly problems: readonly string[];
  readonly history: Operations;
  /** What faults have really done, by kind. */
  readonly toll: Readonly<Record<Mishap, number>>;
  /** Of all that happened: equal for equal plays. */
  readonly digest: string;
  /** Virtual. */
  readonly durationMs: number;
  /** The last events of the world and the last lines of every node. */
  readonly log: string;
}

/** A play of which this one is one: the same but for the events. */
export type PlayAgain = (events: readonly SimEvent[]) => Simulation;

/** Plays that shrinking may take. */
const TRIES_MAX = 150;
const PROBLEMS_SHOWN = 5;

/** What `verify` throws. Its message is the play, made small. */
export class SimulationBroken extends Error {
  declare readonly simulation: Simulation;

  constructor(simulation: Simulation) {
    super(simulation.describe());
    this.name = 'SimulationBroken';
    // Whoever prints an error prints all that can be seen of it, and the whole history is no help.
    Object.defineProperty(this, 'simulation', { value: simulation, enumerable: false });
  }
}

export class Simulation implements Played {
  readonly seed: number;
  readonly events: readonly SimEvent[];
  readonly problems: readonly string[];
  readonly history: Operations;
  readonly toll: Played['toll'];
  readonly digest: string;
  readonly durationMs: number;
  readonly log: string;
  readonly #again: PlayAgain;

  constructor(played: Played, again: PlayAgain) {
    this.seed = played.seed;
    this.events = played.events;
    this.problems = played.problems;
    this.history = played.history;
    this.toll = played.toll;
    this.digest = played.digest;
    this.durationMs = played.durationMs;
    this.log = played.log;
    this.#again = again;
  }

  get ok(): boolean {
    return this.problems.length === 0;
  }

  /** Operations that were answered. */
  get answered(): number {
    return this.history.operations.filter(({ outcome }) => outcome === 'ok').length;
  }

  /** The same play with the fewest events that still break it; itself when nothing is wrong. */
  shrink({ triesMax = TRIES_MAX }: { triesMax?: number } = {}): Simulation {
    if (this.ok) return this;
    const without = this.#again([]);
    if (!without.ok) return without;
    const fewest = shrink(this.events, (events) => !this.#again(events).ok, { triesMax });
    return fewest.length === this.events.length ? this : this.#again(fewest);
  }

  /** Does nothing when nothing is wrong. Otherwise it throws: the problems, the few events that are needed, how to play it again. */
  verify(): void {
    if (!this.ok) throw new SimulationBroken(this.shrink());
  }

  describe(): string {
    const { seed, problems, events, answered } = this;
    const all = this.history.operations.length;
    const lines = [
      `seed ${seed}: ${all} operations, ${answered} answered; ${events.length} events; ${
        this.ok ? 'nothing went wrong' : `${problems.length} problems`
      }`,
      ...problems.slice(0, PROBLEMS_SHOWN),
    ];
    if (problems.length > PROBLEMS_SHOWN) lines.push(`and ${problems.length - PROBLEMS_SHOWN} more`);
    if (this.ok) return lines.join('\n');
    if (events.length === 0) lines.push('it needs no fault');
    lines.push(
      `to play it again: RKV_SEED=${seed} in front of the command that runs this test, or with these events only`,
      `  simulate({ ..., seed: ${seed}, events: \``,
      describeEvents(events),
      '  ` })',
    );
    return lines.join('\n');
  }
}
