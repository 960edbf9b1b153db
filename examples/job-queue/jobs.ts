/**
 * A job queue with leases: one key is one queue, any node takes jobs in and gives them out.
 *
 * At least once: an acknowledged job is in the queue until somebody acknowledges that it is done. Whoever takes one has it
 * for the time of a lease; when that ends, or he says that he failed, another one gets it. What is late still counts: a job is
 * done whoever says so, when he says so, and does not come back, whatever else happened to it beside that.
 *
 * A lease is exclusive as long as one copy gives jobs out: the first of the key's preference list. When that dies, or the ring is
 * cut in two, another gives them out by what it has heard until then, and a job may be in two hands. They are told: of two leases one
 * wins wherever copies meet, the loser's next `extend` and `fail` answer false, and so does the later `acknowledge`.
 *
 * How copies come together: a job's id is who took it in and his count. A copy knows which ids it has *seen*, so a job that it
 * has seen and does not hold is done, and nothing of done jobs has to be kept. Of two leases of one job the later
 * try wins; within one lease all times only grow.
 *
 * Source: the sets without tombstones of Bieniusa et al., "An optimized conflict-free replicated set" (2012).
 * Not here: order between jobs (the oldest comes first, as far as the copy that is asked knows), many jobs in one queue (each
 * change sends the whole value: some hundreds of small ones; more queues for more).
 */
import { keyedService } from '@rkv/core';

export interface Jobs {
  /** Its id. Whoever is told nothing and asks again may have put it in twice. */
  enqueue(what: string): string;
  /** The oldest that nobody has, for so long; null: there is none. */
  take(leaseMs: number): Taken | null;
  /** From now on for so long. False: it is in other hands or done, or the copy that was asked does not know of it. Stop then. */
  extend(id: string, token: string, leaseMs: number): boolean;
  /**
   * It is done, whoever has it. False: that was said before, by another (then it may have been done twice) or by you, when you
   * were not answered.
   */
  acknowledge(id: string): boolean;
  /** Somebody else may have it, after so long. False as with `extend`. */
  fail(id: string, token: string, retryInMs: number): boolean;
  /** All that is not done, in hand or not. */
  open(): string[];
}

export interface Taken {
  readonly id: string;
  readonly what: string;
  /** Of this lease. */
  readonly token: string;
  /** This is try number so many: to put those aside that never succeed. */
  readonly tries: number;
}

export interface Job {
  readonly what: string;
  readonly since: number;
  /** The latest lease. 0: nobody ever had it. */
  readonly tries: number;
  readonly by: string;
  readonly until: number;
  /** When its holder has given it up: not before this. 0: he has not. */
  readonly retryAt: number;
}

export interface Queue {
  readonly jobs: Readonly<Record<string, Job>>;
  /** By who took them in: jobs 1 to this. */
  readonly seen: Readonly<Record<string, number>>;
  /** Ids seen beside these: done here before they came here. Sorted. */
  readonly early: readonly string[];
}

const EMPTY: Queue = { jobs: {}, seen: {}, early: [] };

