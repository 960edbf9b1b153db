/**
 * One contender in a process of its own: load it, work on it, look at what it holds. Prints one line of JSON.
 *
 *     node --expose-gc bench/memory/trial.mjs --contender slab --keys 5000000 --requests 8000000 [--build DIR]
 *
 * Keys have 16 bytes and entries 132: a header of 32 and a value of 100. A request makes what a node makes of one: the
 * key as a string, its hash, a view of the value, an object with a closure and a list that lives until 64 more have
 * come. Requests come in turns of a hundred, as they do from many sockets; between turns the event loop goes round, in
 * which V8 does a part of its marking. A turn is timed from the end of the one before, so nothing is left out.
 *
 * What the system's scheduler took away from this thread is taken off (stall-clock.mjs).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { built, engineNamed } from './engines.mjs';
import { Collections } from './collections.mjs';
import { waitedMs } from './stall-clock.mjs';

const { values: flags } = parseArgs({
  options: {
    contender: { type: 'string' },
    keys: { type: 'string' },
    requests: { type: 'string' },
    build: { type: 'string' },
  },
});
const KEYS = Number(flags.keys);
const REQUESTS = Number(flags.requests);
const TURN = 100;
const WARM_UP_TURNS = 2000;
const OVERWRITES = 0.5;
const ENTRY_BYTES = 132;
const IN_FLIGHT = 64;
const SEED = 20;
const KEY_BYTES = Buffer.from('key:000000000000');

const { placeKey, memoryStore } = await built(flags.build);
const engine = engineNamed(flags.contender, { placeKey, memoryStore });
const random = xorshift(SEED);
const arena = Buffer.alloc(ENTRY_BYTES, 120);
const inFlight = Array.from({ length: IN_FLIGHT });
let seen = 0;

globalThis.gc();
const before = process.memoryUsage();
const load = await loaded();
const afterLoad = process.memoryUsage();
for (let turn = 0; turn < WARM_UP_TURNS; turn++) workTurn();
const work = await worked();
const afterWork = process.memoryUsage();
const fullCollectionMs = timeMs(globalThis.gc);
const live = process.memoryUsage();
process.stdout.write(
  `${JSON.stringify({
    ...load,
    rssAfterLoad: (afterLoad.rss - before.rss) / KEYS,
    rssAfterWork: (afterWork.rss - before.rss) / KEYS,
    liveHeap: (live.heapUsed - before.heapUsed) / KEYS,
    liveBuffers: (live.arrayBuffers - before.arrayBuffers) / KEYS,
    ...work,
    fullCollectionMs,
    walkNs: engine.walk === undefined ? undefined : (timeMs(walk) * 1e6) / KEYS,
    seen,
  })}\n`,
);

async function loaded() {
  const startedAt = performance.now();
  const waitedAtStart = waitedMs();
  const cpuBefore = process.cpuUsage();
  let longestSetMs = 0;
  for (let key = 0; key < KEYS;) {
    const waitedBefore = waitedMs();
    let longest = 0;
    for (const end = Math.min(KEYS, key + TURN); key < end; key++) {
      const at = placeKey(keyNamed(key));
      const since = performance.now();
      engine.set(at, arena);
      longest = Math.max(longest, performance.now() - since);
    }
    if (longest > longestSetMs) longestSetMs = Math.max(longestSetMs, longest - (waitedMs() - waitedBefore));
    await nextTurn();
  }
  const ms = performance.now() - startedAt - (waitedMs() - waitedAtStart);
  return { loadUs: (ms * 1000) / KEYS, loadCpuUs: cpuUs(cpuBefore) / KEYS, longestSetMs };
}

async function worked() {
  const turns = REQUESTS / TURN;
  const endedAt = new Float64Array(turns);
  const tookMs = new Float64Array(turns);
  const collections = new Collections();
  const cpuBefore = process.cpuUsage();
  let last = performance.now();
  let waited = waitedMs();
  for (let turn = 0; turn < turns; turn++) {
    workTurn();
    await nextTurn();
    const now = performance.now();
    const waitedNow = waitedMs();
    endedAt[turn] = now;
    tookMs[turn] = now - last - (waitedNow - waited);
    last = now;
    waited = waitedNow;
  }
  const requestCpuUs = cpuUs(cpuBefore) / REQUESTS;
  await nextTurn();
  const collected = collections.end();
  const during = tookMs.filter((ms, turn) => collected.isDuringMajor(endedAt[turn] - ms, endedAt[turn]));
  const all = tookMs.toSorted();
  return {
    requestUs: (all.reduce((sum, ms) => sum + ms, 0) * 1000) / REQUESTS,
    requestCpuUs,
    p50: quantile(all, 0.5),
    p99: quantile(all, 0.99),
    p999: quantile(all, 0.999),
    longestTurnMs: all.at(-1),
    majors: collected.majors,
    longestMajorMs: collected.longestMajorMs,
    shareDuringMajor: during.length / turns,
    p99DuringMajor: quantile(during.toSorted(), 0.99),
    minors: collected.minors,
    longestMinorMs: collected.longestMinorMs,
    minorMs: collected.minorMs,
  };
}

function workTurn() {
  for (let i = 0; i < TURN; i++) {
    const at = placeKey(keyNamed(random() % KEYS));
    const request = { at, answers: [], done: (bytes) => request.answers.push(bytes), value: undefined };
    inFlight[i % IN_FLIGHT] = request;
    if (random() < OVERWRITES * 2 ** 32) {
      request.value = arena.subarray(0, ENTRY_BYTES);
      request.value[i] ^= 1;
      engine.set(at, request.value);
      request.done(undefined);
    } else {
      const bytes = engine.get(at);
      if (bytes !== undefined) seen += bytes[ENTRY_BYTES - 1];
      request.done(bytes);
    }
  }
}

function walk() {
  engine.walk((key, bytes) => {
    seen += key.length + bytes[0];
  });
}

/** A string of its own, as the parser makes it from bytes. */
function keyNamed(number) {
  let rest = number;
  for (let at = KEY_BYTES.length - 1; at >= 4; at--, rest = Math.floor(rest / 10)) {
    KEY_BYTES[at] = 48 + (rest % 10);
  }
  return KEY_BYTES.latin1Slice();
}

/** Of all threads, the collector's too. */
function cpuUs(before) {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function timeMs(work) {
  const startedAt = performance.now();
  const waited = waitedMs();
  work();
  return performance.now() - startedAt - (waitedMs() - waited);
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The same requests for every contender. */
function xorshift(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
