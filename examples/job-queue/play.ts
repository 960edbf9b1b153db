/**
 * The queue under faults: what was put in and not acknowledged is there in the end, what was acknowledged is not. To the model
 * it is a set; that jobs are taken, held and given up meanwhile must change nothing of that.
 *
 * A worker has one job of a queue in hand, and says that it is done at any time: also long after his lease has ended.
 */
import {
  asking,
  set,
  type ClientMemory,
  type Json,
  type Operation,
  type SimulateInit,
  type Told,
} from '@rkv/testkit';
import { jobs, type Taken } from './jobs.ts';

const LEASE_MS = 2_000;
const RETRY_MS = 200;

const take = asking(jobs, 'take', () => [LEASE_MS]);

export const play: SimulateInit = {
  vnode: jobs,
  model: set,
  keys: 3,
  operations: {
    add: {
      weight: 2,
      input: (dice) => `job ${dice.u32()}`,
      ask: (request, done) => asking(jobs, 'enqueue')(request, silently(done)),
    },
    remove: {
      weight: 2,
      input: (_dice, _client, memory) => handOf(memory)?.what,
      ask: ({ node, key, input, memory }, done) => {
        const id = memory.get(`id of ${input as string}`) as string;
        letGo(memory, id);
        jobs.ask(node, key, 'acknowledge', [id], silently(done));
      },
    },
    members: { ask: asking(jobs, 'open') },
  },
  beside: {
    take: {
      weight: 2,
      ask: (request, done) =>
        take(request, (told) => {
          const taken = 'ok' in told ? (told.ok as Taken | null | undefined) : undefined;
          if (taken) request.memory.set('hand', { ...taken }).set(`id of ${taken.what}`, taken.id);
          done(told);
        }),
    },
    extend: {
      input: (_dice, _client, memory) => memory.get('hand'),
      ask: ({ node, key, input, memory }, done) => {
        const { id, token } = takenIn(input);
        jobs.ask(node, key, 'extend', [id, token, LEASE_MS], (told) => {
          if ('ok' in told && !told.ok) letGo(memory, id);
          done(told);
        });
      },
    },
    fail: {
      input: (_dice, _client, memory) => memory.get('hand'),
      ask: ({ node, key, input, memory }, done) => {
        const { id, token } = takenIn(input);
        letGo(memory, id);
        jobs.ask(node, key, 'fail', [id, token, RETRY_MS], done);
      },
    },
  },
  read: 'members',
};

/** And one that holds where nothing breaks: nobody gets what another has. */
export const calm: SimulateInit = { ...play, faults: [], joins: 0 };

/** And one in which it cannot hold: both halves give jobs out. */
export const inTwo: SimulateInit = { ...calm, events: '2000..5000 ms cut n1 n2 | n3 n4' };

/** A set answers whether it was there; who acknowledges a job has it done, whoever did so before. */
function silently(done: (told: Told) => void): (told: Told) => void {
  return (told) => done('ok' in told ? { ok: undefined } : told);
}

function handOf(memory: ClientMemory): Taken | undefined {
  return memory.get('hand') as unknown as Taken | undefined;
}

function letGo(memory: ClientMemory, id: string): void {
  if (handOf(memory)?.id === id) memory.delete('hand');
}

/** Jobs that were given to somebody while another had them for sure, in words. */
export function inTwoHands(operations: readonly Operation[]): string[] {
  const takes = operations.filter(({ kind, output }) => kind === 'take' && output);
  return takes.flatMap((first) => {
    const until = heldUntil(first, operations);
    const other = takes.find(
      (one) => one !== first && jobOf(one) === jobOf(first) && one.end >= first.end && one.end < until,
    );
    return other === undefined
      ? []
      : [
          `${jobOf(first)} was given to ${first.client} at ${first.end} and to ${other.client} at ${other.end}`,
        ];
  });
}

/** The least that this one has it. */
function heldUntil(take: Operation, operations: readonly Operation[]): number {
  let until = take.begin + LEASE_MS;
  const lease = takenIn(take.output);
  const later = operations.filter(
    ({ client, key, begin }) => begin > take.end && client === take.client && key === take.key,
  );
  for (const { kind, input, begin, outcome, output } of later) {
    if (!isOf(lease, input)) continue;
    if (kind !== 'extend') return Math.min(until, begin);
    if (outcome === 'ok' && output === true) until = Math.max(until, begin + LEASE_MS);
  }
  return until;
}

/** `remove` names the job, `extend` and `fail` the lease. */
function isOf({ id, token, what }: Taken, input: Json | undefined): boolean {
  if (typeof input !== 'object' || input === null) return input === what;
  const other = takenIn(input);
  return other.id === id && other.token === token;
}

function jobOf({ output }: Operation): string {
  return takenIn(output).what;
}

function takenIn(json: Json | undefined): Taken {
  return json as unknown as Taken;
}
