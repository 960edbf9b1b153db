/** Scrubs of all members, as an operator asks for them: each member begins its own, and tells how far its vnodes are. */
import type { Node } from '@rkv/core';
import type { ScrubbedVnode, ScrubView } from '../admin/api.ts';
import { KV_SERVICE, KvVnode } from '../kv/index.ts';

export interface ScrubWish {
  /** Where none is running. */
  readonly begin: boolean;
}

/** This node answers such questions from now on. */
export function answerAboutScrubs(node: Node): void {
  node.answer('scrub', (body, answer) => {
    const isBeginning = (body as Partial<ScrubWish> | null)?.begin === true;
    const vnodes = node.places.flatMap(({ partition }) => {
      const vnode = node.vnode(KV_SERVICE, partition)?.vnode;
      return vnode instanceof KvVnode ? [scrubbed(vnode, partition, isBeginning)] : [];
    });
    answer({ kind: 'answered', body: { vnodes } });
  });
}

function scrubbed(vnode: KvVnode, partition: number, isBeginning: boolean): Omit<ScrubbedVnode, 'node'> {
  if (isBeginning) vnode.scrub();
  return { partition, ...vnode.scrubbed };
}

/** What the members have answered, made one. */
export function scrubView({
  nodes,
  failed,
}: {
  readonly nodes: readonly ({ readonly node: string } & Readonly<Record<string, unknown>>)[];
  readonly failed: ScrubView['failed'];
}): ScrubView {
  const vnodes = nodes.flatMap(({ node, vnodes: ofNode }) =>
    Array.isArray(ofNode) ? ofNode.map((one: object) => ({ node, ...one }) as ScrubbedVnode) : [],
  );
  return { vnodes: vnodes.toSorted((a, b) => a.partition - b.partition), failed };
}
