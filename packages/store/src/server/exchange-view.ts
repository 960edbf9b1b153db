/** How the copies of all partitions stand to each other: what each member says of those that it compares, made one. */
import {
  combineByPartition,
  describeNoResult,
  exchangeStatusOf,
  memberName,
  type ComparedPartition,
  type ExchangeStatus,
  type Node,
  type NodeId,
} from '@rkv/core';
import type { ExchangeView } from '../admin/api.ts';
import type { ExchangeLoad } from '../admin/load-view.ts';

export async function exchangeOf(node: Node): Promise<ExchangeView> {
  const { document } = node;
  const paused: string[] = [];
  const failed: { node: string; reason: string }[] = [];
  const partitions: ComparedPartition[] = [];
  let differing = 0;
  const take = (name: string, status: ExchangeStatus): void => {
    if (status.paused) paused.push(name);
    differing += status.differing;
    partitions.push(...status.partitions);
  };
  const ask = (id: NodeId): Promise<void> =>
    new Promise((resolve) => {
      const name = memberName(document, id);
      const fail = (reason: string): void => {
        failed.push({ node: name, reason });
        resolve();
      };
      if (!node.isUp(id)) return fail('it is down');
      node.ask(id, 'exchange', null, (outcome) => {
        const status = outcome.kind === 'answered' ? exchangeStatusOf(outcome.body) : undefined;
        if (status === undefined) return fail(describeNoResult(outcome));
        take(name, status);
        resolve();
      });
    });
  await Promise.all(document.members.map(({ id }) => ask(id)));
  return {
    partitions: combineByPartition(partitions).toSorted(
      (a, b) => a.partition - b.partition || (a.service < b.service ? -1 : 1),
    ),
    differing,
    paused: paused.toSorted(),
    failed,
  };
}

/** Of this node alone. */
export function exchangeLoad({ exchange }: Node): ExchangeLoad {
  const { partitions, differing } = exchange.status();
  const ages = partitions.map(({ alikeMs }) => alikeMs);
  const oldestMs = ages.includes(null) ? undefined : Math.max(0, ...(ages as number[]));
  return { ...exchange.totals, partitions, differing, oldestMs };
}
