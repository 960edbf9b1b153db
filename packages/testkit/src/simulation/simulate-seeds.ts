/** Many seeds of one play. With `RKV_SEED` in the environment it is that one only: how a failure is looked at again. */
import type { Mishap } from '../world/toll.ts';
import { seedOfEnvironment, simulate, type SimulateInit } from './simulate.ts';
import { SimulationBroken, type Simulation } from './simulation.ts';

/** A play, and which of its seeds. */
export interface SimulateSeedsInit extends Omit<SimulateInit, 'seed'> {
  /** How many, from 1 or `from` on. */
  readonly seeds: number;
  readonly from?: number;
  /** Go on after the first that breaks. */
  readonly all?: boolean;
}

/** What came of many seeds. */
export class SimulatedSeeds {
  readonly #broken: Simulation[] = [];
  readonly #toll: Partial<Record<Mishap, number>> = {};
  #played = 0;
  #answered = 0;

  add(simulation: Simulation): void {
    this.#played++;
    this.#answered += simulation.answered;
    for (const [mishap, count] of Object.entries(simulation.toll) as [Mishap, number][])
      this.#toll[mishap] = (this.#toll[mishap] ?? 0) + count;
    if (!simulation.ok) this.#broken.push(simulation);
  }

  /** Seeds. */
  get played(): number {
    return this.#played;
  }

  /** Operations, of all seeds. */
  get answered(): number {
    return this.#answered;
  }

  get broken(): readonly Simulation[] {
    return this.#broken;
  }

  /** What faults have really done in all of them: a kind that is not there never came. */
  get toll(): Readonly<Partial<Record<Mishap, number>>> {
    return this.#toll;
  }

  /** Throws the first that broke, made as small as can be. */
  verify(): void {
    const [first] = this.#broken;
    if (first !== undefined) throw new SimulationBroken(first.shrink());
  }
}

export function simulateSeeds({ seeds, from = 1, all = false, ...init }: SimulateSeedsInit): SimulatedSeeds {
  const only = seedOfEnvironment();
  const result = new SimulatedSeeds();
  const list = only === undefined ? Array.from({ length: seeds }, (_, i) => from + i) : [only];
  for (const seed of list) {
    result.add(simulate({ ...init, seed }));
    if (!all && result.broken.length > 0) break;
  }
  return result;
}
