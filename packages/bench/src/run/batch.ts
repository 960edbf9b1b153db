/**
 * Samples on their way between threads: many in one message, four numbers each, handed over rather than copied.
 *
 * So nobody waits for another thread per operation; the original's single process of statistics, which each sample had
 * to pass, was its limit.
 */
import type { SampleSink } from '../contracts/sample.ts';

export interface Batch {
  /** Rows of: what (label * 3 + how it went), when it ended, service or kind of error, response. */
  readonly rows: Float64Array<ArrayBuffer>;
  readonly length: number;
  /** The kinds of errors that rows may name, by number. */
  readonly kinds: readonly string[];
}

const ROW = 4;
const ROWS_MAX = 4_096;
const [SUCCEEDED, SUCCEEDED_WAITED, FAILED] = [0, 1, 2];
const WAYS = 3;

export class BatchSink implements SampleSink {
  readonly #send: (batch: Batch) => void;
  readonly #kinds: string[] = [];
  #rows = new Float64Array(ROWS_MAX * ROW);
  #length = 0;
  #unsent = 0;

  constructor(send: (batch: Batch) => void) {
    this.#send = send;
  }

  get unsentCount(): number {
    return this.#unsent;
  }

  succeeded(label: number, doneUs: number, serviceUs: number, responseUs: number, waited: boolean): void {
    this.#add(label * WAYS + (waited ? SUCCEEDED_WAITED : SUCCEEDED), doneUs, serviceUs, responseUs);
  }

  failed(label: number, doneUs: number, kind: string): void {
    if (!this.#kinds.includes(kind)) this.#kinds.push(kind);
    this.#add(label * WAYS + FAILED, doneUs, this.#kinds.indexOf(kind), 0);
  }

  unsent(count: number): void {
    this.#unsent += count;
  }

  flush(): void {
    if (this.#length === 0) return;
    const batch = { rows: this.#rows, length: this.#length, kinds: [...this.#kinds] };
    this.#rows = new Float64Array(ROWS_MAX * ROW);
    this.#length = 0;
    this.#send(batch);
  }

  #add(what: number, doneUs: number, third: number, fourth: number): void {
    const at = this.#length * ROW;
    this.#rows[at] = what;
    this.#rows[at + 1] = doneUs;
    this.#rows[at + 2] = third;
    this.#rows[at + 3] = fourth;
    if (++this.#length === ROWS_MAX) this.flush();
  }
}

/** Tells a sink what the other thread has told. */
export function replay({ rows, length, kinds }: Batch, sink: SampleSink): void {
  for (let at = 0; at < length * ROW; at += ROW) {
    const [what, doneUs, third, fourth] = [rows[at], rows[at + 1], rows[at + 2], rows[at + 3]] as Row;
    const [label, way] = [Math.floor(what / WAYS), what % WAYS];
    if (way === FAILED) sink.failed(label, doneUs, kinds[third] ?? 'unknown');
    else sink.succeeded(label, doneUs, third, fourth, way === SUCCEEDED_WAITED);
  }
}

type Row = [number, number, number, number];
