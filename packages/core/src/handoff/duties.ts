/**
 * What a node owes: every transfer that should run out of it under its ring, whether it does or not. Pure.
 *
 * ownership   a pending entry of the ring moves a partition of ours to another node
 * hinted      a vnode here holds items though another node owns its partition: a stand-in's hints, or what a node
 *             held before it joined, or what a place of a ring of another size still holds
 * resize      a vnode of ours fills places of a ring of another size (filling.ts)
 *
 * Each is from a place here to a place there, and of certain ranges of hashes.
 *
 * Source: Riak Core's riak_core_handoff_manager; rules 9.
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import { REPLICAS_MAX } from '../ring/buckets.ts';
import { replicasMax, type RingDocument } from '../ring/document.ts';
import { ringBits } from '../ring/hash-space.ts';
import { ALL_HASHES, placesOwed } from '../ring/ranges.ts';
import { fillingsOf } from './filling.ts';
import type { TransferableVnode } from './port.ts';

/** Why data moves: a new owner, a stand-in that gives back, a copy asked for, another ring size. */
export type TransferKind = 'ownership' | 'hinted' | 'repair' | 'resize';

/** One transfer that this node has to make. */
export interface Duty {
  readonly kind: TransferKind;
  readonly service: string;
  readonly source: Place;
  readonly target: Place;
  readonly to: NodeId;
  /** What is handed over, in hash order. */
  readonly ranges: readonly HashRange[];
}

/** All that tells which transfers those are. */
export interface Situation {
  readonly self: NodeId;
  readonly document: RingDocument;
  readonly services: readonly string[];
  readonly vnodes: readonly TransferableVnode[];
}

const EVERYTHING: readonly HashRange[] = [ALL_HASHES];

/** In the order in which they should be begun. */
export function dutiesOf({ self, document, services, vnodes }: Situation): Duty[] {
  const duties: Duty[] = [];
  const within = (partition: PartitionId): Place => ({ ringBits: ringBits(document.ringSize), partition });
  for (const { partition, from, to } of document.pending) {
    if (from !== self) continue;
    const place = within(partition);
    for (const service of services)
      duties.push({ kind: 'ownership', service, source: place, target: place, to, ranges: EVERYTHING });
  }
  for (const { source, target, from, to, ranges } of fillingsOf(document)) {
    if (from !== self) continue;
    for (const service of services) duties.push({ kind: 'resize', service, source, target, to, ranges });
  }
  for (const vnode of vnodes)
    if (vnode.standing === 'hint' && !vnode.vnode.isEmpty()) duties.push(...hintsOf(vnode, document));
  return duties;
}

/** To the owner of its partition; of a place of another ring size, to those of the places that its copies belong in now. */
function hintsOf({ service, place, vnode }: TransferableVnode, document: RingDocument): Duty[] {
  const bits = ringBits(document.ringSize);
  const targets =
    place.ringBits === bits
      ? [{ target: place, ranges: EVERYTHING }]
      : placesLeft(vnode, place, bits, replicasMax(document));
  return targets.map(({ target, ranges }) => {
    const to = document.owners[target.partition] as NodeId;
    return { kind: 'hinted', service, source: place, target, to, ranges };
  });
}

/**
 * Those places for which something is left. What is left may be copies further down their lists than any bucket has them
 * now, of the time of a larger n. Should there be none, what is left is a riddle, and all are told of it.
 */
function placesLeft(
  vnode: TransferableVnode['vnode'],
  place: Place,
  bits: number,
  n: number,
): ReturnType<typeof placesOwed> {
  const places = placesOwed(place, bits, n);
  for (const owed of [places, placesOwed(place, bits, REPLICAS_MAX)]) {
    const left = owed.filter(({ ranges }) => vnode.countItems?.(ranges) !== 0);
    if (left.length > 0) return left;
  }
  return places;
}

/** The same for two duties that are one. */
export function dutyKey({ kind, service, source, target, to }: Duty): string {
  return `${kind}/${service}/${placeKey(source)}/${placeKey(target)}/${to}`;
}

/** Whether both are the same partition of a ring of the same size. */
export function isSamePlace(a: Place, b: Place): boolean {
  return a.partition === b.partition && a.ringBits === b.ringBits;
}

function placeKey({ ringBits: bits, partition }: Place): string {
  return `${bits}:${partition}`;
}
