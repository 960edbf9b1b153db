/**
 * What may stand in a benchmark, said once and checked before anything runs: a typing error in a weight must not cost an
 * hour of measuring something else. An unknown word is refused.
 */
import * as v from 'valibot';
import type { Driver } from '../contracts/driver.ts';
import type { DriverSpec } from '../drivers/box.ts';
import type { KeySpec } from '../generators/keys.ts';
import type { ValueSpec } from '../generators/values.ts';

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  v.pipe(
    v.number('must be a number'),
    v.check(
      (value) => Number.isSafeInteger(value) && value >= least && value <= most,
      most === Number.MAX_SAFE_INTEGER
        ? `must be a whole number from ${least}`
        : `must be a whole number from ${least} to ${most}`,
    ),
  );
const above0 = v.pipe(
  v.number('must be a number'),
  v.check((value) => value > 0 && value < Infinity, 'must be above 0'),
);
const from0 = v.pipe(
  v.number('must be a number'),
  v.check((value) => value >= 0 && value < Infinity, 'must be 0 or more'),
);
const share = v.pipe(
  v.number('must be a number'),
  v.check((value) => value >= 0 && value <= 1, 'must be from 0 to 1'),
);
const yesNo = v.boolean('must be true or false');
const func = v.function('must be a function');
const kind = <const Kind extends string>(name: Kind) => v.literal(name);
const bytes = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes');

const nested: v.GenericSchema<KeySpec> = v.lazy(() => keySpec);
const uniformInt = v.pipe(
  v.strictObject({
    kind: kind('uniformInt'),
    max: v.optional(whole(1)),
    start: v.optional(whole(0)),
    count: v.optional(whole(1)),
  }),
  v.check(
    ({ max, start, count }) => (max === undefined) !== (start === undefined && count === undefined),
    'has either `max`, or `start` and `count`',
  ),
  v.check(
    ({ start, count }) => (start === undefined) === (count === undefined),
    'has `start` and `count` together',
  ),
);
const biasedPartial = v.pipe(
  v.strictObject({
    kind: kind('biasedPartial'),
    max: whole(1),
    replicas: whole(1),
    elsewhere: share,
    parts: whole(1),
    here: whole(1),
  }),
  v.check(({ replicas, parts }) => replicas <= parts, 'has more `replicas` than `parts`'),
  v.check(({ here, parts }) => here <= parts, '`here` is one of the `parts`'),
  v.check(({ max, parts }) => max >= parts, '`max` is at least `parts`'),
);
const keySpec: v.GenericSchema<KeySpec> = v.variant(
  'kind',
  [
    uniformInt,
    v.strictObject({ kind: kind('paretoInt'), max: whole(5) }),
    v.strictObject({ kind: kind('truncatedParetoInt'), max: whole(5) }),
    v.strictObject({
      kind: kind('zipfianInt'),
      max: whole(1),
      exponent: v.optional(above0),
      scattered: v.optional(yesNo),
    }),
    v.strictObject({ kind: kind('sequentialInt'), max: whole(1), repeat: v.optional(yesNo) }),
    v.strictObject({
      kind: kind('partitionedInt'),
      start: v.optional(whole(0)),
      count: whole(1),
      repeat: v.optional(yesNo),
    }),
    biasedPartial,
    v.strictObject({
      kind: kind('constant'),
      key: v.union([v.number(), v.string(), bytes], 'must be a key'),
    }),
    v.strictObject({ kind: kind('intToBin'), of: nested, endian: v.optional(v.picklist(['big', 'little'])) }),
    v.strictObject({ kind: kind('intToStr'), of: nested }),
    v.strictObject({ kind: kind('format'), format: v.string(), of: nested }),
    v.strictObject({ kind: kind('base64'), of: nested }),
    v.strictObject({ kind: kind('concat'), of: v.strictTuple([nested, nested]) }),
    v.strictObject({ kind: kind('function'), make: func }),
  ],
  'is not a kind of key generator',
) as v.GenericSchema<KeySpec>;

