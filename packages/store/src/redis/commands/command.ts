/**
 * What a command is: a name, an arity, where its keys stand, and one of five ways to run.
 *
 *   local    answered at once from what this node knows
 *   read     one key, one read of the store; says how to reply to a value and to none
 *   write    one key, one write of the store
 *   many     several keys, a store call each
 *   cluster  the whole key space; nothing else of the connection runs meanwhile
 *
 * The keys tell the connection which of its pipelined commands may run at the same time. Commands are frozen
 * data: all that changes lives in the session, the door or the store.
 */
import type { Failure, KvStore, WriteSink } from '../../kv/api.ts';
import type { ByteBudget } from '../../kv/byte-budget.ts';
import type { DoorCounters, InfoFacts } from '../info.ts';
import type { ReplyWriter } from '../writer.ts';

/** A request's arguments, the command's name being number 0. Borrowed: valid while the command is begun. */
export interface Request {
  readonly argc: number;
  /** As a latin1 string. */
  text(index: number): string;
  /** Borrowed. No Buffer: `slice` copies it. */
  view(index: number): Uint8Array;
  /** A copy that stays valid. */
  detached(): Request;
}

/** Where a reply goes. Exactly one of `answer`, `reject`, `onFailure`, exactly once, now or later. */
export interface ReplyTo {
  /** The client is gone; long work may stop, but must still answer. */
  readonly abandoned: boolean;
  /** Replies that are put together before they can be given, of all clients. */
  readonly gathered: ByteBudget;
  /**
   * Before `answer`, by a cluster command that has not been answered within its call: the beginning, or a further part, of its reply.
   * `more` is called when the client has room for the next, or is gone.
   */
  part(write: (out: ReplyWriter) => void, more: () => void): void;
  answer(write: (out: ReplyWriter) => void): void;
  /** With an error's text, first word included. */
  reject(error: string): void;
  onFailure(failure: Failure): void;
}

/** One client, as local commands see it. */
export interface Session {
  readonly id: number;
  name: string;
  /** What CLIENT SETINFO told. */
  library: string;
  libraryVersion: string;
  /** Which RESP the replies from now on, this command's among them, are written in. Only for commands that run alone. */
  resp3: boolean;
  readonly door: Door;
  /** One line of CLIENT LIST, without its line end. */
  describe(): string;
  /** Give the replies that are owed, then close. */
  closeAfterReplies(): void;
}

/** The server, as local commands see it. */
export interface Door {
  info(): InfoFacts;
  counters(): DoorCounters;
  sessions(): Iterable<Session>;
  resetCounters(): void;
  /** Settings that were accepted and have no effect, by name. */
  readonly settings: Map<string, string>;
}

interface CommandFacts {
  /** Lower case letters only. */
  readonly name: string;
  /** Number of arguments with the name; negative: at least so many. */
  readonly arity: number;
  /** Redis's own words for what the command may do. */
  readonly flags: readonly string[];
  readonly group: 'connection' | 'generic' | 'scripting' | 'server' | 'string';
  /** The Redis version that had it first. */
  readonly since: string;
  readonly summary: string;
}

export interface LocalCommand extends CommandFacts {
  readonly kind: 'local';
  /** Waits until all before it is answered: it changes how replies are written. */
  readonly alone?: boolean;
  run(session: Session, request: Request, out: ReplyWriter): void;
}

export interface Subcommand {
  /** Counts both names. */
  readonly arity: number;
  run(session: Session, request: Request, out: ReplyWriter): void;
}

export interface ReadCommand extends CommandFacts {
  readonly kind: 'read';
  /** `untilMs`: when it expires, 0: never; `nowMs`: the moment at which it was live, where that mattered. */
  onValue(
    out: ReplyWriter,
    bytes: Uint8Array,
    start: number,
    end: number,
    untilMs: number,
    nowMs: number,
  ): void;
  onMissing(out: ReplyWriter): void;
}

export interface WriteCommand extends CommandFacts {
  readonly kind: 'write';
  begin(kv: KvStore, key: string, request: Request, reply: ReplyTo & WriteSink): void;
  onWritten(out: ReplyWriter, existed: boolean): void;
}

export interface ManyCommand extends CommandFacts {
  readonly kind: 'many';
  readonly writes: boolean;
  /** The keys are every so manieth argument from the first on. */
  readonly keyStep: number;
  begin(kv: KvStore, keys: readonly string[], request: Request, reply: ReplyTo): void;
}

export interface ClusterCommand extends CommandFacts {
  readonly kind: 'cluster';
  readonly writes: boolean;
  begin(kv: KvStore, request: Request, reply: ReplyTo): void;
}

export type Command = LocalCommand | ReadCommand | WriteCommand | ManyCommand | ClusterCommand;

export function acceptsArity(arity: number, argc: number): boolean {
  return arity >= 0 ? argc === arity : argc >= -arity;
}

/** Where the keys stand, in Redis's way: first, last (negative: from the end) and step; all 0 when there are none. */
export function keyPlaces(command: Command): readonly [number, number, number] {
  switch (command.kind) {
    case 'read':
    case 'write':
      return [1, 1, 1];
    case 'many':
      return [1, -1, command.keyStep];
    case 'local':
    case 'cluster':
      return [0, 0, 0];
  }
}

/** The arguments that are keys. */
export function keysOf(command: Command, request: Request): string[] {
  const [first, last, step] = keyPlaces(command);
  if (first === 0) return [];
  const keys: string[] = [];
  const end = last < 0 ? request.argc + last : last;
  for (let i = first; i <= end; i += step) keys.push(request.text(i));
  return keys;
}
