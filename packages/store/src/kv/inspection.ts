/**
 * What each of some replicas holds under a key, asked of all at once; told when all have spoken or time is up.
 *
 * For an operator who looks: unlike a read it takes nobody's word for another's, and no silence ends it early.
 */
import type { Refusal, Replica, ReplicaRequest, VnodeRole } from '@rkv/core';
import { problemOf } from '../entry/check.ts';
import { payloadStart } from '../entry/layout.ts';
import type { InspectCommand, InspectedReply, KvReply } from './commands.ts';
import type { Coordinator, PlacedKey } from './coordinator.ts';

/** What one of them said, or why it said nothing. */
export type Inspection =
  | {
      readonly kind: 'inspected';
      readonly replica: Replica;
      readonly reply: InspectedReply;
      /** It speaks as a stand-in or cannot prove that it holds everything. */
      readonly standIn: boolean;
    }
  | { readonly kind: 'silent'; readonly replica: Replica; readonly why: string };

const PATIENCE_MS = 1_000;

/** Ask each of these replicas what it holds under the key. `done` is called once, with an entry for each of them. */
export function inspect(
  { port }: Coordinator,
  placed: PlacedKey,
  replicas: readonly Replica[],
  done: (inspections: readonly Inspection[]) => void,
): void {
  const silent = (replica: Replica, why: string): Inspection => ({ kind: 'silent', replica, why });
  const found = replicas.map((replica) => silent(replica, 'no answer in time'));
  if (replicas.length === 0) return done(found);
  if (port.full)
    return done(replicas.map((replica) => silent(replica, 'this node has too many requests open')));
  let open = replicas.length;
  const end = (): void => {
    port.close(id);
    done(found);
  };
  const settle = (at: number, inspection: Inspection): void => {
    found[at] = inspection;
    if (--open === 0) end();
  };
  const fail = (at: number, why: string): void => settle(at, silent(replicas[at] as Replica, why));
  const request: ReplicaRequest<KvReply> = {
    onReply(at, reply, standIn) {
      if (reply.kind !== 'inspected') return fail(at, 'its answer makes no sense');
      settle(at, { kind: 'inspected', replica: replicas[at] as Replica, reply, standIn });
    },
    onRefused: (at: number, why: Refusal) => fail(at, `refused: ${why}`),
    onFailed: (at, sent) => fail(at, sent ? 'its connection broke or it failed' : 'cannot be reached'),
    onAlarm: end,
    onRingChanged() {},
  };
  const id = port.open(request);
  port.alarm(id, PATIENCE_MS);
  const command: InspectCommand = { kind: 'inspect', ...placed };
  replicas.forEach((replica, at) => port.send(id, at, replica, command, PATIENCE_MS));
}

/** What a vnode tells of this entry of a key. */
export function inspectedReply(
  key: string,
  entry: Uint8Array | undefined,
  inFlight: boolean,
  role: VnodeRole,
): InspectedReply {
  const damage = entry === undefined ? undefined : problemOf(key, entry);
  const head = entry === undefined || damage !== undefined ? undefined : entry.slice(0, payloadStart(entry));
  return { kind: 'inspected', role, bytes: entry?.length ?? 0, head, damage, inFlight };
}
