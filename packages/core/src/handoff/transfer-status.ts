/** What is told of a transfer: which it is, how far it has come, how fast, and why it waits. */
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Duty, TransferKind } from './duties.ts';
import type { OutboundTransfer } from './outbound-transfer.ts';
import type { Rate } from './rate.ts';

/** Which transfer: of what, and whose it will be. */
export interface TransferName {
  readonly kind: TransferKind;
  readonly service: string;
  /** Where it goes, in the ring that the items are for. */
  readonly partition: PartitionId;
  readonly sourcePartition: PartitionId;
  readonly from: NodeId;
  readonly to: NodeId;
}

export interface TransferStatus extends TransferName {
  /** Acknowledged: the receiver was sent them, or held them already. */
  readonly items: number;
  readonly bytes: number;
  /** Of the walk, how many of them, and of about how many, where the module can tell. */
  readonly walked: number;
  readonly total: number | undefined;
  readonly itemsSent: number;
  readonly bytesSent: number;
  /** Over the last seconds. */
  readonly itemsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly sinceMs: number;
  /** At this rate; undefined: nobody can tell. */
  readonly etaMs: number | undefined;
  /** What holds it up though it runs. */
  readonly note: string | undefined;
}

export interface WaitingTransfer extends TransferName {
  readonly reason: string;
  /** How long it has been waiting for that. */
  readonly sinceMs: number;
  /** Undefined: it goes on when the cause is gone. */
  readonly retryInMs: number | undefined;
}

/** What the status of a running transfer is made of. */
export interface Measured extends Duty {
  readonly machine: OutboundTransfer;
  readonly rate: Rate;
  readonly total: number | undefined;
  readonly begunAt: number;
}

/** Whether two are told of one transfer. */
export function isSameTransfer(a: TransferName, b: TransferName): boolean {
  return (
    a.kind === b.kind &&
    a.service === b.service &&
    a.partition === b.partition &&
    a.sourcePartition === b.sourcePartition &&
    a.from === b.from &&
    a.to === b.to
  );
}

/** By what an operator knows a transfer. */
export function nameOf(from: NodeId, { kind, service, source, target, to }: Duty): TransferName {
  const { partition } = target;
  return { kind, service, partition, sourcePartition: source.partition, from, to };
}

/** A transfer as an operator sees it: its name, what has passed, how fast, and for how long it goes on. */
export function statusOf(
  from: NodeId,
  transfer: Measured,
  note: string | undefined,
  now: number,
): TransferStatus {
  const { machine, rate, total, begunAt } = transfer;
  const progress = machine.progress;
  const perSecond = rate.of(now, progress.items, progress.bytes);
  const left = total === undefined ? undefined : Math.max(0, total - progress.walked);
  return {
    ...nameOf(from, transfer),
    ...progress,
    total,
    itemsPerSecond: Math.round(perSecond.items),
    bytesPerSecond: Math.round(perSecond.bytes),
    sinceMs: Math.round(now - begunAt),
    etaMs:
      left === undefined || perSecond.items <= 0 ? undefined : Math.round((left / perSecond.items) * 1_000),
    note,
  };
}
