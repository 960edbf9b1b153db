/**
 * The dumb twin of claim with locations: on tiny rings every balanced ring is tried, and none lacks less in locations
 * than claim's, nor as little with fewer lists that have a node twice. On larger rings capacity tells where none need lack.
 */
import { describe, expect, it } from 'vitest';
import { forEachBalancedRing } from '../../test/balanced-rings.ts';
import type { NodeId } from '../contracts/ids.ts';
import { claim } from './claim.ts';

const membersOf = (count: number): NodeId[] => [...'abcdefghi'].slice(0, count) as NodeId[];
const aloneOn = (ringSize: number): NodeId[] => Array.from({ length: ringSize }, () => 'a' as NodeId);

/** Every way to split so many members into at least two locations with one larger than a single member. */
function splitsOf(members: number, largest = members - 1): number[][] {
  if (members === 0) return [[]];
  return Array.from({ length: Math.min(members, largest) }, (_, i) => Math.min(members, largest) - i).flatMap(
    (first) => splitsOf(members - first, first).map((rest) => [first, ...rest]),
  );
}

function locationsBy(split: readonly number[]): Map<NodeId, string> {
  const racks = split.flatMap((size, rack) => Array.from({ length: size }, () => `rack ${rack}`));
  return new Map(membersOf(racks.length).map((member, at) => [member, racks[at] as string]));
}

/** What lists of three lack in locations, summed up, and how many of them have a node twice. */
function faultsOf(
  owners: readonly NodeId[],
  locations: ReadonlyMap<NodeId, string>,
  wanted: number,
): number[] {
  let lacking = 0;
  let repeats = 0;
  owners.forEach((_, p) => {
    const list = [0, 1, 2].map((i) => owners[(p + i) % owners.length] as NodeId);
    lacking += Math.max(0, wanted - new Set(list.map((owner) => locations.get(owner))).size);
    if (new Set(list).size < 3) repeats++;
  });
  return [lacking, repeats];
}

function leastFaults(
  size: number,
  members: readonly NodeId[],
  locations: ReadonlyMap<NodeId, string>,
  wanted: number,
): number[] {
  let best = [Infinity, Infinity];
  forEachBalancedRing(size, members, (owners) => {
    const found = faultsOf(owners, locations, wanted);
    if (((found[0] as number) - (best[0] as number) || (found[1] as number) - (best[1] as number)) < 0)
      best = found;
  });
  return best;
}

describe.each([
  [6, 3],
  [8, 3],
  [6, 4],
  [7, 4],
  [8, 4],
  [8, 5],
])('ring %i, %i members', (size, memberCount) => {
  const members = membersOf(memberCount);
  it.each(
    splitsOf(memberCount)
      .filter(({ length }) => length < memberCount)
      .map((split) => [split.join(' + '), split] as const),
  )('in locations of %s: nobody does better', (_, split) => {
    const locations = locationsBy(split);
    const wanted = Math.min(3, split.length);
    const { owners, certificate } = claim({ owners: aloneOn(size), members, locations });
    const faults = faultsOf(owners, locations, wanted);
    expect(faults, owners.join('')).toEqual(leastFaults(size, members, locations, wanted));
    expect(certificate.locationViolations === 0).toBe(faults[0] === 0);
  });
});

/**
 * Whether extra partitions can be dealt out so that no location is too large: at most a third of the ring each, and in a ring
 * of exactly three each a third; of two, at most two thirds.
 */
function hasCapacity(size: number, split: readonly number[]): boolean {
  if (split.length === 3 && size % 3 !== 0) return false;
  const memberCount = split.reduce((sum, members) => sum + members);
  const floor = Math.floor(size / memberCount);
  const most = Math.floor(split.length === 2 ? (size * 2) / 3 : size / 3);
  const room = split.map((members) => Math.min(members, most - members * floor));
  return (
    room.every((extras) => extras >= 0) && room.reduce((sum, extras) => sum + extras) >= size % memberCount
  );
}

describe.each([8, 16, 32, 64])('ring %i: no list shares a location where it need not', (size) => {
  it.each([4, 5, 6, 7, 8])('with %i members in any locations', (memberCount) => {
    for (const split of splitsOf(memberCount)) {
      if (split.length === memberCount || !hasCapacity(size, split)) continue;
      const { certificate } = claim({
        owners: aloneOn(size),
        members: membersOf(memberCount),
        locations: locationsBy(split),
      });
      expect(certificate.locationViolations, `locations of ${split.join(' + ')}`).toBe(0);
    }
  });
});

describe.each([16, 64])('ring %i, after a change', (size) => {
  it.each([5, 6, 7])('nor when one of %i members has left, or another has come', (memberCount) => {
    for (const split of splitsOf(memberCount)) {
      if (split.length === memberCount) continue;
      const members = membersOf(memberCount);
      const locations = locationsBy(split);
      const { owners } = claim({ owners: aloneOn(size), members, locations });
      const changes = [members.slice(1), members.slice(0, -1), [...members, 'new' as NodeId]];
      for (const changed of changes) {
        const racks = changed.map((member) => locations.get(member) ?? 'a new rack');
        const sizes = [...new Set(racks)].map((rack) => racks.filter((other) => other === rack).length);
        if (!hasCapacity(size, sizes)) continue;
        const { certificate } = claim({ owners, members: changed, locations });
        expect(
          certificate.locationViolations ?? 0,
          `locations of ${split.join(' + ')}, then ${racks.join(' ')}`,
        ).toBe(0);
      }
    }
  });
});
