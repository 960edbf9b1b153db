/**
 * What the hash trees of anti-entropy cost: per write, and at a start.
 *
 *     node bench/stages/trees.mjs [--keys 1000000] [--dir DIR: where the store is made, and removed again]
 *
 * All times are the processor's. A write is what it adds to the tally of a change: the
 * least of some rounds of each in turn, since a neighbour's stall does not come in all of them. A start is that of a lone node
 * on lmdb, ring 16, n=1: the work until the sums of all ranges are known. A node does it in the background, a slice of a
 * millisecond at a time, so it takes about twice as long where nothing else is at work.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { VALUE_BYTES } from '../redis/load.mjs';
import { table } from '../redis/rounds.mjs';

const { values: flags } = parseArgs({
  options: { keys: { type: 'string', default: '1000000' }, dir: { type: 'string', default: tmpdir() } },
});
const KEYS = Number(flags.keys);
const RING_BITS = 4;
const PARTITIONS = [...Array(1 << RING_BITS).keys()];
const SPACE_ENTRY = 0;
/** Submitted before the store gets to commit. */
const WRITES_AT_ONCE = 5_000;
const ROUNDS = 15;
/** Changes of a round, and entries that they change: powers of two, so that a mask picks one. */
const CHANGES = 1 << 19;
const ENTRIES = 1 << 12;
const SILENT = { reply() {}, refuse() {}, fail() {} };

const core = await load('core/dist/index.js');
const { encodeString, memoryStore, lmdbStore } = await load('store/dist/index.js');
const { VnodeTallies } = await load('store/dist/kv/range-tally.js');
const { KvVnode } = await load('store/dist/kv/kv-vnode.js');
const { placeKey } = await load('store/dist/kv/coordinator.js');

say(table(['ns per write', 'tally', 'tally and trees', 'difference'], timeWrites()));
say('');
say(table([`a start on lmdb, ${KEYS} keys`, 'work, ms', 'entries counted'], await timeStarts()));

function load(path) {
  return import(pathToFileURL(fileURLToPath(new URL(`../../packages/${path}`, import.meta.url))).href);
}

function timeWrites() {
  return ['memory', 'lmdb: marks are looked for'].map((engine) => {
    const changes = Array.from({ length: ENTRIES }, (_, i) => ({
      at: placeKey(`key:${i}`),
      entries: [entryAt(`key:${i}`, 1), entryAt(`key:${i}`, 2)],
    }));
    const place = { ringBits: RING_BITS, partition: 0 };
    const tallies = new VnodeTallies(place, undefined);
    const engineStore =
      engine === 'memory' ? memoryStore() : { get() {}, walk: () => false, submit: () => 1 };
    const trees = new core.StoredTrees({ ...contextOf(place, engineStore), held: [], items: {} });
    const run = (withTrees) => {
      const from = processorMs();
      for (let i = 0; i < CHANGES; i++) {
        const { at, entries } = changes[Math.imul(i, 40_503) & (ENTRIES - 1)];
        tallies.changed(at, entries[i & 1], entries[(i + 1) & 1]);
        if (!withTrees) continue;
        trees.markFor(at);
        trees.changed(at, tallies.difference[0], tallies.difference[1]);
      }
      return ((processorMs() - from) * 1e6) / CHANGES;
    };
    const rounds = Array.from({ length: ROUNDS }, () => [run(false), run(true)]);
    const [bare, full] = [0, 1].map((side) => Math.min(...rounds.map((round) => round[side])));
    return [engine, bare.toFixed(0), full.toFixed(0), (full - bare).toFixed(0)];
  });
}

async function timeStarts() {
  const path = mkdtempSync(join(flags.dir, 'rkv-trees-'));
  try {
    await live(path, { writes: KEYS, isFirst: true });
    const rows = [];
    const row = async (title, then) => rows.push([title, ...(await live(path, then))]);
    await row('killed after all keys were written', { stops: true });
    await row('stopped in order', { writes: 100 });
    await row('killed 100 writes after a checkpoint', { stops: true });
    await row('stopped in order', { writes: 20_000 });
    await row('killed 20000 writes after a checkpoint', { stops: true });
    return rows;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** One life of the node: it knows its sums, then writes, and ends. What knowing them took. */
async function live(path, { writes = 0, stops = false, isFirst = false }) {
  const store = lmdbStore({ path });
  const jobs = [];
  let counted = 0;
  const walk = store.walk.bind(store);
  store.walk = (space, place, after, limit, visit) =>
    walk(space, place, after, limit, (...record) => {
      if (space === SPACE_ENTRY) counted++;
      return visit(...record);
    });
  const clock = new core.HybridClock({ now: () => Date.now(), random: () => 0, driftLimitMs: 60_000 });
  const vnodes = PARTITIONS.map(
    (partition) => new KvVnode(contextOf({ ringBits: RING_BITS, partition }, store, jobs), clock),
  );
  store.start({
    onProgress: () => vnodes.forEach((vnode) => vnode.onStoreProgress()),
    onFailure(_seq, error) {
      throw new Error(error.message);
    },
  });
  const from = processorMs();
  for (const partition of PARTITIONS) {
    while (vnodes[partition].trees.sums(core.rangeOf(partition, RING_BITS), 1) === undefined)
      while (jobs.length > 0) if (jobs[0]()) jobs.shift();
  }
  const took = processorMs() - from;
  for (let i = 0; i < writes; i++) {
    const key = `key:${isFirst ? i : Math.floor(Math.random() * KEYS)}`;
    const at = placeKey(key);
    const vnode = vnodes[core.partitionOf(at.hashHi, RING_BITS)];
    vnode.handleCommand({ kind: 'merge', ...at, entry: entryAt(key, Date.now()) }, SILENT);
    if (i % WRITES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const vnode of vnodes) vnode.close(stops);
  await new Promise((resolve) => store.close(resolve));
  return [took.toFixed(0), `${counted}`];
}

/** Others may be at work on this machine. */
function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function entryAt(key, time) {
  const stamp = new Uint8Array(16);
  core.putStampMs(stamp, 0, time);
  return encodeString(key, stamp, new Uint8Array(VALUE_BYTES), 0);
}

function contextOf(place, store, jobs = []) {
  const timers = {
    setTimer: () => ({ cancel() {} }),
    now: () => Date.now(),
    monotonic: () => performance.now(),
  };
  return {
    ...{ self: 'n1', place, store, durability: 'process', host: timers, logger: core.silentLogger },
    pool: { run: (_token, step) => jobs.push(step) },
    role: () => 'primary',
    beforeChange() {},
    changed() {},
  };
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
