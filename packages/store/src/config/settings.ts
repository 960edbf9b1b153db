/**
 * The settings of a node: one schema for file, environment and flags.
 *
 * A setting has one name in three spellings: `ringSize` here, `--ring-size` as a flag (and in a file), and
 * `RKV_RING_SIZE` in the environment. Every value may come as text, because flags and variables know nothing else.
 */
import { RING_SIZE_MIN, ringSizeProblem } from '@rkv/core';
import * as v from 'valibot';
import { type Address, parseAddress } from './address.ts';

type Issue = v.BaseIssue<unknown>;

const mustBe = (wish: string) => (issue: Issue) => `must be ${wish}, not ${JSON.stringify(issue.input)}`;

const text = v.pipe(v.string(mustBe('text')), v.nonEmpty('must not be empty'));

/** Names stand in comma-separated lists and in `name=location` pairs, so neither sign may be in them. */
const NAME_WISH = 'up to 64 letters, digits and . _ @ : - beginning with a letter or digit';
const name = v.pipe(v.string(mustBe(NAME_WISH)), v.regex(/^[A-Za-z0-9][\w.@:-]{0,63}$/, mustBe(NAME_WISH)));

const LOCATION_WISH = 'up to 255 printable characters such as rack-1';
const location = v.pipe(
  v.string(mustBe(LOCATION_WISH)),
  v.regex(/^[\x21-\x7e]{0,255}$/, mustBe(LOCATION_WISH)),
);

const address = v.pipe(
  v.string(mustBe('an address like 127.0.0.1:8099')),
  v.rawTransform<string, Address>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseAddress(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({
      message: `must be an address like 127.0.0.1:8099 or [::1]:8099, not ${JSON.stringify(dataset.value)}`,
    });
    return NEVER;
  }),
);

const door = v.union([v.literal('off'), address], mustBe('an address like 127.0.0.1:6379, or off'));

function wholeNumber(lowest: number, highest: number) {
  const wish = mustBe(`a whole number from ${lowest} to ${highest}`);
  return v.pipe(number(wish), v.integer(wish), v.minValue(lowest, wish), v.maxValue(highest, wish));
}

function number(message: (issue: Issue) => string) {
  const digits = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number));
  return v.union([digits, v.number()], message);
}

const ringSize = v.pipe(
  number(mustBe('a number')),
  v.check(
    (size) => ringSizeProblem(size) === undefined,
    (issue) => ringSizeProblem(issue.input) ?? '',
  ),
);

const level = v.picklist(['eventual', 'strict'], mustBe('eventual or strict'));

/** A preference list is no longer than the smallest ring, whatever the ring. */
const replicas = wholeNumber(1, RING_SIZE_MIN);

export const settingsSchema = v.strictObject({
  name: v.optional(name, 'n1'),
  dataDir: v.exactOptional(text),
  cluster: v.optional(address, '127.0.0.1:8099'),
  redis: v.optional(door, '127.0.0.1:6379'),
  http: v.optional(door, '127.0.0.1:8098'),
  storage: v.optional(v.picklist(['memory', 'lmdb'], mustBe('memory or lmdb')), 'lmdb'),
  durability: v.optional(v.picklist(['process', 'power'], mustBe('process or power')), 'process'),
  ringSize: v.optional(ringSize, 64),
  n: v.optional(replicas, 3),
  level: v.optional(level, 'eventual'),
  r: v.exactOptional(replicas),
  w: v.exactOptional(replicas),
  secretFile: v.exactOptional(text),
  location: v.optional(location, ''),
  preset: v.optional(v.picklist(['local', 'lan', 'wan'], mustBe('local, lan or wan')), 'local'),
  join: v.exactOptional(address),
});

export type Settings = v.InferOutput<typeof settingsSchema>;
export type SettingName = keyof Settings;

/** What the help says of each setting, in this order. */
export const settingHelp: Readonly<
  Record<SettingName, { readonly argument: string; readonly help: string }>
> = {
  name: { argument: 'NAME', help: 'what people call this node; its identity is in its data directory' },
  dataDir: { argument: 'DIR', help: 'where everything of this node lies (default: data/NAME)' },
  cluster: { argument: 'HOST:PORT', help: 'where the other nodes reach this one' },
  redis: { argument: 'HOST:PORT|off', help: 'where Redis clients reach it' },
  http: { argument: 'HOST:PORT|off', help: 'where operators reach it' },
  storage: { argument: 'memory|lmdb', help: 'the storage engine' },
  durability: {
    argument: 'process|power',
    help: 'what an acknowledged write survives: kill -9, or a power cut too',
  },
  ringSize: { argument: 'Q', help: 'number of partitions, at the birth of a ring' },
  n: { argument: 'N', help: 'replicas of each key, at the birth of a ring' },
  level: { argument: 'eventual|strict', help: 'consistency of the default bucket, at the birth of a ring' },
  r: { argument: 'R', help: 'replicas that a read waits for (default: a quorum)' },
  w: { argument: 'W', help: 'replicas that a write waits for (default: a quorum)' },
  secretFile: {
    argument: 'FILE',
    help: 'secrets shared by the nodes, one a line; the first is used, all are accepted',
  },
  location: { argument: 'L', help: 'what fails together, such as rack-1; compared as a whole' },
  preset: {
    argument: 'local|lan|wan',
    help: 'how far apart the nodes are: how soon a silent one is suspected, how long agreement may take',
  },
  join: { argument: 'HOST:PORT', help: 'stage a join to the cluster of the node there' },
};

export const settingNames = Object.keys(settingHelp) as readonly SettingName[];

/** `ringSize` as the flag says it: `ring-size`. */
export function kebabName(setting: SettingName): string {
  return setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The setting that is meant by `ring-size`, `ring_size`, `RING_SIZE` or `ringSize`; undefined when there is none. */
export function settingNamed(spelling: string): SettingName | undefined {
  return settingNames.find((setting) => bareName(setting) === bareName(spelling));
}

function bareName(spelling: string): string {
  return spelling.replace(/[-_]/g, '').toLowerCase();
}
