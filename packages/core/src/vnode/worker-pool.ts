/**
 * The worker pool of a node: long work of its vnodes, cut in slices, run in turn between requests.
 *
 * A job is a function that does about a millisecond of work each time it is called and says when it is done. One thread
 * does everything, so the pool is a queue and a timer: some jobs run at one time, one of each vnode, turn and turn about;
 * the others wait, first come, first served. After each slice of a millisecond requests have their turn.
 *
 * Holds: of one vnode jobs run one after the other, in the order they came. Nothing waits without a limit. A node that
 * drains finishes what it has within its farewell; one that stops refuses what waits and fails what runs.
 * Not promised: that a step is short. That is its writer's duty; nobody can take a thread away from it.
 *
 * Source: Riak's riak_core_vnode_worker_pool (fifo), without its processes.
 */
import type { Host, Timer } from '../contracts/host.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { ReplyToken } from '../contracts/vnode.ts';

export type JobToken = Pick<ReplyToken<never>, 'refuse' | 'fail'>;

interface Job {
  /** Whose it is: one of each owner runs at a time. */
  readonly owner: object;
  readonly token: JobToken;
  readonly step: () => boolean;
}

/** Jobs at one time: enough that a long one does not keep short ones of other vnodes waiting. */
const RUNNING_MAX = 8;
/** Jobs that wait. */
export const JOBS_WAITING_MAX = 1_000;
const SLICE_MS = 1;
/** Steps in one slice, where they are shorter than that; on virtual time they all are. */
const STEPS_MAX = 16;

export class WorkerPool {
  readonly #host: Pick<Host, 'monotonic' | 'setTimer'>;
  #waiting: Job[] = [];
  #running: Job[] = [];
  #timer: Timer | undefined;
  #refused = 0;
  #stopped = false;

  constructor(host: Pick<Host, 'monotonic' | 'setTimer'>) {
    this.#host = host;
  }

  get limit(): LimitUse {
    return { limit: 'pool_jobs', used: this.#waiting.length, max: JOBS_WAITING_MAX, reached: this.#refused };
  }

  /** `step` is called later, until it returns true; it answers through the token it was made with. It must not throw. */
  add(job: Job): void {
    if (this.#stopped) return job.token.refuse('stopping');
    if (this.#waiting.length >= JOBS_WAITING_MAX) {
      this.#refused++;
      return job.token.refuse('overload');
    }
    this.#waiting.push(job);
    this.#admit();
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const { token } of this.#waiting.splice(0)) token.refuse('stopping');
    for (const { token } of this.#running.splice(0)) token.fail('the node stops');
  }

  #admit(): void {
    for (let at = 0; at < this.#waiting.length && this.#running.length < RUNNING_MAX;) {
      const job = this.#waiting[at] as Job;
      if (this.#running.some(({ owner }) => owner === job.owner)) at++;
      else this.#running.push(...this.#waiting.splice(at, 1));
    }
  }

  #schedule(): void {
    if (this.#running.length === 0 || this.#stopped) return;
    this.#timer ??= this.#host.setTimer(0, () => {
      this.#timer = undefined;
      this.#slice();
      this.#schedule();
    });
  }

  #slice(): void {
    const endsAt = this.#host.monotonic() + SLICE_MS;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const [job] = this.#running;
      if (job === undefined) return;
      const isDone = job.step();
      // It may have stopped the pool, or made it longer.
      if (this.#running[0] === job) this.#running.shift();
      if (!isDone && !this.#stopped) this.#running.push(job);
      if (isDone) this.#admit();
      if (this.#host.monotonic() >= endsAt) return;
    }
  }
}
