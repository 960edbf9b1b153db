/**
 * The port through which a coordinator reaches the vnodes of its service, and the duties of a request on it.
 *
 * A request is a machine: it sends commands to replicas through the port and is called back when they reply,
 * refuse, fail, or when its alarm rings. Whatever the network does, each send ends in exactly one of those calls
 * unless the request is closed first. Calls may come before `send` returns (the replica is on this node).
 */
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Refusal } from '../contracts/vnode.ts';
import type { Replica } from '../ring/preference-list.ts';
import type { RingDocument } from '../ring/document.ts';
import type { CountedList } from './quorum.ts';

/** A request that waits for replicas. `at` is the replica's place in its list; each is told of once. */
export interface ReplicaRequest<Reply> {
  /** `reply` may be borrowed: valid during the call. `standIn`: a fallback or a partial vnode answered. */
  onReply(at: number, reply: Reply, standIn: boolean): void;
  /** The replica refused: it stored nothing. */
  onRefused(at: number, why: Refusal): void;
  /**
   * No answer will come. `sent`: the replica may have got the command and acted on it. `crowded`: it has, and there was
   * no room for its answer on the way back; asking again later may help.
   */
  onFailed(at: number, sent: boolean, crowded?: boolean): void;
  /** The partition has moved. What was to be merged is kept there as a hint; it may have taken effect, and counts for nothing. */
  onKept?(at: number): void;
  /** The alarm set by `alarm` rings, once. */
  onAlarm(): void;
  /** This node has a new ring, or other nodes count as up: lists taken before are of yesterday. */
  onRingChanged(): void;
  /** A node went away: its replicas that were asked and have not answered are reported by `onFailed` after this. */
}

/** Names an open request; zero is none. */
export type RequestId = number;

/** How requests of one service reach its vnodes, on this node and on others. */
export interface ServicePort<Command, Reply> {
  readonly self: NodeId;
  readonly epoch: Epoch;
  readonly document: RingDocument;
  /** This node has as many requests open as it takes: a new one is refused with `overload`. Ask before `open`. */
  readonly full: boolean;
  /** The preference list of the n partitions from `first` on, under the ring and the live nodes of now. */
  list(first: PartitionId, n: number): CountedList;
  open(request: ReplicaRequest<Reply>): RequestId;
  /** After this the request is not called any more. */
  close(id: RequestId): void;
  /**
   * `at` is the replica's position in the list, told back with its answer. Whoever answers holds nothing for the asker
   * after `remainingMs`, nor after a minute. `trace`: the name under which whoever handles it logs it.
   */
  send(
    id: RequestId,
    at: number,
    replica: Replica,
    command: Command,
    remainingMs: number,
    trace?: string,
  ): void;
  /** Ring `onAlarm` in about this time; a later call replaces an earlier one. */
  alarm(id: RequestId, delayMs: number): void;
}
