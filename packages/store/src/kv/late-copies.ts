/**
 * Copies that come late: once the asker has its answer, an entry is sent to replicas that lack it. After a read that is
 * read repair; after a write it is the hint for a copy that did not come.
 *
 * Source: Dynamo 4.5 and 4.6. Not promised: that it arrives, or is tried by a node that is full; anti-entropy is for that.
 */
import type { Refusal, Replica, ReplicaRequest } from '@rkv/core';
import type { KvReply, MergeCommand } from './commands.ts';
import type { Coordinator, PlacedKey } from './coordinator.ts';

const GIVE_UP_MS = 1_000;

/** `entry` is kept. */
export function sendLate(
  coordinator: Coordinator,
  placed: PlacedKey,
  entry: Uint8Array,
  to: readonly Replica[],
): void {
  const { port } = coordinator;
  if (to.length === 0 || port.full) return;
  const command: MergeCommand = { kind: 'merge', ...placed, entry };
  let open = to.length;
  const settled = (): void => {
    if (--open === 0) port.close(id);
  };
  const request: ReplicaRequest<KvReply> = {
    onReply: settled,
    onRefused: (_at: number, _why: Refusal) => settled(),
    onFailed: settled,
    onAlarm: () => port.close(id),
    onRingChanged: () => {},
  };
  const id = port.open(request);
  port.alarm(id, GIVE_UP_MS);
  to.forEach((replica, at) => port.send(id, at, replica, command, GIVE_UP_MS));
}
