/**
 * The recorder: samples go in, windows and totals come out.
 *
 * An operation belongs to the window in which it ended. What ended in the warm-up is dropped. What ended after the end was
 * late: it is in the totals, but not in the throughput and in no window. A window is closed when nobody will tell of it
 * any more; what is told late all the same is counted in the oldest one that is open.
 */
import type { SampleSink } from '../contracts/sample.ts';
import { encodeHistogram, type Histogram, latenciesOf, latencyHistogram, record } from './histogram.ts';
import type { LabelResult, Latencies, Tally, WindowResult } from './result.ts';

export interface RecorderInit {
  readonly labels: readonly string[];
  /** The end of the warm-up. */
  readonly fromUs: number;
  readonly endUs: number;
  readonly windowUs: number;
  /** Hears of each window in order. */
  readonly onWindow?: (window: WindowResult) => void;
}

export class Recorder implements SampleSink {
  readonly #init: RecorderInit;
  readonly #totals: Book[];
  readonly #lateness = latencyHistogram();
  /** One Book per label, by number of the window. */
  readonly #open = new Map<number, Book[]>();
  /** Used again, as making a histogram costs more than emptying it. */
  readonly #spare: Book[][] = [];
  readonly #windows: WindowResult[] = [];
  /** What ended after the end. */
  readonly #late: Book[];
  #endUs: number;
  #unsent = 0;

  constructor(init: RecorderInit) {
    this.#init = init;
    this.#endUs = init.endUs;
    this.#totals = this.#books();
    this.#late = this.#books();
  }

  /** The end comes earlier than it was thought. */
  endAt(us: number): void {
    this.#endUs = Math.min(this.#endUs, us);
  }

  get unsentCount(): number {
    return this.#unsent;
  }

  get windows(): readonly WindowResult[] {
    return this.#windows;
  }

  get lateness(): Latencies {
    return latenciesOf(this.#lateness);
  }

  succeeded(label: number, doneUs: number, serviceUs: number, responseUs: number, waited: boolean): void {
    const books = this.#booksAt(doneUs);
    if (books === undefined) return;
    for (const book of [books[label], this.#totals[label]]) book?.succeed(serviceUs, responseUs);
    if (waited) record(this.#lateness, responseUs - serviceUs);
  }

  failed(label: number, doneUs: number, kind: string): void {
    const books = this.#booksAt(doneUs);
    if (books === undefined) return;
    for (const book of [books[label], this.#totals[label]]) book?.fail(kind);
  }

  unsent(count: number): void {
    this.#unsent += count;
  }

  /** Closes all windows that ended by then; also those in which nothing happened. */
  closeUntil(us: number): void {
    const { fromUs, windowUs } = this.#init;
    const untilUs = Math.min(us, this.#endUs);
    while (fromUs + (this.#windows.length + 1) * windowUs <= untilUs) this.#close(windowUs);
  }

  /** How many seconds were measured. The last window may be a shorter one. */
  finish(): number {
    const { fromUs, windowUs } = this.#init;
    const endUs = Math.max(fromUs, this.#endUs);
    this.closeUntil(endUs);
    const restUs = endUs - fromUs - this.#windows.length * windowUs;
    if (restUs >= 1) this.#close(restUs);
    return (endUs - fromUs) / 1e6;
  }

  results(measuredS: number): { all: LabelResult; labels: LabelResult[] } {
    const { labels } = this.#init;
    const [totals, late] = [this.#totals, this.#late];
    return {
      all: resultOf('all', sumOf(totals), sumOf(late), measuredS),
      labels: labels.map((label, at) => resultOf(label, totals[at] as Book, late[at] as Book, measuredS)),
    };
  }

  #booksAt(doneUs: number): Book[] | undefined {
    const { fromUs, windowUs } = this.#init;
    if (doneUs <= fromUs) return undefined;
    if (doneUs > this.#endUs) return this.#late;
    const at = Math.max(this.#windows.length, Math.ceil((doneUs - fromUs) / windowUs) - 1);
    let books = this.#open.get(at);
    if (books === undefined) {
      books = this.#spare.pop() ?? this.#books();
      this.#open.set(at, books);
    }
    return books;
  }

  #close(lengthUs: number): void {
    const { labels, windowUs, onWindow } = this.#init;
    const at = this.#windows.length;
    const books = this.#open.get(at) ?? this.#spare.pop() ?? this.#books();
    this.#open.delete(at);
    const fromS = (at * windowUs) / 1e6;
    const window: WindowResult = {
      fromS,
      toS: fromS + lengthUs / 1e6,
      all: sumOf(books).tally(),
      labels: Object.fromEntries(labels.map((label, i) => [label, (books[i] as Book).tally()])),
    };
    for (const book of books) book.clear();
    this.#spare.push(books);
    this.#windows.push(window);
    onWindow?.(window);
  }

  #books(): Book[] {
    return this.#init.labels.map(() => new Book());
  }
}

/** What is known of one label in one window, or in all. */
class Book {
  readonly service: Histogram = latencyHistogram();
  readonly response: Histogram = latencyHistogram();
  readonly errors = new Map<string, number>();

  succeed(serviceUs: number, responseUs: number): void {
    record(this.service, serviceUs);
    record(this.response, responseUs);
  }

  fail(kind: string, count = 1): void {
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + count);
  }

  add(other: Book): void {
    this.service.add(other.service);
    this.response.add(other.response);
    for (const [kind, count] of other.errors) this.fail(kind, count);
  }

  tally(): Tally {
    let failed = 0;
    for (const count of this.errors.values()) failed += count;
    const [service, response] = [latenciesOf(this.service), latenciesOf(this.response)];
    return { succeeded: service.count, failed, errors: Object.fromEntries(this.errors), service, response };
  }

  clear(): void {
    this.service.reset();
    this.response.reset();
    this.errors.clear();
  }
}

function sumOf(books: readonly Book[]): Book {
  const sum = new Book();
  for (const book of books) sum.add(book);
  return sum;
}

function resultOf(label: string, book: Book, late: Book, measuredS: number): LabelResult {
  const tally = book.tally();
  const inTime = tally.succeeded - late.service.totalCount;
  return {
    label,
    ...tally,
    throughput: measuredS > 0 ? inTime / measuredS : 0,
    histograms: { service: encodeHistogram(book.service), response: encodeHistogram(book.response) },
  };
}
