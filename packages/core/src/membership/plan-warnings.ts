/**
 * What the operator should know before committing a plan, one sentence each. Pure.
 *
 * The most important first: data that would be lost, or might be; copies of a key that meet on one node or in one place;
 * who is down, and what waits for them; load.
 */
import { describeCount } from '../base/quantities.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { bucketsOf } from '../ring/buckets.ts';
import type { Member, PendingTransfer, RingDocument } from '../ring/document.ts';
import { primariesOf } from '../ring/preference-list.ts';
import { leastWindowsWithRepeat } from '../claim/spacing.ts';
import { locationsOf, removedIn, type PlannedRing } from './planned-ring.ts';
import { isMajority } from './majority.ts';
import { stayers } from './staging.ts';

export interface PlanCircumstances {
  readonly isUp: (node: NodeId) => boolean;
  readonly servicesOf: (node: NodeId) => readonly string[] | undefined;
  readonly partialOf: (node: NodeId) => number;
}

/** Fewer partitions than this per member, and load spreads unevenly. */
const PARTITIONS_PER_MEMBER_MIN = 16;

export function planWarnings(document: RingDocument, ring: PlannedRing, now: PlanCircumstances): string[] {
  const { owners, transfers } = ring;
  const members = stayers(document);
  const { numbers } = bucketsOf(document);
  return [
    ...lostData(document, now),
    ...numbers.flatMap((n) => sharedReplicas(n, owners, members)),
    ...numbers.flatMap((n) => sharedLocations(n, document, owners)),
    ...twiceTheSpace(ring),
    ...tooFewVotes(members, now),
    ...downMembers(document, ring, now),
    ...missingServices(document, transfers, now),
    ...fewPartitions(owners.length, members.length),
  ];
}

function lostData(document: RingDocument, { isUp, partialOf }: PlanCircumstances): string[] {
  const removed = removedIn(document);
  if (removed.size === 0) return [];
  const named = document.members.filter((member) => removed.has(member.id));
  const names = named.map((member) => member.name).join(', ');
  const sizes = [...new Set(document.buckets.map((bucket) => bucket.n))].toSorted((a, b) => a - b);
  const healing = document.members.filter(({ id }) => !removed.has(id) && partialOf(id) > 0);
  return [
    ...sizes.flatMap((n) => lostRanges(document, removed, n, names)),
    `hints that ${names} keeps for members who were away are lost with it: writes whose other copies did not arrive`,
    ...healing.map(
      ({ id, name }) =>
        `${name} has ${describeCount(partialOf(id), 'partial vnode')} that may lack what ${names} holds: wait until they have healed`,
    ),
    ...named
      .filter((member) => isUp(member.id))
      .map((member) => `${member.name} is up: a leave moves its data first, and loses none`),
  ];
}

/** Of the ranges of keys with n copies, those of which no copy stays, or so few that one may have missed a write. */
function lostRanges(
  { owners }: RingDocument,
  removed: ReadonlySet<NodeId>,
  n: number,
  names: string,
): string[] {
  const quorum = Math.floor(n / 2) + 1;
  const lost: number[] = [];
  const endangered: number[] = [];
  owners.forEach((_, first) => {
    const replicas = primariesOf(first as PartitionId, n, owners);
    const kept = replicas.filter((replica) => !removed.has(replica.node)).length;
    if (kept === 0) lost.push(first);
    else if (kept + quorum <= n) endangered.push(first);
  });
  const where = (ranges: readonly number[]): string =>
    `${describeCount(ranges.length, 'range')} of ${owners.length} (n=${n}; ${listed('partition', ranges)})`;
  return [
    ...(lost.length === 0 ? [] : [`DATA LOSS: every copy of ${where(lost)} lies on ${names}`]),
    ...(endangered.length === 0
      ? []
      : [
          `acknowledged writes may be lost: fewer than a quorum of the copies of ${where(endangered)} stay without ${names}`,
        ]),
  ];
}

/** Which preference lists would have two of their copies on one node. */
function sharedReplicas(n: number, owners: readonly NodeId[], members: readonly Member[]): string[] {
  if (members.length < n) {
    return [
      `n is ${n} and there will be ${members.length === 1 ? 'one member' : `${members.length} members`}: ` +
        'one node holds several copies of a key, and losing it loses them together',
    ];
  }
  const shared = listsWithFewer(owners, n, n, (owner) => owner);
  if (shared.length === 0) return [];
  // What is possible is known for lists of three only.
  const how =
    shared.length > leastWindowsWithRepeat(owners.length, members.length)
      ? 'a ring with fewer of these exists, but moves more partitions'
      : `with ${owners.length} partitions and ${members.length} members there is no better ring`;
  return [
    `${shared.length} of ${owners.length} preference lists of n=${n} would have two copies on one node, ` +
      beginnings(shared) +
      (n === 3 ? ` (${how})` : ''),
  ];
}

