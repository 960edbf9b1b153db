/**
 * Key generators: which key the next operation is about.
 *
 * The numbers of rcl_bench and of basho_bench before it (uniform, Pareto, biased to a part, sequential, partitioned), the
 * Zipf distribution beside them, and what makes text and bytes of numbers. A generator is described by data, so it can
 * stand in a JSON file and travel to another thread; a function is for whatever is missing.
 *
 * Each worker has a generator of its own. `sequential` and `partitioned` have an end (KeysExhausted ends the worker); with
 * `partitioned` all workers together give each key once, which is how a store is filled.
 * Like the originals: whole numbers from 1 to `max` for `uniformInt` and `biasedPartial`, from 0 for the others.
 */
import { type Key, KeysExhausted, type WorkerContext } from '../contracts/driver.ts';
import { formatInt } from './format-int.ts';
import { between } from './random.ts';
import { zipf } from './zipf.ts';

/** Keys that are whole numbers. */
export type IntKeys =
  /** 1..max, or `count` numbers from `start`, all equally often. */
  | { readonly kind: 'uniformInt'; readonly max: number }
  | { readonly kind: 'uniformInt'; readonly start: number; readonly count: number }
  /** From 0: a fifth of `max` is drawn four times out of five, and a thin tail goes beyond `max`. */
  | { readonly kind: 'paretoInt'; readonly max: number }
  /** The same with the tail folded onto `max`. */
  | { readonly kind: 'truncatedParetoInt'; readonly max: number }
  /**
   * 0..max-1 by Zipf's law; `exponent` 0.99 if left out (as YCSB has it). The popular ones are scattered over the numbers
   * unless `scattered` is false, where 0 is the most popular.
   */
  | {
      readonly kind: 'zipfianInt';
      readonly max: number;
      readonly exponent?: number;
      readonly scattered?: boolean;
    }
  /** 0, 1, ... max-1, for each worker; then it has ended, or begins again with `repeat`. */
  | { readonly kind: 'sequentialInt'; readonly max: number; readonly repeat?: boolean }
  /** `count` numbers from `start` (0), cut into one part for each worker, who gives them in order and ends. */
  | {
      readonly kind: 'partitionedInt';
      readonly start?: number;
      readonly count: number;
      readonly repeat?: boolean;
    }
  /**
   * For data centres that hold a part of the keys each: a key is `number * parts + part`, its part one of the `replicas` parts
   * up to and including `here`, or one of the others with the probability `elsewhere`.
   */
  | {
      readonly kind: 'biasedPartial';
      readonly max: number;
      readonly replicas: number;
      readonly elsewhere: number;
      readonly parts: number;
      readonly here: number;
    };

/** How keys are drawn, as a file says it. */
export type KeySpec =
  | IntKeys
  | { readonly kind: 'constant'; readonly key: Key }
  /** Four bytes, the most or the least significant first. */
  | { readonly kind: 'intToBin'; readonly of: KeySpec; readonly endian?: 'big' | 'little' }
  | { readonly kind: 'intToStr'; readonly of: KeySpec }
  /** `%d` in the format becomes the number, `%012d` with zeros in front. */
  | { readonly kind: 'format'; readonly format: string; readonly of: KeySpec }
  | { readonly kind: 'base64'; readonly of: KeySpec }
  | { readonly kind: 'concat'; readonly of: readonly [KeySpec, KeySpec] }
  /** Called once per worker. */
  | { readonly kind: 'function'; readonly make: (worker: WorkerContext) => () => Key };

/** Gives the next key. */
export type NextKey = () => Key;

const PARETO_SHAPE = 1.5;
const YCSB_EXPONENT = 0.99;

