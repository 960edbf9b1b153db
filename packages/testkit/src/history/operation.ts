/**
 * What a client asked for, and what it was told: the one form in which every run is written down, simulated or real.
 *
 * An operation begins, and ends in one of three ways. `ok`: it was answered, and has taken effect at some moment between
 * begin and end. `failed`: it surely has no effect, neither now nor later. `indefinite`: nobody knows - a time-out, a
 * broken connection, an error that does not say `definite` - so it may take effect at any time after it began, or never.
 * One that is under way when the history is looked at is as good as indefinite.
 *
 * Never call something `failed` that may yet happen: checkers believe it. What is wrong then is the history.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Done; surely not done; nobody knows, and it may still take effect. */
export type Outcome = 'ok' | 'failed' | 'indefinite';

/** What is known when it begins. */
export interface Invocation {
  /** Who asks: a connection, a session. For the reader, and for what one client is promised about its own reads. */
  readonly client: string;
  readonly key: string;
  /**
   * What is asked. A model says what its kinds mean, what goes in and what comes out:
   *
   *     register   read            -> string | null            counter   increment n  -> the count, or nothing known
   *                write v                                                total        -> the count (null counts as 0)
   *                delete          -> whether there was one,
   *                                   or nothing known         set       add v        -> whether it was new, or not known
   *                writeIfAbsent v -> whether it was done                remove v     -> whether it was there, or not known
   *                compareAndSet [from, to] -> whether                   members      -> a list
   *
   *     text       append t  -> how long it is then, or nothing known
   *                text      -> string (null counts as '')
   */
  readonly kind: string;
  readonly input?: Json;
  /** Who was asked. For the reader. */
  readonly node?: string;
}

export interface Operation extends Invocation {
  /** Milliseconds of one clock for all operations of a history. */
  readonly begin: number;
  /** Infinity: it never ended. */
  readonly end: number;
  /** Undefined: under way. */
  readonly outcome: Outcome | undefined;
  readonly output?: Json;
  /**
   * The stamp of what was written or found, if the store tells: strings of which the later one is the greater. Where all
   * are known, it is they who say what replaced what (settled.ts).
   */
  readonly version?: string;
  readonly error?: string;
}

/** Between two moments nothing was wrong and nothing on its way: what an eventual store promises about reads, it does here. */
export interface QuietTime {
  readonly from: number;
  readonly to: number;
}

/** One replica's own copy of a key, looked at in a quiet time. */
export interface Copy {
  readonly key: string;
  /** Where it lies, in words that tell replicas apart. */
  readonly replica: string;
  /** As a read would give it; null: nothing, or a tombstone. */
  readonly value: Json;
  readonly version?: string;
  readonly at: number;
}

/** A whole run. */
export interface Operations {
  readonly operations: readonly Operation[];
  readonly quiet: readonly QuietTime[];
  readonly copies: readonly Copy[];
}

/** In the order in which keys come first. */
export function groupedByKey<T extends { readonly key: string }>(things: readonly T[]): Map<string, T[]> {
  const grouped = new Map<string, T[]>();
  for (const thing of things) {
    const ofKey = grouped.get(thing.key);
    if (ofKey === undefined) grouped.set(thing.key, [thing]);
    else ofKey.push(thing);
  }
  return grouped;
}

/** `compareAndSet ["a","b"] -> true`; what is not known is a question mark. */
export function describeOperation({ kind, input, output, outcome }: Operation): string {
  const asked = input === undefined ? kind : `${kind} ${describeJson(input)}`;
  if (outcome === 'failed') return `${asked} failed`;
  if (outcome !== 'ok') return `${asked} -> ?`;
  return output === undefined ? asked : `${asked} -> ${describeJson(output)}`;
}

function describeJson(value: Json): string {
  return typeof value === 'string' && /^[\w.:-]+$/.test(value) ? value : JSON.stringify(value);
}
