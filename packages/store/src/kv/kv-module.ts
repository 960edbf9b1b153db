/** The store as a service on the ring: its name, its wire, its vnodes. */
import type { HybridClock, VnodeModule } from '@rkv/core';
import { kvCodec } from './command-wire.ts';
import type { KvCommand, KvReply } from './commands.ts';
import { TIMEOUT_MS_MAX } from './api.ts';
import { inFlightBudget } from './byte-budget.ts';
import { ChangeDesk } from './change-desk.ts';
import { FlushDesk } from './flush-desk.ts';
import { KvVnode, type SharedByVnodes } from './kv-vnode.ts';

/** The name of the store on the ring. */
export const KV_SERVICE = 'rkv';

/**
 * `clock` is the node's one clock of stamps: vnodes tell it what they see. Attach the node's coordinator to the desk once
 * that is there.
 */
export function kvModule(
  clock: HybridClock,
  {
    desk = new ChangeDesk(),
    onUnsound,
    counts = { swept: 0, reaped: 0 },
  }: Omit<SharedByVnodes, 'inFlight' | 'flushes'> = {},
): VnodeModule<KvCommand, KvReply> {
  const inFlight = inFlightBudget();
  const flushes = new FlushDesk(clock);
  return {
    name: KV_SERVICE,
    codec: kvCodec,
    merges: (command) => command.kind === 'merge',
    fences: isFenced,
    fencedForMs: TIMEOUT_MS_MAX,
    reopens: true,
    open: (context) => new KvVnode(context, clock, { desk, flushes, inFlight, onUnsound, counts }),
  };
}

/** Whatever counts in a majority of a strict key. */
function isFenced(command: KvCommand): boolean {
  if (command.kind === 'get' || command.kind === 'change') return command.strict === true;
  return command.kind === 'prepare' || command.kind === 'accept';
}
