/**
 * What clients asked for and what came of it: one line of JSON per operation, kept in a file from the first to the last.
 *
 * Every value is written once in a whole run, so that a value read tells which write it is from. Times are milliseconds
 * of one clock: all clients of a run live in one process.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** failed: it surely did not happen. unknown: it may have, or may yet. */
export type Outcome = 'ok' | 'failed' | 'unknown';

export interface Operation {
  readonly kind: 'write' | 'delete' | 'read';
  readonly key: string;
  /** Written, or found; null: nothing. */
  readonly value: string | null;
  /** One connection of one client: a client that connects again has another. */
  readonly connection: string;
  /** The node that was asked. */
  readonly node: string;
  readonly begin: number;
  /** The answer came, or was no longer waited for. */
  readonly end: number;
  readonly outcome: Outcome;
  readonly error?: string;
}

/** Between two moments nothing was wrong and nothing moved. */
export interface QuietTime {
  readonly from: number;
  readonly to: number;
}

type Line = { readonly operation: Operation } | { readonly quiet: QuietTime };

const LINES_PER_WRITE = 500;

/** Writes a history to its file as it grows. */
export class HistoryFile {
  readonly path: string;
  readonly #descriptor: number;
  #waiting: string[] = [];
  operations = 0;

  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'w');
  }

  add(operation: Operation): void {
    this.operations++;
    this.#append({ operation });
  }

  addQuiet(quiet: QuietTime): void {
    this.#append({ quiet });
  }

  #append(line: Line): void {
    this.#waiting.push(JSON.stringify(line));
    if (this.#waiting.length >= LINES_PER_WRITE) this.flush();
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    writeSync(this.#descriptor, `${this.#waiting.join('\n')}\n`);
    this.#waiting = [];
  }

  close(): void {
    this.flush();
    closeSync(this.#descriptor);
  }
}

export interface History {
  readonly operations: readonly Operation[];
  readonly quiet: readonly QuietTime[];
}

export function readHistory(path: string): History {
  const operations: Operation[] = [];
  const quiet: QuietTime[] = [];
  for (const text of readFileSync(path, 'utf8').trimEnd().split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as Line;
    if ('operation' in line) operations.push(line.operation);
    else quiet.push(line.quiet);
  }
  return { operations, quiet };
}
