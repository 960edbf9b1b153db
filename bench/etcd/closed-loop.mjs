/**
 * Clients that each send the next request when the last one is answered, and check what they are told.
 *
 * Puts and gets go to random keys of all; a compare-and-set goes to a key of the client's own, whose value it knows, so that each
 * of them must succeed: what it costs to win is measured, not how often one loses. A request that fails (a time-out on a busy
 * machine) is counted and is in no rate; an answer that is wrong ends the run.
 */
import { quantile, VALUE_BYTES } from '../redis/load.mjs';

const KEYS = 2000;
const OWN_KEYS = 4;

/** Opens the clients, spread over the ports, and writes every key once. */
export async function closedLoop(count, ports, open) {
  const clients = await Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      door: await open(ports[i % ports.length]),
      own: Array.from({ length: OWN_KEYS }, (_unused, j) => ({ key: `own:${i}:${j}`, value: valueOf(0) })),
      turn: 0,
    })),
  );
  await Promise.all(
    clients.map(async ({ door, own }, i) => {
      for (const { key, value } of own) await surely(() => door.put(key, value));
      for (let k = i; k < KEYS; k += count) await surely(() => door.put(keyOf(k), valueOf(k)));
    }),
  );
  return {
    run: (kind, durationMs) => run(clients, STEPS[kind], durationMs),
    close: () => Promise.all(clients.map(({ door }) => door.close())),
  };
}

/** Where it has to be so before the measurement can begin. */
async function surely(put) {
  for (let left = 10; ; left--) {
    try {
      return await put();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** Each resolves with whether the answer is right; what it rejects with is a failure of the server. */
const STEPS = {
  put: async ({ door, turn }) => {
    await door.put(keyOf(anyKey()), valueOf(turn));
    return true;
  },
  get: async ({ door }) => (await door.get(keyOf(anyKey())))?.length === VALUE_BYTES,
  compareAndSet: async ({ door, own, turn }) => {
    const mine = own[turn % OWN_KEYS];
    // Unknown after a failure.
    const old = mine.value ?? (await door.get(mine.key));
    mine.value = undefined;
    const next = valueOf(turn);
    const won = await door.compareAndSet(mine.key, old, next);
    mine.value = next;
    return won;
  },
};

async function run(clients, step, durationMs) {
  const startedAt = performance.now();
  const times = [];
  let failed = 0;
  await Promise.all(
    clients.map(async (client) => {
      for (let sentAt = performance.now(); sentAt - startedAt < durationMs;) {
        client.turn++;
        const right = await step(client).catch(() => undefined);
        const now = performance.now();
        if (right === undefined) failed++;
        else times.push(now - sentAt);
        if (right === false) throw new Error('a wrong answer');
        sentAt = now;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  times.sort((a, b) => a - b);
  const of = (share) => quantile(times, share);
  return { rps: times.length / seconds, p50: of(0.5), p99: of(0.99), requests: times.length, failed };
}

function anyKey() {
  return Math.floor(Math.random() * KEYS);
}

function keyOf(number) {
  return `key:${String(number).padStart(12, '0')}`;
}

function valueOf(number) {
  return String(number).padStart(VALUE_BYTES, 'x');
}
