/**
 * What is to be seen while a run is under way: on a terminal a bar that moves and a bar per operation, elsewhere a line
 * every few seconds, so that a log stays readable.
 */
import type { Definition } from '../definition/settle.ts';
import { describeCount, describeRate, describeUs } from '../report/numbers.ts';
import { table } from '../report/text.ts';
import type { WindowResult } from '../results/result.ts';

/** Where the command prints: stdout and stderr, or what a test reads. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Stdout is looked at by a person. */
  readonly isTty: boolean;
}

const BAR_WIDTH = 30;
const LINE_EVERY_S = 5;
const CLEAR_LINE = '\u001b[2K';
const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : '');

export class Progress {
  readonly #terminal: Terminal;
  readonly #durationS: number;
  readonly #labels: readonly string[];
  #failed = 0;
  #toldAtS = 0;
  #drawn = 0;

  constructor(terminal: Terminal, { durationS, load }: Definition) {
    this.#terminal = terminal;
    this.#durationS = durationS;
    this.#labels = load.operations.map(({ label }) => label);
  }

  show(window: WindowResult): void {
    this.#failed += window.all.failed;
    if (this.#terminal.isTty) this.#draw(window);
    else this.#tell(window);
  }

  #tell({ fromS, toS, all }: WindowResult): void {
    if (toS < this.#durationS && toS - this.#toldAtS < LINE_EVERY_S) return;
    this.#toldAtS = toS;
    const rate = describeRate(all.succeeded / (toS - fromS));
    const p99 = all.succeeded === 0 ? '-' : describeUs(all.response.p99);
    const failed = describeCount(this.#failed);
    this.#terminal.out(
      `${Math.round(toS)} of ${this.#durationS} s: ${rate}, p99 ${p99}, ${failed} failed so far\n`,
    );
  }

  #draw({ fromS, toS, all, labels }: WindowResult): void {
    const seconds = toS - fromS;
    const most = Math.max(1, ...this.#labels.map((label) => labels[label]?.succeeded ?? 0));
    const rows = this.#labels.map((label) => {
      const { succeeded = 0, failed = 0, response } = labels[label] ?? {};
      const p99 = response === undefined || succeeded === 0 ? '-' : describeUs(response.p99);
      const counts = [describeRate(succeeded / seconds), `p99 ${p99}`, `${describeCount(failed)} failed`];
      return [`  ${label}`, bar(succeeded / most), ...counts];
    });
    const share = Math.min(1, toS / this.#durationS);
    const lines = [
      `${bar(share)} ${Math.round(share * 100)}%  ${Math.round(toS)} of ${this.#durationS} s  ` +
        `${describeRate(all.succeeded / seconds)}  ${describeCount(this.#failed)} failed`,
      ...table(rows).split('\n'),
    ];
    const text = lines.map((line) => `${CLEAR_LINE}${line}\n`).join('');
    this.#terminal.out(up(this.#drawn) + text);
    this.#drawn = lines.length;
  }
}

export function bar(share: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * BAR_WIDTH);
  return '\u2588'.repeat(full) + '\u2591'.repeat(BAR_WIDTH - full);
}
