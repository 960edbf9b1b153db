/** The last lines that one node logged, kept as data across its lives and put into words only when asked for. */
import type { Logger } from '@rkv/core';
import type { World } from '../world/world.ts';

/** How much a line matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A line that a node logged. */
export interface LogLine {
  /** Virtual milliseconds. */
  readonly at: number;
  readonly level: LogLevel;
  /** Which life of the node said it. */
  readonly life: number;
  readonly fields: object;
  readonly message: string;
}

export class NodeLog {
  readonly #world: World;
  readonly #name: string;
  readonly #keep: number;
  #lines: LogLine[] = [];

  constructor(world: World, name: string, keep: number) {
    this.#world = world;
    this.#name = name;
    this.#keep = keep;
  }

  /** Oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines.slice(-this.#keep);
  }

  logger(life: number): Logger {
    const at =
      (level: LogLevel) =>
      (fields: object, message: string): void =>
        this.#append({ at: this.#world.now(), level, life, fields, message });
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  describe(): string {
    return this.lines.map((line) => this.#describeLine(line)).join('\n');
  }

  #append(line: LogLine): void {
    this.#lines.push(line);
    if (this.#lines.length >= 2 * this.#keep) this.#lines = this.#lines.slice(-this.#keep);
  }

  #describeLine({ at, level, life, fields, message }: LogLine): string {
    const written = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields, legible)}`;
    return `${at.toFixed(3).padStart(14)}  ${this.#name}.${life} ${level} ${message}${written}`;
  }
}

/** Fields may hold what JSON does not know. */
function legible(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? value.message : value;
}
