/**
 * A ring of another size being filled, as the side that fills sees it: which transfers bring what, and whether all of
 * it has come. Pure.
 *
 * Each place of the coming ring is filled by transfers from as many places of the serving one as hold a copy that
 * belongs in the same position there (ring/ranges.ts). It is full while each of them has brought everything and is
 * still there to pass on what changes; a node says so to the claimant as long as it holds, and the ring switches when all
 * nodes say it at one time. Should one break unheard, its source knows that it was not proven complete, and hands over
 * as hints what it holds.
 *
 * Source: rules 9; decision 0009.
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import { replicasMax, type PendingResize, type RingDocument } from '../ring/document.ts';
import { ringBits } from '../ring/hash-space.ts';
import { placesOwed } from '../ring/ranges.ts';
import type { TransferableVnode } from './port.ts';

/** What one place of the serving ring gives to one of the coming ring. */
export interface Filling {
  readonly source: Place;
  readonly target: Place;
  /** Who owns the source, and who will own the target. */
  readonly from: NodeId;
  readonly to: NodeId;
  readonly ranges: readonly HashRange[];
}

/** All that is to come about before a ring can take its other size; for a ring that is not being resized none. */
export function fillingsOf(document: RingDocument): readonly Filling[] {
  const { resize } = document;
  if (resize === undefined) return [];
  const known = cache.get(resize);
  if (known !== undefined && known.owners === document.owners) return known.fillings;
  const fillings = [...computeFillings(document, resize)];
  cache.set(resize, { owners: document.owners, fillings });
  return fillings;
}

/** It is asked for at every look at the transfers, and a document lives long. */
const cache = new WeakMap<
  PendingResize,
  { readonly owners: readonly NodeId[]; readonly fillings: readonly Filling[] }
>();

function* computeFillings(document: RingDocument, resize: PendingResize): Generator<Filling> {
  const bits = ringBits(resize.ringSize);
  const n = replicasMax(document);
  for (const [partition, from] of document.owners.entries()) {
    const source: Place = { ringBits: ringBits(document.ringSize), partition: partition as PartitionId };
    for (const { target, ranges } of placesOwed(source, bits, n))
      yield { source, target, from, to: resize.owners[target.partition] as NodeId, ranges };
  }
}

/** A transfer out of this node, as far as it matters here. */
interface Filler {
  readonly kind: string;
  readonly target: Place;
  readonly vnode: TransferableVnode;
  /** It is complete, and all that was ever passed on is acknowledged. */
  readonly machine: { readonly quiet: boolean };
}

/**
 * Sources of a ring that is past which are redundant in this one: each of their transfers is quiet. What any other holds
 * goes as hints.
 */
export function provenSources(document: RingDocument, transfers: Iterable<Filler>): Set<TransferableVnode> {
  const bits = ringBits(document.ringSize);
  const quiet = new Map<TransferableVnode, number>();
  for (const { kind, target, vnode, machine } of transfers)
    if (kind === 'resize' && target.ringBits === bits && machine.quiet)
      quiet.set(vnode, (quiet.get(vnode) ?? 0) + 1);
  const n = replicasMax(document);
  return new Set(
    [...quiet].flatMap(([vnode, count]) =>
      count === placesOwed(vnode.place, bits, n).length ? [vnode] : [],
    ),
  );
}
