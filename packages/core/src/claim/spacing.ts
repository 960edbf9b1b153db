/**
 * Spacing: how often the copies of a key would meet on one node, or in one location.
 *
 * The copies lie on n successive partitions, so every window of n partitions round the ring is somebody's
 * preference list. A window is a violation when an owner stands in it twice. For locations, a window of three
 * is one when it has fewer of them than it could: min(3, locations there are), so that two racks ask only that no
 * list lies in one of them.
 *
 * Unevenness looks further: when a node fails or leaves, its work falls to those who stand near it, so near each
 * member every other one should stand equally often, and near each partition few different ones: that leaves room for
 * the next change, as what a leaver gives up finds takers that do not stand there already (room.ts).
 */

/** Locations as numbers, by position in the member list; how many there are, and how many a window of three should have. */
export interface Locations {
  readonly of: Int32Array;
  readonly count: number;
  readonly wanted: number;
}

/** Windows of `n` successive partitions, round the ring, with an owner twice. */
export function windowsWithRepeat(owners: ArrayLike<unknown>, n: number): number {
  let count = 0;
  for (let start = 0; start < owners.length; start++) if (hasRepeat(owners, start, n)) count++;
  return count;
}

function hasRepeat(owners: ArrayLike<unknown>, start: number, n: number): boolean {
  const size = owners.length;
  for (let i = start; i < start + n; i++) {
    for (let j = i + 1; j < start + n; j++) if (owners[i % size] === owners[j % size]) return true;
  }
  return false;
}

/** What windows of three lack in locations: in how many, and summed up (a list that lies in one place lacks two of three). */
export function locationsLacking(owners: Int32Array, locations: Locations): { windows: number; sum: number } {
  const size = owners.length;
  const at = (i: number): number => locations.of[owners[i % size] as number] as number;
  let windows = 0;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const lacking = lackingOf(at(i), at(i + 1), at(i + 2), locations.wanted);
    if (lacking > 0) windows++;
    sum += lacking;
  }
  return { windows, sum };
}

/** How many locations three places have less than `wanted` (1..3). */
export function lackingOf(a: number, b: number, c: number, wanted: number): number {
  const different = a === b ? (b === c ? 1 : 2) : b === c || a === c ? 2 : 3;
  return Math.max(0, wanted - different);
}

/**
 * The fewest windows of three with an owner twice that a balanced ring of this size can have, from six partitions on.
 *
 * One or two owners repeat in every window. Three must take turns, and where the size is no multiple of three
 * the turn breaks: after a single fault the order would run the other way round, so there are two. With four
 * and more there is always room.
 */
export function leastWindowsWithRepeat(ringSize: number, memberCount: number): number {
  if (memberCount <= 2) return ringSize;
  return memberCount === 3 && ringSize % 3 !== 0 ? 2 : 0;
}

/** Of how many partitions of `a` a partition of `b` lies within two, at `a * memberCount + b`. */
export function neighboursOf(owners: Int32Array, memberCount: number): Int32Array {
  const near = new Int32Array(memberCount * memberCount);
  const size = owners.length;
  const count = (owner: number, other: number): void => {
    const at = owner * memberCount + other;
    near[at] = (near[at] as number) + 1;
  };
  for (let p = 0; p < size; p++) {
    const owner = owners[p] as number;
    const before2 = owners[(p + size - 2) % size] as number;
    const before1 = owners[(p + size - 1) % size] as number;
    const after1 = owners[(p + 1) % size] as number;
    const after2 = owners[(p + 2) % size] as number;
    // Each once, and without a `Set`: this is counted for every ring that is looked at.
    count(owner, before2);
    if (before1 !== before2) count(owner, before1);
    if (after1 !== before2 && after1 !== before1) count(owner, after1);
    if (after2 !== before2 && after2 !== before1 && after2 !== after1) count(owner, after2);
  }
  return near;
}

/** Sum of squares: smaller when fewer different members meet, and when all pairs meet equally often. */
export function unevennessOf(owners: Int32Array, memberCount: number): number {
  return neighboursOf(owners, memberCount).reduce((sum, count) => sum + count * count, 0);
}
