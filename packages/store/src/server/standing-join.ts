/**
 * A join that is asked for until it is staged: `rkv start --join`, where the other node may well come up later than this one.
 *
 * Refused for a reason that passes by itself it is asked for again, soon at first and then more rarely. Each such reason is
 * logged once, however often it comes, and so is the end. Any other refusal wants an operator: it is logged, and that is all.
 *
 * Not here: what is done after that. A join that an operator clears is not asked for again in this life of the node.
 */
import { passesByItself, type Host, type Logger, type Timer } from '@rkv/core';

/** The other node is most often started together with this one. */
const FIRST_MS = 250;
/** So soon, and as long again for a dial that nobody answers, a node that has come up is found. */
const MOST_MS = 5_000;

export interface StandingJoinInit {
  /** Of any member. */
  readonly address: string;
  readonly host: Pick<Host, 'setTimer'>;
  readonly logger: Logger;
  /** Ask once. Rejects with an error that has the code of the refusal. */
  readonly join: (address: string) => Promise<{ readonly claimant: string }>;
  /** This node has joined, or asked to, whoever saw to it. */
  readonly isOnItsWay: () => boolean;
}

export class StandingJoin {
  readonly #init: StandingJoinInit;
  /** Codes of the refusals that were logged. */
  readonly #told = new Set<string>();
  #timer: Timer | undefined;
  #delayMs = FIRST_MS;
  #stopped = false;

  constructor(init: StandingJoinInit) {
    this.#init = init;
  }

  start(): void {
    this.#ask();
  }

  /** An answer that is still to come is not heard any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #ask(): void {
    const { address, join, isOnItsWay, logger } = this.#init;
    if (isOnItsWay()) {
      if (this.#told.size > 0)
        logger.info({}, 'the join is asked for no more: this node is on its way already');
      return;
    }
    join(address).then(
      ({ claimant }) => {
        if (!this.#stopped)
          logger.info({ claimant }, `a join is staged at ${claimant}: plan and commit it there`);
      },
      (error: unknown) => {
        if (!this.#stopped) this.#handleRefusal(error as Error & { code?: string });
      },
    );
  }

  #handleRefusal({ code = '', message }: Error & { code?: string }): void {
    const { host, logger } = this.#init;
    if (!passesByItself(code)) return logger.error({ code }, `the join was refused: ${message}`);
    if (!this.#told.has(code))
      logger.warn({ code }, `the join has to wait: ${message}; it is asked for again until it is staged`);
    this.#told.add(code);
    this.#timer = host.setTimer(this.#delayMs, () => this.#ask());
    this.#delayMs = Math.min(2 * this.#delayMs, MOST_MS);
  }
}
