/**
 * Claim, computed before the plan that will ask for it, and a little at a time, so that the claimant goes on answering
 * everybody else meanwhile.
 *
 * The membership makes a plan in one turn, for the ring of that moment. When the ring is another one by then, what was
 * computed is of no use, and that turn computes what it needs.
 */
import { claim, claimInSteps, type ClaimResult } from '../claim/claim.ts';
import type { ClaimInput } from '../claim/problem.ts';
import type { Steps } from '../claim/steps.ts';
import type { Host } from '../contracts/host.ts';
import { Slices } from '../handoff/slices.ts';

/** Somebody waits for the plan, and it is some hundred steps: in slices as short as those of the background it took seconds. */
const SLICE_MS = 4;

interface Computing {
  readonly input: string;
  readonly steps: Steps<ClaimResult>;
  /** To be called when it is done. */
  readonly waiting: readonly (() => void)[];
}

export class ClaimAhead {
  readonly #slices: Slices;
  #computing: Computing | undefined;
  #prepared: { readonly input: string; readonly result: ClaimResult } | undefined;
  #stopped = false;

  constructor(host: Host) {
    this.#slices = new Slices(host, SLICE_MS);
  }

  /** `done` once a plan that asks this of claim has nothing left to compute; perhaps within this call, never after `stop`. */
  prepare(asked: ClaimInput | undefined, done: () => void): void {
    if (this.#stopped) return;
    if (asked === undefined) return done();
    const input = textOf(asked);
    if (input === this.#prepared?.input) return done();
    const before = this.#computing;
    const waiting = [...(before?.waiting ?? []), done];
    if (before?.input === input) {
      this.#computing = { ...before, waiting };
      return;
    }
    // The ring has changed, also for those who waited before.
    const steps = claimInSteps(asked);
    this.#computing = { input, steps, waiting };
    this.#slices.add(() => this.#goOn(steps));
  }

  /** What was prepared, or else computed in this turn. */
  readonly claim = (asked: ClaimInput): ClaimResult =>
    this.#prepared?.input === textOf(asked) ? this.#prepared.result : claim(asked);

  stop(): void {
    this.#stopped = true;
    this.#slices.stop();
  }

  #goOn(steps: Steps<ClaimResult>): boolean {
    const computing = this.#computing;
    if (computing?.steps !== steps) return false;
    const step = steps.next();
    if (step.done !== true) return true;
    this.#prepared = { input: computing.input, result: step.value };
    this.#computing = undefined;
    for (const done of computing.waiting) done();
    return false;
  }
}

function textOf({ owners, members, locations }: ClaimInput): string {
  return JSON.stringify([owners, members, locations && [...locations]]);
}
