/**
 * One request of a keyed service at its coordinator, any node: a read of r copies, or a change at one copy and then at w.
 *
 * A change is tried at one copy after the other for as long as it surely was not run; then the value that came of it is merged
 * into all copies, which may be done twice and so follows the ring as it moves.
 */
import { WireError } from '../base/bytes.ts';
import { collect, type CollectOutcome, type CollectPlan } from '../request/collect.ts';
import type { ServicePort } from '../request/port.ts';
import { countedList, quorumOf, type CountedList } from '../request/quorum.ts';
import type { Replica } from '../ring/preference-list.ts';
import { bucketOf } from '../ring/buckets.ts';
import { partitionOf, ringBits } from '../ring/hash-space.ts';
import type { AnyDefinition } from './definition.ts';
import { bytesOf, textOf } from './key-text.ts';
import {
  placeOf,
  TEXT_BYTES_MAX,
  throughJson,
  VALUE_BYTES_MAX,
  type KeyedCommand,
  type KeyedReply,
} from './keyed-wire.ts';

/** Through which a keyed service's vnodes are reached. */
export type KeyedPort = ServicePort<KeyedCommand, KeyedReply>;

/** What came of a request. `definite`: it surely did nothing, and will not. */
export type Told<Reply> = { readonly ok: Reply } | { readonly error: string; readonly definite: boolean };

/** How many copies a request waits for, and how long. */
export interface AskOptions {
  /** Copies whose word a read waits for. Default: a majority. */
  readonly r?: number;
  /** Copies that a change waits for. Default: a majority. */
  readonly w?: number;
  /** For each of its steps. Default 2,000. */
  readonly timeoutMs?: number;
}

export interface KeyedRequest extends AskOptions {
  readonly port: KeyedPort;
  readonly definition: AnyDefinition;
  readonly key: string;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly now: number;
  done(told: Told<unknown>): void;
}

const TIMEOUT_MS = 2_000;

/** `key` is text here, and bytes from here on. */
export function askKeyed(asked: KeyedRequest): void {
  const handler = asked.definition.commands[asked.name];
  if (handler === undefined) throw new Error(`${asked.definition.name} has no command "${asked.name}"`);
  let request: KeyedRequest;
  try {
    request = { ...asked, key: sentKey(asked.key), args: sentArgs(asked.args) };
  } catch (error) {
    return asked.done({ error: `bad_request: ${String(error)}`, definite: true });
  }
  if ('read' in handler) read(request, handler.read);
  else run(request, 0);
}

function sentKey(text: string): string {
  const key = bytesOf(text);
  if (key.length > TEXT_BYTES_MAX) throw new WireError(`a key of ${key.length} bytes`);
  return key;
}

/** Whichever node runs it, this one too, the handler is given what JSON makes of them. */
function sentArgs(args: readonly unknown[]): readonly unknown[] {
  return throughJson(args, VALUE_BYTES_MAX, 'arguments') as readonly unknown[];
}

function read(request: KeyedRequest, handler: (...args: unknown[]) => unknown): void {
  const { definition, key, now, args, done, port, timeoutMs = TIMEOUT_MS } = request;
  const command: KeyedCommand = { kind: 'fetch', key };
  const plan = (): CollectPlan<KeyedCommand> => {
    const list = listOf(request);
    return { list, command, quorum: quorumOf(list, request.r ?? majority(list.n)) };
  };
  collect<KeyedCommand, KeyedReply, Uint8Array | undefined>(port, {
    ...plan(),
    planAnew: plan,
    timeoutMs,
    keep: (reply) => (reply.kind === 'held' ? reply.value?.slice() : undefined),
    // What a stand-in does not hold may still exist.
    counts: (value, standIn) => value !== undefined || !standIn,
    primariesSuffice: true,
    done: (outcome) => {
      if (outcome.reason !== 'finished') return done(failureOf(outcome, true));
      const values = outcome.answers.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
      let reply: unknown;
      try {
        reply = handler(mergedOf(definition, values), { key: textOf(key), now, actor: '' }, ...args);
      } catch (error) {
        return done({ error: `threw: ${String(error)}`, definite: true });
      }
      done({ ok: reply });
    },
  });
}

function mergedOf({ codec, merge }: AnyDefinition, values: readonly Uint8Array[]): unknown {
  const [first, ...others] = values.map((value) => codec.decode(value));
  return others.reduce((merged, value) => merge(merged, value), first);
}

interface Ran {
  readonly reply: unknown;
  readonly value: Uint8Array | undefined;
  /** It has not been run to its end. */
  readonly threw?: string;
}

function ranOf(reply: KeyedReply): Ran | undefined {
  if (reply.kind === 'ran') return { reply: reply.reply, value: reply.value?.slice() };
  return reply.kind === 'threw' ? { reply: undefined, value: undefined, threw: reply.why } : undefined;
}

/** At the copy that is `at` in the preference list, and if it surely was not run there, at the next. */
function run(request: KeyedRequest, at: number, before?: Told<unknown>): void {
  const { port, key, name, args, now, done, timeoutMs = TIMEOUT_MS } = request;
  const replica = listOf(request).replicas[at];
  if (replica === undefined) return done(before ?? { error: 'unreachable', definite: true });
  const plan = (): CollectPlan<KeyedCommand> => {
    const list = alone(listOf(request).replicas[at] ?? replica, port);
    return { list, quorum: quorumOf(list, 1), command: { kind: 'run', key, now, name, args } };
  };
  collect<KeyedCommand, KeyedReply, Ran | undefined>(port, {
    ...plan(),
    planAnew: plan,
    timeoutMs,
    keep: ranOf,
    counts: () => true,
    done: (outcome) => {
      const ran = outcome.answers[0]?.answer;
      if (outcome.reason === 'finished' && ran !== undefined) return spread(request, ran);
      const failure = failureOf(outcome, outcome.definite);
      if (outcome.definite) run(request, at + 1, failure);
      else done(failure);
    },
  });
}

/** Bring what came of a change to all copies. */
function spread(request: KeyedRequest, { reply, value, threw }: Ran): void {
  const { port, key, done, timeoutMs = TIMEOUT_MS } = request;
  if (threw !== undefined) return done({ error: `threw: ${threw}`, definite: true });
  if (value === undefined) return done({ ok: reply });
  const plan = (): CollectPlan<KeyedCommand> => {
    const list = listOf(request);
    return {
      list,
      quorum: quorumOf(list, request.w ?? majority(list.n)),
      command: { kind: 'merge', key, value },
    };
  };
  collect<KeyedCommand, KeyedReply, undefined>(port, {
    ...plan(),
    planAnew: plan,
    timeoutMs,
    keep: () => undefined,
    counts: () => true,
    done: (outcome) => done(outcome.reason === 'finished' ? { ok: reply } : failureOf(outcome, false)),
  });
}

function failureOf(
  { reason, refusal }: Pick<CollectOutcome<unknown>, 'reason' | 'refusal'>,
  definite: boolean,
): Told<never> {
  return { error: refusal ?? reason, definite };
}

function listOf({ port, key }: Pick<KeyedRequest, 'port' | 'key'>): CountedList {
  const { document } = port;
  const first = partitionOf(placeOf(key).hashHi, ringBits(document.ringSize));
  return port.list(first, bucketOf(document, key).n);
}

/** A list of one. */
function alone(replica: Replica, { self }: KeyedPort): CountedList {
  return countedList([replica], 1, 1, self);
}

function majority(n: number): number {
  return (n >> 1) + 1;
}
