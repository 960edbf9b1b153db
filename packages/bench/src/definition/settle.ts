/**
 * From what an author wrote to what is run: checked, every default filled in, the driver made.
 *
 * Each thread settles the same text again by itself, since functions do not travel between threads.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import type { Driver } from '../contracts/driver.ts';
import { driverOf, type DriverSpec } from '../drivers/box.ts';
import { fileLabel, type WeightedOperation } from '../generators/mix.ts';
import type { Load, Mode } from '../load/crew.ts';
import type { Bench, OperationEntry, RateMode } from './bench.ts';
import { benchSchema } from './schema.ts';

/** Somebody wrote what cannot be run; one line for each thing that is wrong. */
export class BadBench extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'BadBench';
    this.problems = problems;
  }
}

/** What may be said over a file's head: on the command line. */
export type Overrides = Pick<
  Bench,
  'durationS' | 'warmUpS' | 'workers' | 'threads' | 'seed' | 'samples' | 'out' | 'mode'
>;

/** A benchmark with everything said: what was left out has its default. */
export interface Definition {
  readonly name: string;
  readonly load: Load;
  /** Undefined: nobody said. */
  readonly threads: number | undefined;
  readonly durationS: number;
  readonly warmUpS: number;
  readonly drainS: number;
  readonly windowS: number;
  readonly samples: boolean;
  readonly out: string | undefined;
  /** As it is told in the results: no functions. */
  readonly setup: Readonly<Record<string, unknown>>;
}

export function settle(bench: Bench, overrides: Overrides = {}): Definition {
  const given = { ...bench, ...dropUndefined(overrides) };
  const checked = v.safeParse(benchSchema, given);
  if (!checked.success) throw new BadBench(checked.issues.map(describeIssue));
  const { driver: spec, operations: entries, mode, name, threads, out, ...rest } = checked.output;
  const driver: Driver = 'kind' in spec ? driverOf(spec as DriverSpec) : spec;
  const operations = listOf(entries as Bench['operations']);
  const strange = operations.filter(({ operation }) => !driver.operations.includes(operation));
  if (strange.length > 0) {
    const names = strange.map(({ operation }) => `\`${operation}\``).join(', ');
    throw new BadBench([
      `operations: ${driver.name} has no ${names}; it has ${driver.operations.join(', ')}`,
    ]);
  }
  const files = operations.map(({ label }) => fileLabel(label));
  const twice = files.find((file, at) => files.indexOf(file) !== at);
  if (twice !== undefined) throw new BadBench([`operations: two labels would share the files ${twice}_*`]);
  const { workers, seed, shutdownOnError, keys, values, durationS, warmUpS, drainS, windowS, samples } = rest;
  if (driver.oneThread === true && (threads ?? 0) > 1)
    throw new BadBench([`threads: ${driver.name} works on one thread only`]);
  return {
    name: name ?? driver.name,
    load: {
      driver,
      operations,
      keys,
      values,
      mode: modeOf(mode as 'max' | RateMode),
      workers,
      seed,
      shutdownOnError,
    },
    ...{ threads, durationS, warmUpS, drainS, windowS, samples, out },
    setup: { mode, operations, keys: told(keys), values: told(values), workers, durationS, warmUpS, seed },
  };
}

/** A module exports `bench` or a default; a file that ends in .json is one. */
export async function loadBench(file: string): Promise<Bench> {
  if (file.endsWith('.json')) return parseJson(file, readFileSync(file, 'utf8'));
  const module = (await import(pathToFileURL(resolve(file)).href)) as { bench?: Bench; default?: Bench };
  const bench = module.bench ?? module.default;
  if (bench === undefined) throw new BadBench([`${file} exports neither \`bench\` nor a default`]);
  return bench;
}

function parseJson(file: string, text: string): Bench {
  try {
    return JSON.parse(text) as Bench;
  } catch (error) {
    throw new BadBench([`${file}: ${(error as Error).message}`]);
  }
}

function listOf(entries: Bench['operations']): WeightedOperation[] {
  const list: readonly OperationEntry[] = Array.isArray(entries)
    ? (entries as readonly OperationEntry[])
    : Object.entries(entries as Record<string, number>).map(([operation, weight]) => ({ operation, weight }));
  if (list.length === 0) throw new BadBench(['operations: there are none']);
  return list.map(({ label, operation, weight }) => ({ label: label ?? operation, operation, weight }));
}

function modeOf(mode: 'max' | RateMode): Mode {
  if (mode === 'max') return { kind: 'max' };
  const { rate, loop = 'open', spacing = 'poisson' } = mode;
  return loop === 'open' ? { kind: 'arrivals', rate, spacing } : { kind: 'paced', rate };
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = issue.path?.map(({ key }) => String(key)).join('.') ?? '';
  const [at, message] = [path === '' ? '' : `${path}: `, issue.message];
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${at}unknown`;
  return at + message;
}

function told(spec: object): unknown {
  return JSON.parse(
    JSON.stringify(spec, (_key, value: unknown) => (typeof value === 'function' ? 'a function' : value)),
  );
}

function dropUndefined<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>;
}
