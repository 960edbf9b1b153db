/**
 * Clients that each send the next request when the last one is answered, and check what they are told.
 *
 * Puts and gets go to random keys of all; a compare-and-set goes to a key of the client's own, whose value it knows, so that each
 * of them must succeed: what it costs to win is measured, not how often one loses. A request that fails (a time-out on a busy
 * machine) is counted and is in no rate; an answer that is wrong ends the run. What failed may still be made later, so that
 * of such a key no value is wrong any more.
 */
import { quantile, VALUE_BYTES } from '../redis/load.mjs';

const KEYS = 2000;
const OWN_KEYS = 4;

/** Opens the clients, spread over the ports of the side with this name, and writes every key once. */
export async function closedLoop(count, name, ports, open) {
  const clients = await Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      door: await open(ports[i % ports.length]),
      own: Array.from({ length: OWN_KEYS }, (_unused, j) => ({
        key: `own:${i}:${j}`,
        value: valueOf(0),
        sure: true,
      })),
      turn: 0,
    })),
  );
  await Promise.all(
    clients.map(async ({ door, own }, i) => {
      for (const mine of own) mine.sure = (await surely(() => door.put(mine.key, mine.value))) === 1;
      for (let k = i; k < KEYS; k += count) await surely(() => door.put(keyOf(k), valueOf(k)));
    }),
  );
  return {
    run: (kind, durationMs) =>
      run(clients, STEPS[kind], durationMs).catch((error) => {
        throw new Error(`${name} gave a wrong answer: ${error.message}`, { cause: error });
      }),
    close: () => Promise.all(clients.map(({ door }) => door.close())),
  };
}

const TRIES = 10;

/** Where it has to be so before the measurement can begin. Resolves with how often it was tried. */
async function surely(put) {
  for (let tries = 1; ; tries++) {
    try {
      await put();
      return tries;
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

class WrongAnswer extends Error {}

/** Each rejects when the server fails, and with `WrongAnswer` when it answers what cannot be. */
const STEPS = {
  put: ({ door, turn }) => door.put(keyOf(anyKey()), valueOf(turn)),
  get: async ({ door }) => {
    const value = await door.get(keyOf(anyKey()));
    if (value?.length !== VALUE_BYTES) throw new WrongAnswer(`a get of a key that was put found ${value}`);
  },
  compareAndSet: async ({ door, own, turn }) => {
    const mine = own[turn % OWN_KEYS];
    mine.value ??= await door.get(mine.key);
    const { key, value: old, sure } = mine;
    const next = valueOf(turn);
    mine.value = undefined;
    mine.sure = false;
    if (await door.compareAndSet(key, old, next)) {
      mine.value = next;
      mine.sure = sure;
    } else {
      const why = `${key} was not ${old} but ${await door.get(key)}`;
      throw sure ? new WrongAnswer(why) : new Error(why);
    }
  },
};

async function run(clients, step, durationMs) {
  const startedAt = performance.now();
  const times = [];
  let failed = 0;
  const runOne = async (client) => {
    for (let sentAt = performance.now(); sentAt - startedAt < durationMs; sentAt = performance.now()) {
      client.turn++;
      try {
        await step(client);
        times.push(performance.now() - sentAt);
      } catch (error) {
        if (error instanceof WrongAnswer) throw error;
        failed++;
      }
    }
  };
  await Promise.all(clients.map(runOne));
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
