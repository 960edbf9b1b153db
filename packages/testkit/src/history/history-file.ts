/**
 * A history in a file: one line of JSON for each event, in the order in which they came.
 *
 *     {"at":1.5,"begin":7,"client":"c1","key":"k","kind":"write","input":"a","node":"n1"}
 *     {"at":2.25,"ok":7,"version":"0193.."}           or "failed":7, or "indefinite":7
 *     {"quiet":{"from":10,"to":20}}
 *     {"copy":{"key":"k","replica":"n2 p5","value":"a","at":12}}
 *
 * What began has its line before it is answered: a run that is killed leaves a file that can be checked, with all that was
 * under way as indefinite, and at most half a line too much.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { HistoryEvent } from './history.ts';
import type { Copy, Invocation, Operation, Operations, Outcome, QuietTime } from './operation.ts';

/** Lines that wait in memory at most, for the sake of speed. */
const LINES_PER_WRITE = 500;

/** Writes the events of a history as they come: `new History({ now, onEvent: (event) => file.add(event) })`. */
export class HistoryFile {
  readonly path: string;
  readonly #descriptor: number;
  #waiting: string[] = [];

  /** What is in the file already is lost. */
  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'w');
  }

  add(event: HistoryEvent): void {
    this.#waiting.push(JSON.stringify(event));
    if (this.#waiting.length >= LINES_PER_WRITE) this.flush();
  }

  /** What was added is the operating system's from here on, and survives this process. */
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

/** The history in this file. Throws, with the line, for what is none. */
export function readHistory(path: string): Operations {
  return parseHistory(readFileSync(path, 'utf8'));
}

/** Throws an error that names the line and what is wrong with it. A last line that nothing ends is passed over. */
export function parseHistory(text: string): Operations {
  const operations = new Map<number, Operation>();
  const quiet: QuietTime[] = [];
  const copies: Copy[] = [];
  const lines = text.split('\n');
  const whole = lines.slice(0, -1);
  whole.forEach((line, at) => {
    if (line.trim() === '') return;
    try {
      const event = JSON.parse(line) as Record<string, unknown>;
      if ('quiet' in event) quiet.push(event['quiet'] as QuietTime);
      else if ('copy' in event) copies.push(event['copy'] as Copy);
      else if ('begin' in event) begin(operations, event);
      else end(operations, event);
    } catch (error) {
      throw new Error(`line ${at + 1}: ${(error as Error).message}`, { cause: error });
    }
  });
  return { operations: [...operations.values()], quiet, copies };
}

function begin(operations: Map<number, Operation>, event: Record<string, unknown>): void {
  const { at, begin: number, ...invocation } = event as unknown as Invocation & { at: number; begin: number };
  for (const name of ['client', 'key', 'kind'] as const)
    if (typeof invocation[name] !== 'string') throw new Error(`no ${name}`);
  if (typeof at !== 'number' || typeof number !== 'number') throw new Error('no time or no number');
  if (operations.has(number)) throw new Error(`${number} has begun before`);
  operations.set(number, { ...invocation, begin: at, end: Infinity, outcome: undefined });
}

const OUTCOMES: readonly Outcome[] = ['ok', 'failed', 'indefinite'];

function end(operations: Map<number, Operation>, event: Record<string, unknown>): void {
  const outcome = OUTCOMES.find((known) => known in event);
  if (outcome === undefined) throw new Error('none of begin, ok, failed, indefinite, quiet, copy');
  const { at, [outcome]: number, ...answer } = event;
  const operation = operations.get(number as number);
  if (operation === undefined || operation.outcome !== undefined)
    throw new Error(`${String(number)} is not under way`);
  if (typeof at !== 'number') throw new Error('no time');
  Object.assign(operation, { outcome, end: at }, answer);
}
