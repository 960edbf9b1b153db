/**
 * Down: a member that is away, and that an operator has said not to wait for. Pure.
 *
 * It keeps what it owns, since its disk still holds it; the others stand in with hints as for anyone whom they cannot
 * reach. But it has no vote, so that they agree without it, the claimant's duty goes to a full member, and nothing moves from or to it: a transfer that could
 * only wait is taken out of `pending`, and the partition stays where it is. Once it is back it says so itself
 * (reports.ts) and is what it was. What was to move then is found by the next plan.
 *
 * Source: Riak's riak_core:down. There a node that comes back joins anew; here its vnodes have their records, and heal.
 */
import type { NodeId } from '../contracts/ids.ts';
import { memberOf, type Member, type PendingTransfer, type RingDocument } from '../ring/document.ts';
import { refuse, type Refusal } from './refusal.ts';
import { withClaimant } from './staging.ts';

/** Whether these are up is for the caller to know. The same object when they are all down already. */
export function markDown(document: RingDocument, nodes: readonly NodeId[]): RingDocument | Refusal {
  const away = new Set(nodes);
  for (const node of away) {
    const member = memberOf(document, node);
    if (member === undefined) return refuse('not_member', 'there is no such member');
    if (member.status === 'joining') {
      return refuse('not_member', `${member.name} is only staged to join; a leave takes the join back`);
    }
  }
  const members = document.members.map((member) => (away.has(member.id) ? asDown(member) : member));
  if (members.every((member, at) => member === document.members[at])) return document;
  if (!members.some((member) => member.status === 'valid')) {
    return refuse('only_member', 'no member would be left that could own the ring');
  }
  const isStuck = ({ from, to }: PendingTransfer): boolean => away.has(from) || away.has(to);
  return withClaimant({
    ...document,
    members,
    pending: document.pending.filter((transfer) => !isStuck(transfer)),
    // It cannot hand over anything now.
    staged: document.staged.filter(
      (change) => !((change.kind === 'leave' || change.kind === 'replace') && away.has(change.node)),
    ),
  });
}

/** The same object when this member is not down. */
export function withoutDown(document: RingDocument, node: NodeId): RingDocument {
  if (memberOf(document, node)?.status !== 'down') return document;
  const members = document.members.map((member) => (member.id === node ? asBefore(member) : member));
  return { ...document, members };
}

function asDown(member: Member): Member {
  const { status } = member;
  return status === 'valid' || status === 'leaving' ? { ...member, status: 'down', was: status } : member;
}

function asBefore({ was, ...member }: Member): Member {
  return { ...member, status: was ?? 'valid' };
}
