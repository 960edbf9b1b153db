import type { Logger } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { AdminError } from '../admin/index.ts';
import { StandingJoin } from './standing-join.ts';

/** What a join comes to, each time that it is asked for; what is logged; and when it is asked for next. */
class Play {
  readonly log: string[] = [];
  readonly delays: number[] = [];
  asked = 0;
  isOnItsWay = false;
  readonly join: StandingJoin;
  #fire: (() => void) | undefined;

  constructor(...answers: readonly (string | AdminError)[]) {
    const tell = (level: string) => (_: object, text: string) => void this.log.push(`${level}: ${text}`);
    const logger: Logger = {
      debug: tell('debug'),
      info: tell('info'),
      warn: tell('warn'),
      error: tell('error'),
    };
    this.join = new StandingJoin({
      address: '127.0.0.1:8099',
      logger,
      host: {
        setTimer: (delayMs, fire) => {
          this.delays.push(delayMs);
          this.#fire = fire;
          return { cancel: () => (this.#fire = undefined) };
        },
      },
      join: async () => {
        const answer = answers[Math.min(this.asked++, answers.length - 1)] as string | AdminError;
        if (typeof answer === 'string') return { claimant: answer };
        throw answer;
      },
      isOnItsWay: () => this.isOnItsWay,
    });
  }

  /** Until what was asked for is answered. */
  async start(): Promise<void> {
    this.join.start();
    await settled();
  }

  /** The next timer fires; false when there is none. */
  async next(): Promise<boolean> {
    const fire = this.#fire;
    this.#fire = undefined;
    fire?.();
    await settled();
    return fire !== undefined;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const away = new AdminError('not_reachable', 'nobody is there');
const starting = new AdminError('node_starting', 'it is starting');
const WAITS = 'it is asked for again until it is staged';

describe('a join that is asked for until it is staged', () => {
  it('is staged at once where the other is there', async () => {
    const play = new Play('n1');
    await play.start();
    expect(play.log).toEqual(['info: a join is staged at n1: plan and commit it there']);
    expect(await play.next()).toBe(false);
  });

  it('is asked for again, and each kind of reason is told once', async () => {
    const play = new Play(away, away, starting, away, 'n1');
    await play.start();
    while (await play.next());
    expect(play.asked).toBe(5);
    expect(play.log).toEqual([
      `warn: the join has to wait: nobody is there; ${WAITS}`,
      `warn: the join has to wait: it is starting; ${WAITS}`,
      'info: a join is staged at n1: plan and commit it there',
    ]);
  });

  it('is asked for more and more rarely, up to five seconds', async () => {
    const play = new Play(away);
    await play.start();
    for (let i = 0; i < 6; i++) await play.next();
    expect(play.delays).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('ends with a refusal that only an operator can mend', async () => {
    const play = new Play(away, new AdminError('name_taken', 'another member is called n2'));
    await play.start();
    await play.next();
    expect(play.log.at(-1)).toBe('error: the join was refused: another member is called n2');
    expect(await play.next()).toBe(false);
  });

  it('ends when this node is on its way already, and says so if it had said that it waits', async () => {
    const play = new Play(away);
    await play.start();
    play.isOnItsWay = true;
    await play.next();
    expect(play.asked).toBe(1);
    expect(play.log.at(-1)).toBe('info: the join is asked for no more: this node is on its way already');
    const quiet = new Play('n1');
    quiet.isOnItsWay = true;
    await quiet.start();
    expect([quiet.asked, quiet.log]).toEqual([0, []]);
  });

  it('ends when it is stopped, also while an answer is on its way', async () => {
    const play = new Play(away);
    await play.start();
    play.join.stop();
    expect(await play.next()).toBe(false);
    const late = new Play(away);
    late.join.start();
    late.join.stop();
    await settled();
    expect(late.log).toEqual([]);
    expect(late.delays).toEqual([]);
  });
});
