/** How the copies of all partitions stand to each other: what each member says of those that it compares, made one. */
import {
  bothCompared,
  describeNoResult,
  exchangeStatusOf,
  memberName,
  type ComparedPartition,
  type ExchangeStatus,
  type Node,
  type NodeId,
} from '@rkv/core';
import type { ExchangeLoad, ExchangeView } from '../admin/api.ts';

export async function exchangeOf(node: Node): Promise<ExchangeView> {
  const { document } = node;
  const paused: string[] = [];
  const failed: { node: string; reason: string }[] = [];
  const partitions = new Map<string, ComparedPartition>();
  let differing = 0;
  const take = (name: string, status: ExchangeStatus): void => {
    if (status.paused) paused.push(name);
    differing += status.differing;
    for (const compared of status.partitions) {
      const key = `${compared.service}/${compared.partition}`;
      const before = partitions.get(key);
      partitions.set(key, before === undefined ? compared : bothCompared(before, compared));
    }
  };
  const ask = (id: NodeId): Promise<void> =>
    new Promise((resolve) => {
      const name = memberName(document, id);
      const fail = (reason: string): void => {
        failed.push({ node: name, reason });
        resolve();
      };
      if (!node.isUp(id)) return fail('is down');
      node.ask(id, 'exchange', null, (outcome) => {
        const status = outcome.kind === 'answered' ? exchangeStatusOf(outcome.body) : undefined;
        if (status === undefined) return fail(describeNoResult(outcome));
        take(name, status);
        resolve();
      });
    });
  await Promise.all(document.members.map(({ id }) => ask(id)));
  return {
    partitions: [...partitions.values()].toSorted(
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
  const ages = partitions.map(({ comparedMs }) => comparedMs);
  const oldestMs = ages.includes(null) ? undefined : Math.max(0, ...(ages as number[]));
  return { ...exchange.totals, differing, oldestMs };
}
