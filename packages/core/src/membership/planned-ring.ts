/**
 * The planned ring: which owner each partition is to have once everything staged is carried out. Pure.
 *
 *   1. `by` takes the places of the member it replaces, so that a replacement alone moves nothing else;
 *   2. claim shares out the rest, if somebody joins, leaves or is removed beside that;
 *   3. what lies on a member that is down stays there, and nothing goes to it: it could only wait.
 *
 * Because of 3 the ring may be less even than claim's while a member is down; the next plan after it is back evens it out.
 *
 * A ring of another size is claimed as a fresh one for those who stay: spacing and balance first, since every key is
 * copied anyway.
 */
import { assert } from '../base/assert.ts';
import type { ClaimInput } from '../claim/problem.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Member, PendingTransfer, RingDocument } from '../ring/document.ts';
import { primariesOf } from '../ring/preference-list.ts';
import { stagedResize, stayers } from './staging.ts';

/** Claim as far as the membership needs it; `claim` of claim/ fits. */
export type ClaimFunction = (input: ClaimInput) => { readonly owners: readonly NodeId[] };

export interface PlannedRing {
  readonly owners: readonly NodeId[];
  /** Of members who are removed: another owner at once. */
  readonly reassigned: readonly PendingTransfer[];
  readonly transfers: readonly PendingTransfer[];
  /** Of another size only. */
  readonly copies?: { readonly total: number; readonly moved: number };
}

/** Somebody who is not down must stay. */
export function plannedRing(document: RingDocument, claim: ClaimFunction): PlannedRing {
  const input = claimInputFor(document);
  const claimed = input && claimedOwners(input, claim);
  if (claimed !== undefined && stagedResize(document) !== undefined)
    return { owners: claimed, reassigned: [], transfers: [], copies: copiesOf(document, claimed) };
  const replaced = ownersAfterReplacing(document);
  const owners = claimed === undefined ? replaced : withoutMovesOfTheDown(document, replaced, claimed);
  const removed = removedIn(document);
  const moves = movesBetween(document.owners, owners);
  return {
    owners,
    reassigned: moves.filter(({ from }) => removed.has(from)),
    transfers: moves.filter(({ from }) => !removed.has(from)),
  };
}

/** What `plannedRing` asks of claim; undefined: nothing. Somebody must stay. */
export function claimInputFor(document: RingDocument): ClaimInput | undefined {
  const members = stayers(document);
  const resize = stagedResize(document);
  if (resize !== undefined) return inputForFreshRing(members, resize.ringSize);
  const owners = ownersAfterReplacing(document);
  return isClaimNeeded(document, owners, members) ? claimInputOf(owners, members) : undefined;
}

/** Those who are members no more once what is staged is committed. */
export function removedIn(document: RingDocument): ReadonlySet<NodeId> {
  return new Set(
    document.staged.flatMap((change) =>
      change.kind === 'force-remove' || change.kind === 'force-replace' ? [change.node] : [],
    ),
  );
}

/** Where members stand, as far as they have told; undefined when none has. */
export function locationsOf(members: readonly Member[]): ReadonlyMap<NodeId, string> | undefined {
  const told = members.filter((member) => member.location !== '');
  return told.length === 0 ? undefined : new Map(told.map((member) => [member.id, member.location]));
}

function ownersAfterReplacing({ owners, staged }: RingDocument): NodeId[] {
  const successors = new Map(staged.flatMap((change) => ('by' in change ? [[change.node, change.by]] : [])));
  return owners.map((owner) => successors.get(owner) ?? owner);
}

/** Not when nothing but replacements is staged. */
function isClaimNeeded(
  { staged, members: all }: RingDocument,
  owners: readonly NodeId[],
  members: readonly Member[],
): boolean {
  const staying = new Set(members.map((member) => member.id));
  const replacing = new Set(staged.flatMap((change) => ('by' in change ? [change.by] : [])));
  if (owners.some((owner) => !staying.has(owner))) return true;
  if (all.some(({ id, status }) => status === 'joining' && !replacing.has(id))) return true;
  return staged.length === 0 && all.every(({ status }) => status !== 'down');
}

