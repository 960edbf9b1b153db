/**
 * `rkv ping`, `get`, `put`, `del`, `key`: one key or one vnode at a time.
 */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { KeyView, PingView, Whereabouts } from '../admin/api.ts';
import { TIMEOUT_MS_MAX } from '../kv/api.ts';
import type { Question } from './admin-client.ts';
import { keyBytes, nameList, traceId, wholeNumber, yesOrNo } from './arguments.ts';
import { describeKey, describeWhere } from './describe.ts';
import { Invocation } from './invocation.ts';
import { explainOffline } from './offline.ts';
import { readRingFile } from './ring-file.ts';
import { type Terminal, WrongUsage } from './terminal.ts';

export function addKeyCommands(program: Command, terminal: Terminal): void {
  program
    .command('ping')
    .summary('ask a vnode for a sign of life')
    .argument('[n]', 'a number; the vnode that it hashes to answers with the next one', wholeNumber(0), 1)
    .action((n: number, _flags, command: Command) => ping(new Invocation(command, terminal), n));
  addRequestFlags(program.command('get').summary('read a value').argument('<key>')).action(
    (key: string, _flags, command: Command) => get(new Invocation(command, terminal), key),
  );
  addRequestFlags(
    program.command('put').summary('write a value').argument('<key>').argument('<value>'),
  ).action((key: string, value: string, _flags, command: Command) =>
    put(new Invocation(command, terminal), key, value),
  );
  addRequestFlags(program.command('del').summary('delete a key').argument('<key>')).action(
    (key: string, _flags, command: Command) => del(new Invocation(command, terminal), key),
  );
  program
    .command('key')
    .summary('explain a key: its hash, partition, preference list and replicas')
    .argument('<key>', 'the empty key is one too')
    .option('--hex', 'the key is written in hex digits')
    .option('--assume-down <names>', 'take these members for down, as in n1,n2', nameList)
    .option('--ring <file>', 'answer from RING.json and not from a node')
    .option('--n <n>', 'with --ring: replicas per key (default: 3)', wholeNumber(1))
    .option('--r <n>', 'explain a read at this level', wholeNumber(1))
    .option('--w <n>', 'explain a write at this level', wholeNumber(1))
    .option('--pr <n>', 'the same for primaries that must answer', wholeNumber(0))
    .option('--pw <n>', 'the same for primaries that must acknowledge', wholeNumber(0))
    .action((key: string, _flags, command: Command) => explain(new Invocation(command, terminal), key));
}

interface RequestFlags {
  readonly r?: number;
  readonly w?: number;
  readonly pr?: number;
  readonly pw?: number;
  readonly dw?: number;
  readonly notfoundOk?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  /** True: draw an id. */
  readonly trace?: string | true;
  readonly where?: boolean;
}

function addRequestFlags(command: Command): Command {
  return command
    .option('--r <n>', 'replicas that must answer a read', wholeNumber(1))
    .option('--w <n>', 'replicas that must acknowledge a write', wholeNumber(1))
    .option('--pr <n>', 'how many of those that answer must be primaries', wholeNumber(0))
    .option('--pw <n>', 'how many of those that acknowledge must be primaries', wholeNumber(0))
    .option('--dw <n>', 'how many must have flushed it to their disks', wholeNumber(0))
    .option('--notfound-ok <yes|no>', 'whether a replica that holds nothing answers a read', yesOrNo)
    .option('--timeout <ms>', 'how long to wait for them', wholeNumber(1, TIMEOUT_MS_MAX))
    .option(
      '--trace [id]',
      'have every node that has to do with it log it by this name; without one draw it and say which',
      traceId,
    )
    .option('--where', 'ask one vnode, and say which it was');
}

function requestOf(key: string, { flags, terminal }: Invocation<RequestFlags>): Question {
  const { r, w, pr, pw, dw, notfoundOk, timeout, trace, where } = flags;
  return {
    query: {
      key,
      r,
      w,
      pr,
      pw,
      dw,
      notfoundOk: notfoundOk === undefined ? undefined : Number(notfoundOk),
      timeout,
      trace: trace === true ? drawTrace(terminal) : trace,
      where: where === true ? 1 : undefined,
    },
  };
}

function drawTrace(terminal: Terminal): string {
  const trace = randomBytes(8).toString('hex');
  terminal.err(`trace ${trace}\n`);
  return trace;
}

async function ping(invocation: Invocation, n: number): Promise<void> {
  const pong = await invocation.client().get<PingView>('/api/ping', { query: { n } });
  invocation.tell(pong, () => `${pong.result} ${pong.n} ${describeWhere(pong)}`);
}

interface Found {
  readonly found: boolean;
  /** The value where it is UTF-8; else `valueBase64`. */
  readonly value?: string;
  readonly valueBase64?: string;
  readonly where?: Whereabouts;
}

/** For people, the value alone goes to stdout, byte for byte, and what is said about it to stderr. */
async function get(invocation: Invocation<RequestFlags>, key: string): Promise<void> {
  const { flags, terminal } = invocation;
  const found = await invocation.client().get<Found>('/api/get', requestOf(key, invocation));
  if (flags.json === true) return invocation.tell(found, () => '');
  if (found.where !== undefined) terminal.err(`${describeWhere(found.where)}\n`);
  if (!found.found) return terminal.err('not found\n');
  terminal.out(found.value ?? Buffer.from(found.valueBase64 ?? '', 'base64'));
  terminal.out('\n');
}

interface Written {
  readonly existed?: boolean;
  readonly where?: Whereabouts;
}

async function put(invocation: Invocation<RequestFlags>, key: string, value: string): Promise<void> {
  const request = { ...requestOf(key, invocation), body: value };
  const written = await invocation.client().post<Written>('/api/put', request);
  invocation.tell(written, () => describeWritten(written));
}

async function del(invocation: Invocation<RequestFlags>, key: string): Promise<void> {
  const written = await invocation.client().post<Written>('/api/del', requestOf(key, invocation));
  invocation.tell(written, () => describeWritten(written));
}

function describeWritten({ existed, where }: Written): string {
  const words = ['ok', where && describeWhere(where), existed === false ? '(there was nothing)' : undefined];
  return words.filter((word) => word !== undefined).join(' ');
}

interface ExplainFlags {
  readonly hex?: boolean;
  readonly assumeDown?: string[];
  readonly ring?: string;
  readonly n?: number;
  readonly r?: number;
  readonly w?: number;
  readonly pr?: number;
  readonly pw?: number;
}

async function explain(invocation: Invocation<ExplainFlags>, text: string): Promise<void> {
  const { hex = false, assumeDown = [], ring, n } = invocation.flags;
  const key = keyBytes(text, hex);
  if (key === undefined) throw new WrongUsage(`--hex wants pairs of hex digits, and ${text} is none`);
  if (ring === undefined && n !== undefined)
    throw new WrongUsage('--n goes with --ring; a cluster knows its own n');
  const view =
    ring === undefined
      ? await askForKey(invocation, key, assumeDown)
      : explainOffline({ key, ring: readRingFile(ring), n: n ?? 3, assumeDown });
  invocation.tell(view, () => describeKey(view));
}

function askForKey(
  invocation: Invocation<ExplainFlags>,
  key: string,
  assumeDown: readonly string[],
): Promise<KeyView> {
  const keyHex = Buffer.from(key, 'latin1').toString('hex');
  const { r, w, pr, pw } = invocation.flags;
  const query = {
    keyHex,
    assumeDown: assumeDown.length === 0 ? undefined : assumeDown.join(','),
    r,
    w,
    pr,
    pw,
  };
  return invocation.client().get<KeyView>('/api/key', { query });
}
