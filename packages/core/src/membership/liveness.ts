/**
 * Who is up: a failure detector by heartbeats, kind to its own stalls.
 *
 * A peer is up from the moment it is heard, and down once it has been silent for too long or its connection is
 * seen to end. When this very node stood still (a long pause between two ticks), what the peers said meanwhile
 * lies unread: the pause is not counted as their silence.
 *
 * Source: plain heartbeats, as Riak's node watcher on Erlang's net ticks; PROTOCOLS 7 (last sentence).
 * Not promised: that a peer called down is dead, or that two nodes think alike. Nothing here decides who is a member.
 */
import type { NodeId } from '../contracts/ids.ts';
import type { MembershipPreset } from './preset.ts';

export interface LivenessChange {
  readonly node: NodeId;
  readonly up: boolean;
}

export type LivenessTiming = Pick<MembershipPreset, 'tickIntervalMs' | 'suspectAfterMs' | 'stallMs'>;

export class Liveness {
  readonly #timing: LivenessTiming;
  /** Those who are up, and when each was last heard. */
  readonly #heardAt = new Map<NodeId, number>();
  #watched: ReadonlySet<NodeId> = new Set();
  #lastTick: number | undefined;

  constructor(timing: LivenessTiming) {
    this.#timing = timing;
  }

  /** True for a peer heard of late, whether watched or not. */
  isUp(node: NodeId): boolean {
    return this.#heardAt.has(node);
  }

  isWatched(node: NodeId): boolean {
    return this.#watched.has(node);
  }

  /** Report changes of exactly these from now on. */
  watch(nodes: ReadonlySet<NodeId>): LivenessChange[] {
    const before = this.#watched;
    this.#watched = nodes;
    return [...nodes].flatMap((node) => (before.has(node) || !this.isUp(node) ? [] : [{ node, up: true }]));
  }

  heard(node: NodeId, now: number): LivenessChange[] {
    const wasUp = this.isUp(node);
    this.#heardAt.set(node, now);
    return wasUp ? [] : this.#report(node, true);
  }

  connectionLost(node: NodeId): LivenessChange[] {
    return this.#becomeDown(node);
  }

  tick(now: number): LivenessChange[] {
    this.#forgiveStall(now);
    this.#lastTick = now;
    const changes: LivenessChange[] = [];
    for (const [node, heardAt] of this.#heardAt) {
      if (now - heardAt > this.#timing.suspectAfterMs) changes.push(...this.#becomeDown(node));
    }
    return changes;
  }

  /** Time in which we did not run moves everybody's last word forward by as much. */
  #forgiveStall(now: number): void {
    if (this.#lastTick === undefined) return;
    const gap = now - this.#lastTick;
    if (gap <= this.#timing.stallMs) return;
    const excused = gap - this.#timing.tickIntervalMs;
    for (const [node, heardAt] of this.#heardAt) this.#heardAt.set(node, Math.min(now, heardAt + excused));
  }

  #becomeDown(node: NodeId): LivenessChange[] {
    return this.#heardAt.delete(node) ? this.#report(node, false) : [];
  }

  #report(node: NodeId, up: boolean): LivenessChange[] {
    return this.#watched.has(node) ? [{ node, up }] : [];
  }
}
