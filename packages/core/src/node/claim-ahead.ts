/**
 * What a plan will ask of claim, computed before it is made and a little at a time, so that the claimant goes on answering
 * everybody else meanwhile.
 *
 * The membership makes a plan in one turn, for the ring of that moment. When the ring is another one by then, what was
 * computed is of no use, and it computes in that turn what it needs.
 */
import { claim, claimInSteps, type ClaimResult } from '../claim/claim.ts';
import type { ClaimInput } from '../claim/problem.ts';
import type { Host, Timer } from '../contracts/host.ts';
import { claimAskedFor } from '../membership/planned-ring.ts';
import { stayers } from '../membership/staging.ts';
import type { RingDocument } from '../ring/document.ts';

/** Of the processor, before everything else has its turn. */
const SLICE_MS = 4;
/** On virtual time none passes within a slice. */
const SLICE_STEPS_MAX = 64;
/** Between two slices. */
const PAUSE_MS = 1;

interface Computing {
  readonly question: string;
  readonly steps: Generator<void, ClaimResult>;
  readonly done: (() => void)[];
}

export class ClaimAhead {
  readonly #host: Host;
  #computing: Computing | undefined;
  #answered: { readonly question: string; readonly result: ClaimResult } | undefined;
  #timer: Timer | undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  /** `done` is called when a plan for this ring has nothing left to compute, or when another ring is asked about; perhaps at once. */
  prepare(document: RingDocument, done: () => void): void {
    const asked = stayers(document).length === 0 ? undefined : claimAskedFor(document);
    const question = asked && questionOf(asked);
    if (asked === undefined || question === undefined || question === this.#answered?.question) return done();
    if (this.#computing?.question === question) {
      this.#computing.done.push(done);
      return;
    }
    this.#end();
    this.#computing = { question, steps: claimInSteps(asked), done: [done] };
    this.#goOn(this.#computing);
  }

  /** As claim. */
  readonly claim = (asked: ClaimInput): ClaimResult =>
    this.#answered?.question === questionOf(asked) ? this.#answered.result : claim(asked);

  stop(): void {
    this.#timer?.cancel();
    this.#computing = undefined;
  }

  #goOn(computing: Computing): void {
    const { question, steps } = computing;
    const begun = this.#host.monotonic();
    for (let done = 0; done < SLICE_STEPS_MAX; done++) {
      const step = steps.next();
      if (step.done === true) {
        this.#answered = { question, result: step.value };
        return this.#end();
      }
      if (this.#host.monotonic() - begun >= SLICE_MS) break;
    }
    this.#timer = this.#host.setTimer(PAUSE_MS, () => this.#goOn(computing));
  }

  #end(): void {
    this.#timer?.cancel();
    const computing = this.#computing;
    this.#computing = undefined;
    for (const done of computing?.done ?? []) done();
  }
}

function questionOf({ owners, members, locations }: ClaimInput): string {
  return JSON.stringify([owners, members, locations && [...locations]]);
}
