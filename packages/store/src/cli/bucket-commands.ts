/** `rkv bucket ...`: how many copies, and how consistent, for all keys that begin with a prefix. */
import { REPLICAS_MAX } from '@rkv/core';
import { type Command, Option } from 'commander';
import type { BucketChanged, BucketView } from '../admin/api.ts';
import { keyBytes, wholeNumber } from './arguments.ts';
import { Invocation } from './invocation.ts';
import { type Terminal, WrongUsage } from './terminal.ts';

export function addBucketCommands(program: Command, terminal: Terminal): void {
  const bucket = program
    .command('bucket')
    .summary('copies and consistency of all keys that begin with a prefix; the longest one wins');
  const hex = ['--hex', 'the prefix is written in hex digits'] as const;
  bucket
    .command('list')
    .summary('the buckets there are; the empty prefix is the default')
    .action((_flags, command: Command) => list(new Invocation(command, terminal)));
  bucket
    .command('set')
    .summary('make a bucket or change it, while no key of it exists')
    .argument('<prefix>', 'what the keys begin with')
    .option('--n <n>', 'replicas of each key', wholeNumber(1, REPLICAS_MAX))
    .addOption(new Option('--level <level>', 'consistency').choices(['eventual', 'strict']))
    .option(...hex)
    .action((prefix: string, _flags, command: Command) => set(new Invocation(command, terminal), prefix));
  bucket
    .command('unset')
    .summary('drop a bucket, while no key of it exists')
    .argument('<prefix>', 'what the keys begin with')
    .option(...hex)
    .action((prefix: string, _flags, command: Command) => unset(new Invocation(command, terminal), prefix));
}

interface BucketFlags {
  readonly n?: number;
  readonly level?: string;
  readonly hex?: boolean;
}

async function list(invocation: Invocation): Promise<void> {
  const view = await invocation.client().get<{ buckets: readonly BucketView[] }>('/api/buckets');
  invocation.tell(view, () => describeBuckets(view.buckets));
}

async function set(invocation: Invocation<BucketFlags>, prefix: string): Promise<void> {
  const { n, level } = invocation.flags;
  if (n === undefined && level === undefined)
    throw new WrongUsage('say what is to hold for these keys: --n or --level, or both');
  const body = { prefixHex: prefixHex(invocation, prefix), n, level };
  const view = await invocation.client().post<BucketChanged>('/api/bucket/set', { body });
  invocation.tell(view, () => describeChanged(view));
}

async function unset(invocation: Invocation<BucketFlags>, prefix: string): Promise<void> {
  const body = { prefixHex: prefixHex(invocation, prefix) };
  const view = await invocation.client().post<BucketChanged>('/api/bucket/unset', { body });
  invocation.tell(view, () => describeChanged(view));
}

function prefixHex({ flags }: Invocation<BucketFlags>, text: string): string {
  const bytes = keyBytes(text, flags.hex === true);
  if (bytes === undefined) throw new WrongUsage(`--hex wants pairs of hex digits, and ${text} is none`);
  return Buffer.from(bytes, 'latin1').toString('hex');
}

function describeBuckets(buckets: readonly BucketView[]): string {
  const rows = buckets.map((bucket) => ({ ...bucket, name: describePrefix(bucket) }));
  const width = Math.max(6, ...rows.map(({ name }) => name.length));
  return [
    `${'Prefix'.padEnd(width)}  n  Level`,
    ...rows.map(({ name, n, level }) => `${name.padEnd(width)}  ${n}  ${level}`),
  ].join('\n');
}

function describeChanged(view: BucketChanged): string {
  const { n, level, changed, epoch, warnings } = view;
  const which =
    view.prefixHex === '' ? 'Keys in no other bucket' : `Keys beginning with ${describePrefix(view)}`;
  const since = changed ? `from epoch ${epoch} on` : 'as before';
  return [`${which}: n=${n}, ${level}, ${since}.`, ...warnings.map((text) => `WARNING: ${text}`)].join('\n');
}

/** In quotes where it is text, else in hex. */
function describePrefix({ prefix, prefixHex: hex }: BucketView): string {
  if (hex === '') return '(default)';
  const isText = Buffer.from(prefix, 'utf8').toString('hex') === hex;
  return isText ? JSON.stringify(prefix) : `hex ${hex}`;
}
