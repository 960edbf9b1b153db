/**
 * Nanoseconds of a few lines of code.
 *
 * Processor time of this process, garbage collection included, so that being kept waiting by others does not count. A
 * stage is run in blocks of many iterations, all stages in turn, several times over: a noisy neighbour, who also takes
 * the caches, then spoils single blocks of every stage instead of one whole stage. The lower quartile of its blocks is
 * its time, and the empty loop's is taken off.
 */
const BLOCKS = 15;
const BLOCK_MS = 25;
const WARM_UP_MS = 200;

/** `stages`: functions of the iteration's number, by name. Returns nanoseconds per call, by name. */
export function timeStages(stages) {
  const all = Object.entries({ '': nothing, ...stages });
  const sizes = new Map(all.map(([name, stage]) => [name, warmUp(stage)]));
  const times = new Map(all.map(([name]) => [name, []]));
  for (let block = 0; block < BLOCKS; block++) {
    for (const [name, stage] of all) times.get(name).push(blockNs(stage, sizes.get(name)));
  }
  const loop = lowerQuartile(times.get(''));
  return Object.fromEntries(
    Object.keys(stages).map((name) => [name, Math.max(0, lowerQuartile(times.get(name)) - loop)]),
  );
}

function nothing(i) {
  return i;
}

/** Runs it until the compiler is done with it; how many iterations fill a block. */
function warmUp(stage) {
  let size = 64;
  let ns = 0;
  const until = performance.now() + WARM_UP_MS;
  while (performance.now() < until) {
    ns = blockNs(stage, size);
    if (ns * size < 5e6 && size < 1 << 24) size *= 2;
  }
  return Math.max(1, Math.round((BLOCK_MS * 1e6) / Math.max(ns, 1)));
}

let kept;

function blockNs(stage, iterations) {
  const before = process.cpuUsage();
  for (let i = 0; i < iterations; i++) kept = stage(i);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / iterations;
}

function lowerQuartile(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 2];
}

/** What the last call gave: read by nobody, and so never optimised away. */
export function lastResult() {
  return kept;
}