export const jobs = keyedService<Jobs, Queue>({
  name: 'jobs',
  commands: {
    enqueue: {
      change: (held = EMPTY, { now, actor }, what) => {
        const count = (held.seen[actor] ?? 0) + 1;
        const id = `${actor}.${count}`;
        const job: Job = { what, since: now, tries: 0, by: '', until: 0, retryAt: 0 };
        const value = {
          ...held,
          jobs: { ...held.jobs, [id]: job },
          seen: { ...held.seen, [actor]: count },
        };
        return { value, reply: id };
      },
    },
    take: {
      change: (held = EMPTY, { now, actor }, leaseMs) => {
        const [id, job] = nextOf(held, now) ?? [];
        if (id === undefined || job === undefined) return { reply: null };
        const leased: Job = { ...job, tries: job.tries + 1, by: actor, until: now + leaseMs, retryAt: 0 };
        const reply = { id, what: job.what, token: tokenOf(leased), tries: leased.tries };
        return { value: withJob(held, id, leased), reply };
      },
    },
    extend: {
      change: (held = EMPTY, { now }, id, token, leaseMs) => {
        const job = held.jobs[id];
        if (job === undefined || tokenOf(job) !== token || job.retryAt > 0) return { reply: false };
        const until = Math.max(job.until, now + leaseMs);
        return { value: withJob(held, id, { ...job, until }), reply: true };
      },
    },
    acknowledge: {
      change: (held = EMPTY, _, id) => {
        // Also where it is gone already: what is answered is so on as many copies as any change.
        if (held.jobs[id] === undefined && hasSeen(held, id)) return { value: held, reply: false };
        const { [id]: _done, ...left } = held.jobs;
        return { value: tidied({ ...held, jobs: left, early: [...held.early, id] }), reply: true };
      },
    },
    fail: {
      change: (held = EMPTY, { now }, id, token, retryInMs) => {
        const job = held.jobs[id];
        if (job === undefined || tokenOf(job) !== token) return { reply: false };
        const retryAt = Math.max(job.retryAt, now + retryInMs);
        return { value: withJob(held, id, { ...job, retryAt }), reply: true };
      },
    },
    open: { read: (held = EMPTY) => Object.values(held.jobs).map(({ what }) => what) },
  },
  merge: (a, b) => {
    const together: Record<string, Job> = {};
    for (const id of Object.keys({ ...a.jobs, ...b.jobs })) {
      const [inA, inB] = [a.jobs[id], b.jobs[id]];
      if (inA !== undefined && inB !== undefined) together[id] = latest(inA, inB);
      else if (inA !== undefined && !hasSeen(b, id)) together[id] = inA;
      else if (inB !== undefined && !hasSeen(a, id)) together[id] = inB;
    }
    const actors = Object.keys({ ...a.seen, ...b.seen });
    const seen = actors.map((one) => [one, Math.max(a.seen[one] ?? 0, b.seen[one] ?? 0)]);
    return tidied({ jobs: together, seen: Object.fromEntries(seen), early: [...a.early, ...b.early] });
  },
});

function nextOf({ jobs: all }: Queue, now: number): [string, Job] | undefined {
  return Object.entries(all)
    .filter(([, { until, retryAt }]) => now >= (retryAt > 0 ? retryAt : until))
    .toSorted(([a, { since }], [b, other]) => since - other.since || (a < b ? -1 : 1))[0];
}

function withJob(queue: Queue, id: string, job: Job): Queue {
  return { ...queue, jobs: { ...queue.jobs, [id]: job } };
}

function tokenOf({ tries, by }: Job): string {
  return `${tries} ${by}`;
}

function latest(a: Job, b: Job): Job {
  if (a.tries !== b.tries) return a.tries > b.tries ? a : b;
  if (a.by !== b.by) return a.by > b.by ? a : b;
  return { ...a, until: Math.max(a.until, b.until), retryAt: Math.max(a.retryAt, b.retryAt) };
}

function hasSeen({ seen, early }: Queue, id: string): boolean {
  const [actor, count] = placeOf(id);
  return count <= (seen[actor] ?? 0) || early.includes(id);
}

/** What came early and has been caught up with is no exception any more. */
function tidied({ jobs: all, seen: before, early }: Queue): Queue {
  const seen: Record<string, number> = { ...before };
  const left = new Set<string>();
  for (const id of early.toSorted((a, b) => placeOf(a)[1] - placeOf(b)[1])) {
    const [actor, count] = placeOf(id);
    const upTo = seen[actor] ?? 0;
    if (count === upTo + 1) seen[actor] = count;
    else if (count > upTo) left.add(id);
  }
  return { jobs: all, seen, early: [...left].toSorted() };
}

function placeOf(id: string): [string, number] {
  const dot = id.lastIndexOf('.');
  return [id.slice(0, dot), Number(id.slice(dot + 1))];
}
