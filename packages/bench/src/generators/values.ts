/**
 * Value generators: what is written.
 *
 * Random bytes are slices of one block that is drawn when a thread begins, so that making values costs next to nothing and
 * the load generator is not what is measured. They do not compress, but slices overlap: a system that finds equal
 * stretches over many values would find some here.
 */
import { Prng } from '@rkv/core';
import type { Value, WorkerContext } from '../contracts/driver.ts';
import { between, exponential, type Random } from './random.ts';

/** How values are drawn, as a file says it. */
export type ValueSpec =
  /** `size` random bytes, or `size` times the byte. */
  | { readonly kind: 'fixedBin'; readonly size: number; readonly byte?: number }
  /** Printable ASCII characters. */
  | { readonly kind: 'fixedChar'; readonly size: number }
  /** `min` to `max` bytes, all sizes equally often. */
  | { readonly kind: 'uniformBin'; readonly min: number; readonly max: number }
  /** `min` bytes and as many more as an exponential distribution with this mean says. */
  | { readonly kind: 'exponentialBin'; readonly min: number; readonly mean: number }
  /** 1..max */
  | { readonly kind: 'uniformInt'; readonly max: number }
  /** Called once per worker. */
  | { readonly kind: 'function'; readonly make: (worker: WorkerContext) => () => Value };

/** Gives the next value. */
export type NextValue = () => Value;

const BLOCK_BYTES = 1024 * 1024;
const BLOCK_SEED = 20_07;
const [PRINTABLE_FIRST, PRINTABLE_LAST] = [32, 126];

/** The values of one worker: each call gives the next one. Bytes are views of one random block: read them, do not change them. */
export function valuesOf(spec: ValueSpec, worker: WorkerContext): NextValue {
  const { random } = worker;
  switch (spec.kind) {
    case 'fixedBin': {
      const { size, byte } = spec;
      if (byte === undefined) return slices(size, () => size, random);
      const value = Buffer.alloc(size, byte);
      return () => value;
    }
    case 'fixedChar': {
      const { size } = spec;
      return () => {
        const text = Buffer.allocUnsafe(size);
        for (let at = 0; at < size; at++) text[at] = between(PRINTABLE_FIRST, PRINTABLE_LAST, random);
        return text;
      };
    }
    case 'uniformBin':
      return slices(spec.max, () => between(spec.min, spec.max, random), random);
    case 'exponentialBin': {
      const most = spec.min + spec.mean * 40; // beyond that lies one in e^40
      return slices(
        most,
        () => Math.min(most, spec.min + Math.floor(exponential(spec.mean, random))),
        random,
      );
    }
    case 'uniformInt':
      return () => between(1, spec.max, random);
    case 'function':
      return spec.make(worker);
  }
}

let block = Buffer.alloc(0);

function slices(most: number, size: () => number, random: Random): NextValue {
  if (block.length < most + BLOCK_BYTES) block = randomBlock(Math.ceil(most) + BLOCK_BYTES);
  const source = block;
  return () => {
    const length = size();
    const at = between(0, source.length - length, random);
    return source.subarray(at, at + length);
  };
}

/** The same each time: what is measured shall not depend on it. */
function randomBlock(size: number): Buffer<ArrayBuffer> {
  const prng = new Prng(BLOCK_SEED);
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let at = 0; at < words.length; at++) words[at] = prng.u32();
  return Buffer.from(words.buffer, 0, size);
}