const valueSpec = v.variant(
  'kind',
  [
    v.strictObject({ kind: kind('fixedBin'), size: whole(0), byte: v.optional(whole(0, 255)) }),
    v.strictObject({ kind: kind('fixedChar'), size: whole(0) }),
    v.pipe(
      v.strictObject({ kind: kind('uniformBin'), min: whole(0), max: whole(0) }),
      v.check(({ min, max }) => min <= max, '`min` is above `max`'),
    ),
    v.strictObject({ kind: kind('exponentialBin'), min: whole(0), mean: above0 }),
    v.strictObject({ kind: kind('uniformInt'), max: whole(1) }),
    v.strictObject({ kind: kind('function'), make: func }),
  ],
  'is not a kind of value generator',
) as v.GenericSchema<ValueSpec>;

const url = (...schemes: string[]) =>
  v.pipe(
    v.string('must be a URL'),
    v.check(
      (text) => URL.canParse(text) && schemes.includes(new URL(text).protocol),
      `must be a URL with ${schemes.join(' or ')}`,
    ),
  );
const urls = (...schemes: string[]) =>
  v.optional(v.pipe(v.array(url(...schemes)), v.minLength(1, 'must name at least one')));

const httpOperation = v.strictObject({
  method: v.string(),
  path: v.pipe(v.string(), v.startsWith('/', 'must begin with /')),
  body: v.optional(yesNo),
});
const driverSpec = v.variant(
  'kind',
  [
    v.strictObject({
      kind: kind('rkv'),
      dataDir: v.optional(v.string()),
      storage: v.optional(v.picklist(['memory', 'lmdb'])),
      durability: v.optional(v.picklist(['process', 'power'])),
      ringSize: v.optional(whole(1)),
      n: v.optional(whole(1)),
    }),
    v.strictObject({
      kind: kind('redis'),
      urls: urls('redis:', 'rediss:'),
      timeoutMs: v.optional(whole(1)),
      wait: v.optional(v.strictObject({ replicas: whole(1), timeoutMs: whole(1) })),
    }),
    v.strictObject({
      kind: kind('http'),
      urls: urls('http:', 'https:'),
      operations: v.optional(v.record(v.string(), httpOperation)),
      headers: v.optional(v.record(v.string(), v.string())),
      timeoutMs: v.optional(whole(1)),
    }),
  ],
  'is neither a driver nor the kind of one: rkv, redis, http',
) as v.GenericSchema<DriverSpec>;

function isDriver(value: unknown): boolean {
  const { new: begin, run, terminate, operations } = (value ?? {}) as Record<string, unknown>;
  return [begin, run, terminate].every((each) => typeof each === 'function') && Array.isArray(operations);
}
const ownDriver = v.custom<Driver>(isDriver, 'has `name`, `operations`, `new`, `run` and `terminate`');

export const benchSchema = v.strictObject({
  name: v.optional(v.pipe(v.string('must be a text'), v.regex(/^\P{C}+$/u, 'must be one line of text'))),
  driver: v.lazy((given) =>
    typeof (given as Partial<DriverSpec> | undefined)?.kind === 'string' ? driverSpec : ownDriver,
  ),
  operations: v.union(
    [
      v.record(v.string(), whole(1)),
      v.pipe(
        v.array(v.strictObject({ label: v.optional(v.string()), operation: v.string(), weight: whole(1) })),
        v.minLength(1),
      ),
    ],
    'must be weights by operation, whole numbers from 1, or a list of {label, operation, weight}',
  ),
  mode: v.optional(
    v.union(
      [
        v.literal('max'),
        v.strictObject({
          rate: above0,
          loop: v.optional(v.picklist(['open', 'closed'])),
          spacing: v.optional(v.picklist(['poisson', 'even'])),
        }),
      ],
      "must be 'max' or {rate, loop, spacing}",
    ),
    'max',
  ),
  workers: v.optional(whole(1, 10_000), 2),
  threads: v.optional(whole(0, 256)),
  durationS: v.optional(above0, 60),
  warmUpS: v.optional(from0, 0),
  drainS: v.optional(from0, 5),
  windowS: v.optional(above0, 1),
  keys: v.optional(keySpec, { kind: 'uniformInt', max: 100_000 }),
  values: v.optional(valueSpec, { kind: 'fixedBin', size: 100 }),
  seed: v.optional(whole(0, 0xffff_ffff), 143),
  shutdownOnError: v.optional(yesNo, false),
  samples: v.optional(yesNo, true),
  out: v.optional(v.string()),
});
