/** What one kind of intruder tried, and what it was told: a row of the table. */
import type { Outcome } from './knock.ts';

export class Tally {
  readonly intruder: string;
  readonly #answers = new Map<string, number>();
  tries = 0;
  accepted = 0;
  /** What must not be, though nobody was let in: a port that holds on, a bound that was passed. */
  readonly faults: string[] = [];

  constructor(intruder: string) {
    this.intruder = intruder;
  }

  add({ answer, accepted }: Outcome, times = 1): void {
    this.tries += times;
    if (accepted) this.accepted += times;
    this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + times);
  }

  /** It must hold; said when it does not. */
  must(holds: boolean, what: string): void {
    if (!holds) this.faults.push(what);
  }

  /** The most frequent first. */
  describeAnswers(): string[] {
    return [...this.#answers]
      .toSorted(([, a], [, b]) => b - a)
      .map(([answer, times]) => (times === this.tries ? answer : `${times}: ${answer}`));
  }
}
