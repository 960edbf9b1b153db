/**
 * The forced ring: how a minority goes on when an operator says that the others are not to be waited for. Pure.
 *
 * One node makes it alone: the ring it has, with those who are away *put aside*, that is `down`. They keep what they
 * own, have no vote, and come back by themselves. It begins a new era (ring/era.ts), so it is never mistaken for what
 * the others agree upon meanwhile, and it takes the place of that wherever both are heard.
 *
 * Holds: whoever is left to vote is up and has the ring that is left, so the new era can go on at once by majorities.
 * Price, told to the operator and in the log of all who take it: what the others agree upon without this node is undone.
 *
 * Not here: whether there is no majority in sight (membership.ts), saving and telling (agreement.ts).
 * Source: decision 0008.
 */
import type { NodeId } from '../contracts/ids.ts';
import {
  encodeDocument,
  votersOf,
  type AgreedDocument,
  type Member,
  type RingDocument,
} from '../ring/document.ts';
import { forcedEpoch, isOtherLine } from '../ring/era.ts';
import { markDown } from './down.ts';
import type { RequestResult } from './events.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';

/** A forced ring on its way to disk, and what its operator is told once it is there. */
export interface PendingForce {
  readonly requestId: number;
  readonly digest: string;
  readonly result: RequestResult;
}

export interface ForceInput {
  readonly self: NodeId;
  readonly current: AgreedDocument;
  /** The era to begin: above every one that this node can have begun or heard of. */
  readonly era: number;
  /** Whom to put aside. */
  readonly nodes: readonly NodeId[];
  readonly isUp: (node: NodeId) => boolean;
  /** Whether this member was last heard with exactly the current document. */
  readonly hasCurrent: (node: NodeId) => boolean;
}

export function forceRing({
  self,
  current,
  era,
  nodes,
  isUp,
  hasCurrent,
}: ForceInput): AgreedDocument | Refusal {
  const { document, digest } = current;
  const downed = markDown(document, nodes);
  if (isRefusal(downed)) return downed;
  const voters = votersOf(downed);
  if (!voters.some(({ id }) => id === self)) {
    return refuse('not_member', 'this node would have no vote itself: ask one that is to stay');
  }
  const away = voters.filter(({ id }) => !isUp(id));
  if (away.length > 0) {
    return refuse(
      'no_majority',
      `${namesOf(away)} cannot be reached and would have a vote: name all that are away`,
    );
  }
  const behind = voters.filter(({ id }) => !hasCurrent(id));
  if (behind.length > 0) {
    return refuse(
      'ring_not_ready',
      `${namesOf(behind)} has not the ring of this node yet; ask again in a moment`,
    );
  }
  const seat = document.members.findIndex(({ id }) => id === self);
  const epoch = forcedEpoch({ left: document.epoch, era, seat });
  if (epoch === undefined) {
    return refuse('no_majority', 'this ring cannot be forced from this node any more: epochs have run out');
  }
  const claimant = voters.some(({ id }) => id === document.claimant) ? document.claimant : self;
  return encodeDocument({ ...downed, claimant, epoch, parentDigest: digest });
}

/**
 * What is lost or put aside now that `after` takes the place of `before`, one sentence each. Empty when `after` goes on
 * from `before` by majorities; otherwise a minority has forced it since, or has forced another one than `before`.
 */
export function forceWarnings(before: AgreedDocument, after: AgreedDocument): string[] {
  if (!isForcedSince(before.document, after.document)) return [];
  const aside = after.document.members.filter(({ status }) => status === 'down');
  const undone =
    before.digest === after.document.parentDigest
      ? []
      : [`what was agreed upon up to epoch ${before.document.epoch} and is not in this ring is undone`];
  if (aside.length === 0) return ['the ring was forced without a majority', ...undone];
  const names = namesOf(aside);
  const [those, hear] = aside.length === 1 ? ['it', 'hears'] : ['they', 'hear'];
  return [
    `the ring was forced without a majority: ${names} put aside until ${those} can be reached again`,
    `what ${names} acknowledged and no other member holds is missing until then`,
    `what ${names} agreed upon without the members of this ring, or will until then, is undone when ${those} ${hear} of it; ` +
      'a node that was let in that way is no member',
    ...undone,
  ];
}

function isForcedSince(before: RingDocument, after: RingDocument): boolean {
  return before.clusterId === after.clusterId && isOtherLine(before.epoch, after.epoch);
}

function namesOf(members: readonly Member[]): string {
  return members.map(({ name }) => name).join(', ');
}
