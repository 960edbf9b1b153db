/**
 * A keyed service: what one writes to have a value for each key on the ring, in copies, with commands of one's own.
 *
 *     interface Likes {
 *       like(by: number): number;
 *       total(): number;
 *     }
 *     type Counts = Record<string, number>; // by whoever counted: each part has one writer, so the larger one is the later
 *
 *     export const likes = keyedService<Likes, Counts>({
 *       name: 'likes',
 *       commands: {
 *         like: {
 *           change: (held = {}, { actor }, by) => {
 *             const value = { ...held, [actor]: (held[actor] ?? 0) + by };
 *             return { value, reply: sum(value) };
 *           },
 *         },
 *         total: { read: (held = {}) => sum(held) },
 *       },
 *       merge: (a, b) => largerOfEach(a, b),
 *     });
 *
 * The interface is the service's face: a command that is forgotten in `commands`, or one that answers something else, does not
 * compile. What is made of it is a `VnodeModule`, to be given to a `Node`, and what to ask it with.
 *
 * How a request goes, through whichever node:
 *
 *     read     the values of r copies are fetched and merged, and the handler looks at what that makes
 *     change   one copy runs the handler - the first of the key's preference list that is up - and what it holds then is merged
 *              into the others; acknowledged when w copies have it as durable as the node's level says. It is run once: when nobody knows
 *              whether it was, the answer is an error that is not `definite`
 *     query    every key once, each through one of its copies, page by page
 *
 * By default r and w are a majority of the n copies that the ring keeps. Copies that missed something are brought up to date by handoff
 * and by exchange; all of that is `merge`.
 *
 * Not promised: that a read sees what was acknowledged while copies are stood in for (sloppy quorums), nor that a change
 * sees every earlier one: it sees what its copy holds. So two changes may be made beside each other, and `merge` has the last
 * word. Values are to be small, some kilobytes: each change sends the whole of one.
 */

/** What a handler may know beside what is held. */
export interface CommandContext {
  /** The key, as it was asked for. */
  readonly key: string;
  /** Milliseconds since 1970, by the clocks of the members: the same in all that one request does. */
  readonly now: number;
  /**
   * In whose name a change is made. What stands under it was written here, by nobody else and never by an earlier one: so a
   * part of a value under this name has one writer. In a read it means nothing.
   */
  readonly actor: string;
}

/** A command that only looks. */
export interface ReadHandler<Value, Args extends readonly unknown[], Reply> {
  /**
   * Called by whoever is asked, with the merged value of r copies, or undefined where none holds one. What it is given is its
   * own. A throw is told to the asker. It must not keep anything, nor look at a clock or at dice of its own.
   */
  readonly read: (held: Value | undefined, context: CommandContext, ...args: Args) => Reply;
}

/** What a change comes to. `value`: what is to be held from now on; left out: nothing changes. */
export interface Changed<Value, Reply> {
  readonly value?: Value | undefined;
  readonly reply: Reply;
}

/** A command that may change what is held. */
export interface ChangeHandler<Value, Args extends readonly unknown[], Reply> {
  /**
   * Called at one copy, one change of a key after the other, with what that copy holds. What it returns is merged with that, so a
   * value that says less than before says nothing. What it is given is its own. A throw is told to the asker, and nothing is changed.
   * It must not wait, keep anything, or look at a clock or at dice of its own.
   */
  readonly change: (held: Value | undefined, context: CommandContext, ...args: Args) => Changed<Value, Reply>;
}

// A face is an interface of functions, whatever they take and give.
// oxlint-disable-next-line typescript/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/** A handler for each command of the face. Arguments, and replies of changes, are what JSON makes of them, whichever node runs it. */
export type CommandsOf<Face, Value> = {
  readonly [Name in keyof Face]: Face[Name] extends (...args: infer Args) => infer Reply
    ? ReadHandler<Value, Args, Reply> | ChangeHandler<Value, Args, Reply>
    : never;
};

/** For each query a function of one key's value: the row of that key, or undefined for none. Called at one copy of each. */
export type QueriesOf<Queries, Value> = {
  readonly [Name in keyof Queries]: Queries[Name] extends (...args: infer Args) => infer Row
    ? (held: Value, context: Omit<CommandContext, 'actor'>, ...args: Args) => Row | undefined
    : never;
};

/** Values to bytes and back. Equal values must have equal bytes, or copies that are alike are mended for ever. */
export interface ValueCodec<Value> {
  encode(value: Value): Uint8Array;
  /** The bytes are borrowed. A throw: they are damaged. */
  decode(bytes: Uint8Array): Value;
}

/** All that one writes of a keyed service. */
export interface ServiceDefinition<Face, Value, Queries> {
  /** Names the service on the ring; part of the wire and the disk, so it never changes. Without a colon. */
  readonly name: string;
  readonly commands: CommandsOf<Face, Value>;
  /**
   * What two copies of one key say together. Called whenever a value comes to where another is: by a change, a handoff, an
   * exchange, in any order, more than once. So it must be commutative, associative and idempotent, lose nothing of either, and
   * depend on nothing else. Both are its own. `simulate` of @rkv/testkit finds one that is not.
   */
  readonly merge: (a: Value, b: Value) => Value;
  /** Default: JSON with sorted fields. */
  readonly codec?: ValueCodec<Value>;
  /**
   * Whether nobody needs this value any more: from some moment on true for ever. It is removed then, at each copy by itself, once the
   * moment is past on every member's clock, and not taken from others again. `merge` of two such is such a one.
   */
  readonly isPast?: (value: Value, now: number) => boolean;
  readonly queries?: QueriesOf<Queries, Value>;
}

/** A definition without its types, as the machines know it. */
export interface AnyDefinition {
  readonly name: string;
  readonly commands: Readonly<
    Record<
      string,
      { readonly read: AnyFunction } | { readonly change: (...args: never[]) => Changed<unknown, unknown> }
    >
  >;
  merge(a: unknown, b: unknown): unknown;
  readonly codec: ValueCodec<unknown>;
  readonly isPast: ((value: unknown, now: number) => boolean) | undefined;
  readonly queries: Readonly<Record<string, AnyFunction>>;
}