/** The keys of one worker: each call gives the next one. The same seed and worker give the same keys. */
export function keysOf(spec: KeySpec, worker: WorkerContext): NextKey {
  switch (spec.kind) {
    case 'constant':
      return () => spec.key;
    case 'intToBin': {
      const next = numbersOf(spec.of, worker);
      return () => bytesOfInt(next(), spec.endian ?? 'big');
    }
    case 'intToStr': {
      const next = numbersOf(spec.of, worker);
      return () => String(next());
    }
    case 'format': {
      const next = numbersOf(spec.of, worker);
      return () => formatInt(spec.format, next());
    }
    case 'base64': {
      const next = keysOf(spec.of, worker);
      return () => Buffer.from(bytesOfKey(next())).toString('base64');
    }
    case 'concat': {
      const [one, two] = spec.of.map((each) => keysOf(each, worker)) as [NextKey, NextKey];
      return () => Buffer.concat([bytesOfKey(one()), bytesOfKey(two())]);
    }
    case 'function':
      return spec.make(worker);
    default:
      return intsOf(spec, worker);
  }
}

/** Text as UTF-8, numbers in decimal. */
export function bytesOfKey(key: Key): Uint8Array {
  return typeof key === 'object' ? key : Buffer.from(String(key));
}

function numbersOf(spec: KeySpec, worker: WorkerContext): () => number {
  const next = keysOf(spec, worker);
  return () => {
    const key = next();
    if (typeof key !== 'number') throw new TypeError(`${spec.kind} gives no numbers`);
    return key;
  };
}

function bytesOfInt(value: number, endian: 'big' | 'little'): Uint8Array {
  const bytes = Buffer.alloc(4);
  if (endian === 'big') bytes.writeUInt32BE(value >>> 0);
  else bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function intsOf(spec: IntKeys, worker: WorkerContext): () => number {
  const { random } = worker;
  switch (spec.kind) {
    case 'uniformInt': {
      const [start, count] = 'max' in spec ? [1, spec.max] : [spec.start, spec.count];
      return () => between(start, start + count - 1, random);
    }
    case 'paretoInt':
      return pareto(spec.max, random);
    case 'truncatedParetoInt': {
      const next = pareto(spec.max, random);
      return () => Math.min(spec.max, next());
    }
    case 'zipfianInt': {
      const { max, exponent = YCSB_EXPONENT, scattered = true } = spec;
      const rank = zipf(max, exponent, random);
      const place = scattered ? scatter(max) : (at: number) => at;
      return () => place(rank() - 1);
    }
    case 'sequentialInt':
      return run(0, spec.max, spec.repeat === true);
    case 'partitionedInt': {
      const { start = 0, count, repeat = false } = spec;
      const edge = (id: number): number => start + Math.floor((count * id) / worker.workers);
      return run(edge(worker.id - 1), edge(worker.id), repeat);
    }
    case 'biasedPartial':
      return biasedPartial(spec, random);
  }
}

/** A Pareto distribution whose mean is a fifth of `max`. */
function pareto(max: number, random: () => number): () => number {
  const scale = Math.trunc(max * 0.2) * (PARETO_SHAPE - 1);
  return () => Math.trunc(((1 - random()) ** (-1 / PARETO_SHAPE) - 1) * scale);
}

function run(from: number, end: number, repeat: boolean): () => number {
  let at = from;
  return () => {
    if (at >= end) {
      if (!repeat || from >= end) throw new KeysExhausted();
      at = from;
    }
    return at++;
  };
}

/** Each number to another one below `max`, no two to the same: multiplied by one that has no factor in common with it. */
function scatter(max: number): (at: number) => number {
  let factor = Math.max(1, Math.round(max * 0.618));
  while (gcd(factor, max) !== 1) factor++;
  const [wide, modulus] = [BigInt(factor), BigInt(max)];
  const isSafe = factor * max <= Number.MAX_SAFE_INTEGER;
  return isSafe ? (at) => (at * factor) % max : (at) => Number((BigInt(at) * wide) % modulus);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

type BiasedPartial = Extract<KeySpec, { kind: 'biasedPartial' }>;

function biasedPartial(spec: BiasedPartial, random: () => number): () => number {
  const { max, replicas, elsewhere, parts, here } = spec;
  const numbers = Math.floor(max / parts);
  // Parts are 1..parts, in a circle.
  const part = (at: number): number => ((((at - 1) % parts) + parts) % parts) + 1;
  const others = parts - replicas;
  return () => {
    const isElsewhere = others > 0 && random() < elsewhere;
    const at = isElsewhere
      ? part(here + between(1, others, random))
      : part(here - between(0, replicas - 1, random));
    return between(1, numbers, random) * parts + at;
  };
}
