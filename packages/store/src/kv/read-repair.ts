/**
 * Repair of one key: what a read found, or a write could not bring to all, is sent to replicas that lack it, after the asker has
 * its answer.
 *
 * Source: Dynamo 4.5. Not promised: that it arrives, or is tried by a node that is full; anti-entropy is for that.
 */
import type { Refusal, Replica, ReplicaRequest } from '@rkv/core';
import type { KvReply, MergeCommand } from './commands.ts';
import type { Coordinator, PlacedKey } from './coordinator.ts';

const GIVE_UP_MS = 1_000;

/** `entry` is kept. */
export function repair(
  coordinator: Coordinator,
  placed: PlacedKey,
  entry: Uint8Array,
  behind: readonly Replica[],
): void {
  const { port } = coordinator;
  if (behind.length === 0 || port.full) return;
  const command: MergeCommand = { kind: 'merge', ...placed, entry };
  let open = behind.length;
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
  behind.forEach((replica, at) => port.send(id, at, replica, command, GIVE_UP_MS));
}
