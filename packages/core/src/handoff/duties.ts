/**
 * What a node owes: every transfer that should run out of it under its ring, whether it does or not. Pure.
 *
 * ownership   a pending entry of the ring moves a partition of ours to another node
 * hinted      a vnode here holds items though another node owns its partition: a stand-in's hints, or what a node
 *             held before it joined
 *
 * Each is from a place here to a place there, and of certain ranges of hashes.
 *
 * Source: Riak Core's riak_core_handoff_manager; PROTOCOLS 9.
 */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { HashRange, Place } from '../contracts/store.ts';
import type { RingDocument } from '../ring/document.ts';
import { ringBits } from '../ring/hash-space.ts';
import { ALL_HASHES } from '../ring/ranges.ts';
import type { TransferableVnode } from './port.ts';

export type TransferKind = 'ownership' | 'hinted';

export interface Duty {
  readonly kind: TransferKind;
  readonly service: string;
  readonly source: Place;
  readonly target: Place;
  readonly to: NodeId;
  /** What is handed over, in hash order. */
  readonly ranges: readonly HashRange[];
}

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
  for (const { standing, service, place, vnode } of vnodes) {
    if (standing !== 'hint' || vnode.isEmpty()) continue;
    const to = document.owners[place.partition] as NodeId;
    duties.push({ kind: 'hinted', service, source: place, target: place, to, ranges: EVERYTHING });
  }
  return duties;
}

/** The same for two duties that are one. */
export function dutyKey({ kind, service, source, target, to }: Duty): string {
  return `${kind}/${service}/${placeKey(source)}/${placeKey(target)}/${to}`;
}

export function isSamePlace(a: Place, b: Place): boolean {
  return a.partition === b.partition && a.ringBits === b.ringBits;
}

function placeKey({ ringBits: bits, partition }: Place): string {
  return `${bits}:${partition}`;
}
