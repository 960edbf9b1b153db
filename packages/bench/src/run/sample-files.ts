/**
 * LABEL_single.csv: every operation that succeeded, a line each, as the tutorial's chapter on benchmarks has them.
 *
 * The original's three columns, and a fourth: microseconds from when the operation was sent, and from when it was due. The
 * lines of one thread are in the order of time; those of several threads come in pieces of a fifth of a second.
 */
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { SampleSink } from '../contracts/sample.ts';
import { fileLabel } from '../generators/mix.ts';
import type { Times } from './run.ts';

const HEADER = 'timestamp, unit, microseconds, from_due\n';
const PIECE_CHARS = 64 * 1024;

export class SampleFiles implements SampleSink {
  readonly #files: readonly WriteStream[];
  readonly #pieces: string[];
  readonly #times: Times;
  #failure: Error | undefined;

  constructor(folder: string, labels: readonly string[], times: Times) {
    this.#times = times;
    this.#pieces = labels.map(() => HEADER);
    this.#files = labels.map((label) => {
      const file = createWriteStream(join(folder, singleFile(label)));
      file.on('error', (error) => (this.#failure ??= error));
      return file;
    });
  }

  succeeded(label: number, doneUs: number, serviceUs: number, responseUs: number): void {
    const { startUs, fromUs, startedAtMs } = this.#times;
    if (doneUs <= fromUs) return;
    const timestamp = Math.round(startedAtMs + (doneUs - startUs) / 1e3);
    const piece = `${this.#pieces[label]}${timestamp}, 1, ${Math.round(serviceUs)}, ${Math.round(responseUs)}\n`;
    this.#pieces[label] = piece.length < PIECE_CHARS ? piece : this.#write(label, piece);
  }

  failed(): void {}

  unsent(): void {}

  /** Rejects when a file could not be written to its end. */
  async close(): Promise<void> {
    await Promise.all(
      this.#files.map(async (file, label) => {
        if (this.#failure !== undefined) return;
        file.end(this.#pieces[label]);
        await once(file, 'close');
      }),
    );
    if (this.#failure !== undefined) throw this.#failure;
  }

  #write(label: number, piece: string): string {
    this.#files[label]?.write(piece);
    return '';
  }
}

export function singleFile(label: string): string {
  return `${fileLabel(label)}_single.csv`;
}
