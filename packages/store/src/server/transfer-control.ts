/** What an operator wants of transfers or of the exchange, carried to the members that it is about. */
import { memberName, type ExchangeWish, type Node, type NodeId, type TransferWish } from '@rkv/core';
import { AdminError } from '../admin/admin-error.ts';
import type { ScrubWish } from './scrub-view.ts';

/** What each of the members answered, and why others did not. */
export interface WishOutcome {
  readonly nodes: readonly ({ readonly node: string } & Readonly<Record<string, unknown>>)[];
  readonly failed: readonly { readonly node: string; readonly reason: string }[];
}

/** Ask these members. Rejects with `AdminError` when none of them has done it. */
export async function askMembers(
  node: Node,
  members: readonly NodeId[],
  ...[topic, wish]: ['wish', TransferWish] | ['exchangeWish', ExchangeWish] | ['scrub', ScrubWish]
): Promise<WishOutcome> {
  const { document } = node;
  const nodes: WishOutcome['nodes'][number][] = [];
  const failed: WishOutcome['failed'][number][] = [];
  const ask = (member: NodeId): Promise<void> =>
    new Promise((resolve) => {
      const name = memberName(document, member);
      node.ask(member, topic, wish, (outcome) => {
        if (outcome.kind === 'answered') nodes.push({ node: name, ...(outcome.body as object) });
        else {
          const reason = outcome.kind === 'refused' ? outcome.message : outcome.reason;
          failed.push({ node: name, reason });
        }
        resolve();
      });
    });
  await Promise.all(members.map(ask));
  if (nodes.length > 0) return { nodes: nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1)), failed };
  throw new AdminError('refused', failed.map(({ node: name, reason }) => `'${name}': ${reason}`).join('; '));
}
