/**
 * The worker pool of a node: long work of its vnodes, cut in slices, run in turn between requests.
 *
 * A job is a function that does about a millisecond of work each time it is called and says when it is done. One thread
 * does everything, so the pool is a queue: some jobs run at one time, one of each vnode, turn and turn about, in slices of
 * background work (handoff/slices.ts); the others wait, first come, first served.
 *
 * Holds: of one vnode jobs run one after the other, in the order they came. Nothing waits without a limit. A node that
 * drains finishes what it has within its farewell; one that stops refuses what waits and fails what runs.
 * Not promised: that a step is short. That is its writer's duty; nobody can take a thread away from it.
 *
 * Source: Riak's riak_core_vnode_worker_pool (fifo), without its processes.
 */
import type { Host } from '../contracts/host.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { ReplyToken } from '../contracts/vnode.ts';
import { Slices } from '../handoff/slices.ts';

/** How a job's asker is told when the job will not run. */
export type JobToken = Pick<ReplyToken<never>, 'refuse' | 'fail'>;

/** Long work of a vnode, a slice at a time. */
export interface VnodeJob {
  /** Whose it is: one of each owner runs at a time. */
  readonly owner: object;
  readonly token: JobToken;
  /** Called later, until it returns true; it answers through the token, and does not throw. */
  readonly step: () => boolean;
}

/** Jobs at one time: enough that a long one does not keep short ones of other vnodes waiting. */
const RUNNING_MAX = 8;
/** Jobs that wait. */
export const JOBS_WAITING_MAX = 1_000;

export class WorkerPool {
  readonly #slices: Slices;
  #waiting: VnodeJob[] = [];
  readonly #running = new Set<VnodeJob>();
  #refused = 0;
  #stopped = false;

  constructor(host: Host) {
    this.#slices = new Slices(host);
  }

  get limit(): LimitUse {
    return { limit: 'pool_jobs', used: this.#waiting.length, max: JOBS_WAITING_MAX, reached: this.#refused };
  }

  add(job: VnodeJob): void {
    if (this.#stopped) return job.token.refuse('stopping');
    if (this.#waiting.length >= JOBS_WAITING_MAX) {
      this.#refused++;
      return job.token.refuse('overload');
    }
    this.#waiting.push(job);
    this.#admit();
  }

  stop(): void {
    this.#stopped = true;
    this.#slices.stop();
    for (const { token } of this.#waiting.splice(0)) token.refuse('stopping');
    for (const { token } of this.#running) token.fail('the node stops');
    this.#running.clear();
  }

  #admit(): void {
    const owners = new Set([...this.#running].map(({ owner }) => owner));
    for (let at = 0; at < this.#waiting.length && this.#running.size < RUNNING_MAX;) {
      const job = this.#waiting[at] as VnodeJob;
      if (owners.has(job.owner)) at++;
      else {
        this.#waiting.splice(at, 1);
        owners.add(job.owner);
        this.#begin(job);
      }
    }
  }

  #begin(job: VnodeJob): void {
    this.#running.add(job);
    this.#slices.add(() => {
      const isDone = job.step();
      // The last step may have stopped the pool.
      if (isDone && this.#running.delete(job)) this.#admit();
      return !isDone && !this.#stopped;
    });
  }
}