/** Which preference lists would lie in fewer locations than they could; nothing while no member has told one. */
function sharedLocations(n: number, document: RingDocument, owners: readonly NodeId[]): string[] {
  const owning = new Set(owners);
  const holders = document.members.filter((member) => owning.has(member.id));
  const locations = locationsOf(holders);
  if (locations === undefined) return [];
  const placeOf = (node: NodeId): string => {
    const location = locations.get(node);
    return location === undefined ? `member ${node}` : `location ${location}`;
  };
  const count = new Set(holders.map(({ id }) => placeOf(id))).size;
  if (count < n && holders.length >= n) {
    return [
      `n is ${n} and the members stand in ${describeCount(count, 'location')}: one location holds several copies of a key, ` +
        'and losing it loses them together',
    ];
  }
  const shared = holders.length < n ? [] : listsWithFewer(owners, n, n, placeOf);
  if (shared.length === 0) return [];
  return [
    `${shared.length} of ${owners.length} preference lists of n=${n} would have two copies in one location, ${beginnings(shared)}`,
  ];
}

function twiceTheSpace({ copies }: PlannedRing): string[] {
  if (copies === undefined) return [];
  return [
    `the ring of the other size is filled beside this one: until it takes over, the data needs its space twice, and ` +
      `${copies.moved} of ${copies.total} copies of ranges go to a node that has none of them now`,
  ];
}

/** Of those who would be left to vote on any further change. */
function tooFewVotes(members: readonly Member[], { isUp }: PlanCircumstances): string[] {
  const voters = members.filter(({ status }) => status !== 'down');
  const away = voters.filter(({ id }) => !isUp(id));
  if (isMajority(voters.length - away.length, voters.length)) return [];
  const names = away.map(({ name }) => name).join(', ');
  return [
    `${away.length} of the ${voters.length} members that would vote are down (${names}): once this is carried out nothing more ` +
      'can be changed until they are back',
  ];
}

function downMembers(
  document: RingDocument,
  { owners, transfers, copies }: PlannedRing,
  { isUp }: PlanCircumstances,
): string[] {
  const removed = removedIn(document);
  return document.members.flatMap(({ id, name, status }) => {
    if (isUp(id) || removed.has(id)) return [];
    if (copies !== undefined) return [`${name} is down: the resize waits until it is back`];
    if (status === 'down') {
      const owned = owners.filter((owner) => owner === id).length;
      return [
        `${name} is down: its ${describeCount(owned, 'partition')} stay, and nothing moves to it, until it is back`,
      ];
    }
    const moves = transfers.filter((transfer) => transfer.from === id || transfer.to === id).length;
    return moves === 0 ? [] : [`${name} is down: ${describeCount(moves, 'transfer')} wait until it is back`];
  });
}

/** Receivers that do not run what others do. */
function missingServices(
  document: RingDocument,
  transfers: readonly PendingTransfer[],
  { servicesOf }: PlanCircumstances,
): string[] {
  const services = [...new Set(document.members.flatMap(({ id }) => servicesOf(id) ?? []))].toSorted();
  return document.members.flatMap(({ id, name }) => {
    const own = servicesOf(id);
    const moves = transfers.filter((transfer) => transfer.to === id).length;
    const missing = services.filter((service) => own?.includes(service) === false);
    if (moves === 0 || missing.length === 0) return [];
    return [
      `${name} does not run ${missing.join(', ')}: ${describeCount(moves, 'transfer')} wait until it does`,
    ];
  });
}

function fewPartitions(ringSize: number, members: number): string[] {
  if (ringSize / members >= PARTITIONS_PER_MEMBER_MIN) return [];
  return [
    `${ringSize} partitions on ${members} members are fewer than ${PARTITIONS_PER_MEMBER_MIN} each: ` +
      'load spreads unevenly, a larger ring would be better',
  ];
}

/** The first partition of each list of n whose owners make fewer than `wanted` different things. */
function listsWithFewer(
  owners: readonly NodeId[],
  n: number,
  wanted: number,
  thingOf: (owner: NodeId) => string,
): number[] {
  return owners.flatMap((_, first) => {
    const things = new Set(primariesOf(first as PartitionId, n, owners).map(({ node }) => thingOf(node)));
    return things.size < wanted ? [first] : [];
  });
}

function beginnings(firsts: readonly number[]): string {
  const which = firsts.length === 1 ? 'the one that begins at' : 'those that begin at';
  return `${which} ${listed('partition', firsts)}`;
}

/** More than so many are only counted. */
const LISTED_MAX = 12;

function listed(what: string, which: readonly number[]): string {
  const more = which.length > LISTED_MAX ? ` and ${which.length - LISTED_MAX} more` : '';
  return `${which.length === 1 ? what : `${what}s`} ${which.slice(0, LISTED_MAX).join(', ')}${more}`;
}
