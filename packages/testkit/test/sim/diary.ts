/**
 * What came of the seeds of a long campaign, a line each, so that it can be cut short and go on.
 *
 * The first line says what was played: outcomes of another scenario are not those of this one. A last line that was cut
 * short is left out, and its seed is played again.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Outcome } from './campaign.ts';

export class Diary {
  readonly outcomes: readonly Outcome[];
  readonly #path: string;

  /** Throws when the file tells of another scenario. */
  constructor(path: string, scenario: object) {
    this.#path = path;
    const heading = JSON.stringify(scenario);
    if (!existsSync(path)) writeFileSync(path, `${heading}\n`);
    const [first, ...lines] = readFileSync(path, 'utf8').split('\n');
    if (first !== heading) throw new Error(`${path} tells of ${first}, and this is ${heading}`);
    const whole = lines.slice(0, -1);
    writeFileSync(path, [heading, ...whole, ''].join('\n'));
    this.outcomes = whole.map((line) => JSON.parse(line) as Outcome);
  }

  add(outcome: Outcome): void {
    appendFileSync(this.#path, `${JSON.stringify(outcome)}\n`);
  }
}
