/** The store as a service on the ring: its name, its wire, its vnodes. */
import type { HybridClock, VnodeModule } from '@rkv/core';
import { kvCodec, type KvCommand, type KvReply } from './commands.ts';
import { inFlightBudget, KvVnode } from './kv-vnode.ts';
import type { TidyCounts } from './tidying.ts';

export const KV_SERVICE = 'rkv';

/** `clock` is the node's one clock of stamps: vnodes tell it what they see. `counts`: what they have tidied up so far. */
export function kvModule(
  clock: HybridClock,
  counts: TidyCounts = { swept: 0, reaped: 0 },
): VnodeModule<KvCommand, KvReply> {
  const inFlight = inFlightBudget();
  return {
    name: KV_SERVICE,
    codec: kvCodec,
    merges: (command) => command.kind === 'merge',
    reopens: true,
    open: (context) => new KvVnode(context, clock, inFlight, counts),
  };
}
