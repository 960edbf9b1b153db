/**
 * Down: a member that is away, and that an operator has said not to wait for. Pure.
 *
 * It keeps what it owns, since its disk still holds it, and the others stand in with hints as for any node that they
 * cannot reach. But it has no vote, so the others can agree without it, and if it was the claimant a full member takes
 * over. Nothing moves from or to it: a transfer that could only wait is taken out of `pending`, and its partition stays
 * where it is. Once the member is back it reports so itself (reports.ts) and has its old status again; the next plan
 * finds what was to move.
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