function inputForFreshRing(members: readonly Member[], ringSize: number): ClaimInput {
  const first = members[0];
  assert(first !== undefined, 'somebody stays');
  return claimInputOf(new Array<NodeId>(ringSize).fill(first.id), members);
}

function claimInputOf(owners: readonly NodeId[], members: readonly Member[]): ClaimInput {
  const locations = locationsOf(members);
  return { owners, members: members.map((member) => member.id), ...(locations && { locations }) };
}

function claimedOwners(input: ClaimInput, claim: ClaimFunction): readonly NodeId[] {
  const { owners } = claim(input);
  assert(owners.length === input.owners.length, 'claim gives every partition an owner');
  assert(
    owners.every((owner) => input.members.includes(owner)),
    'claim gives partitions to those who stay only',
  );
  return owners;
}

/** What a member that is down owns stays; what it would get stays too, or goes to another where it cannot. */
function withoutMovesOfTheDown(
  document: RingDocument,
  before: readonly NodeId[],
  claimed: readonly NodeId[],
): readonly NodeId[] {
  const removed = removedIn(document);
  const down = new Set(
    document.members.flatMap(({ id, status }) => (status === 'down' && !removed.has(id) ? [id] : [])),
  );
  if (down.size === 0) return claimed;
  const takers = stayers(document).flatMap(({ id }) => (down.has(id) ? [] : [id]));
  const owners = claimed.map((owner, partition) => {
    const now = before[partition] as NodeId;
    return down.has(now) || (down.has(owner) && takers.includes(now)) ? now : owner;
  });
  owners.forEach((owner, partition) => {
    if (down.has(owner) && owner !== before[partition])
      owners[partition] = takerOf(owners, partition, takers);
  });
  return owners;
}

/** Lists of so many successive partitions should have distinct owners. */
const SPACING = 3;

/** Who stands furthest from this partition, up to the spacing; of those who owns the least; of those the first. */
function takerOf(owners: readonly NodeId[], partition: number, takers: readonly NodeId[]): NodeId {
  const size = owners.length;
  const costOf = (node: NodeId): number => {
    let near = 0;
    for (let away = 1; away < SPACING; away++) {
      for (const at of [partition + away, partition + size - away]) if (owners[at % size] === node) near++;
    }
    return near * size + owners.filter((owner) => owner === node).length;
  };
  const [best] = takers.toSorted((a, b) => costOf(a) - costOf(b));
  assert(best !== undefined, 'somebody who is not down stays');
  return best;
}

function movesBetween(before: readonly NodeId[], after: readonly NodeId[]): PendingTransfer[] {
  return after.flatMap((to, partition) => {
    const from = before[partition] as NodeId;
    return from === to ? [] : [{ partition: partition as PartitionId, from, to }];
  });
}

/** Copies of ranges as fine as the finer ring's, in the default bucket; a node that holds one now needs no other's. */
function copiesOf(
  { owners: before, buckets }: RingDocument,
  after: readonly NodeId[],
): NonNullable<PlannedRing['copies']> {
  const n = buckets.find(({ prefix }) => prefix === '')?.n ?? 1;
  const fine = Math.max(before.length, after.length);
  const holders = (owners: readonly NodeId[], range: number): NodeId[] => {
    const size = owners.length;
    // A key belongs to the partition after its hash.
    const first = (Math.floor((range * size) / fine) + 1) % size;
    return primariesOf(first as PartitionId, n, owners).map(({ node }) => node);
  };
  let moved = 0;
  for (let range = 0; range < fine; range++) {
    const now = holders(before, range);
    moved += holders(after, range).filter((node) => !now.includes(node)).length;
  }
  return { total: fine * n, moved };
}
