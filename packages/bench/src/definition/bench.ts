/**
 * A benchmark as its author writes it: a module that exports one, or a JSON file.
 *
 * Everything but driver and operations has a default. The defaults are the tutorial's: two workers as fast as they can
 * for a minute, keys from 1 to 100,000, values of 100 random bytes.
 */
import type { Driver } from '../contracts/driver.ts';
import type { DriverSpec } from '../drivers/box.ts';
import type { KeySpec } from '../generators/keys.ts';
import type { ValueSpec } from '../generators/values.ts';

export interface Bench<State = unknown, Operation extends string = string> {
  /** Default: the driver's. Part of the folder's name. */
  readonly name?: string;
  readonly driver: DriverSpec | Driver<State, Operation>;
  /** Weights by operation, or a list, where one operation may have several labels. */
  readonly operations: Readonly<Partial<Record<Operation, number>>> | readonly OperationEntry<Operation>[];
  /**
   * `max` (default): each worker sends the next operation when the last has ended. A closed loop: good for how much a
   * system can do, blind for how long its users wait. With a rate, operations a second of all workers together, it is
   * an open one: they come at their times, whether or not the system keeps up. `loop: 'closed'` is the original's rate:
   * each worker pauses after each answer.
   */
  readonly mode?: 'max' | RateMode;
  /** How many operations may be under way. Default 2; an open loop wants many, or it waits for a free one. */
  readonly workers?: number;
  /** Over which the workers are spread; 0 is the main thread itself. Default 1, or 0 where there is no file to load. */
  readonly threads?: number;
  /** Of what is measured. Default 60. */
  readonly durationS?: number;
  /** Before that, under the same load; not measured. Default 0. */
  readonly warmUpS?: number;
  /** After it: how long operations that were due are still sent and waited for. Default 5. */
  readonly drainS?: number;
  /** Of the charts and the CSV of latencies. Default 1. */
  readonly windowS?: number;
  readonly keys?: KeySpec;
  readonly values?: ValueSpec;
  /** Default 143. */
  readonly seed?: number;
  /** The first failed operation ends the run, with exit 1. Default false. */
  readonly shutdownOnError?: boolean;
  /** Whether each single operation is written down (OPERATION_single.csv). Default true; 40 bytes each. */
  readonly samples?: boolean;
  /** The folder of the results. Default: tests/NAME-DATE-TIME. */
  readonly out?: string;
}

/** One kind of operation, under a label of its own. */
export interface OperationEntry<Operation extends string = string> {
  /** Default: the operation. */
  readonly label?: string;
  readonly operation: Operation;
  readonly weight: number;
}

/** Operations at a rate, of all workers together. */
export interface RateMode {
  readonly rate: number;
  readonly loop?: 'open' | 'closed';
  /** Of an open loop: `poisson` (default), as people come, or `even`. */
  readonly spacing?: 'poisson' | 'even';
}

/** Gives back what it is given: it is there for the types, which know the operations of the driver. */
export function defineBench<State, Operation extends string>(
  bench: Bench<State, Operation>,
): Bench<State, Operation> {
  return bench;
}
