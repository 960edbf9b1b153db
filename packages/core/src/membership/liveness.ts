/**
 * Who is up: a failure detector by heartbeats that adapts to the way, is kind to its own stalls, and believes the deaf.
 *
 * A peer is up while it is heard and hears us. It is down
 *   - when it has been silent for longer than its heartbeats have ever led us to expect (heartbeat-gaps.ts);
 *   - at once when its connection is seen to end;
 *   - when it keeps saying that it does not hear us: what we ask of it is lost, however well we hear it. So both ends of
 *     a way that is cut in one direction take each other for down.
 * It is up again with its first word, because fallbacks and hints wait for it. One that comes and goes must first hold
 * out, twice as long each time; that is forgotten in about a minute of peace.
 *
 * When this very node stood still (a long pause between two events), what the peers said meanwhile lies unread: the pause
 * is not counted as their silence. What they say of *us* then is true and old: it is believed once it lasts.
 *
 * A peer whose event loop is late says so in its heartbeats. It is up and slow: shown, and otherwise treated as ever.
 *
 * Source: heartbeat-gaps.ts for the time; the deaf bit is what SWIM's indirect probes find out, said by the one who knows;
 * damping as for routes (RFC 2439). rules 7 (last sentence). No clock but `now`, no chance.
 * Not promised: that a peer called down is dead, or that two nodes think alike. Nothing here decides who is a member.
 */
import type { NodeId } from '../contracts/ids.ts';
import { HeartbeatGaps } from './heartbeat-gaps.ts';
import type { MembershipPreset } from './preset.ts';

export interface LivenessChange {
  readonly node: NodeId;
  readonly up: boolean;
}

/** What a heartbeat says that concerns its sender's health. What is left out is well. */
export interface HealthWord {
  /** Whether its sender hears the addressee. */
  readonly hears?: boolean;
  /** How late its sender's ticks are of late, ms. */
  readonly lagMs?: number;
}

export type LivenessTiming = Pick<
  MembershipPreset,
  | 'tickIntervalMs'
  | 'heartbeatIntervalMs'
  | 'suspectLeastMs'
  | 'suspectFirstMs'
  | 'suspectMostMs'
  | 'stallMs'
  | 'slowLagMs'
  | 'flapMemoryMs'
>;

interface Peer {
  readonly gaps: HeartbeatGaps;
  heardAt: number;
  /** Heard, and not silent since. */
  present: boolean;
  /** Since when it has said without a break that it does not hear us. */
  deafSince: number | undefined;
  /** Present and not deaf, since then. */
  goodSince: number | undefined;
  up: boolean;
  lagMs: number;
  /** How often it went down, fading; as of `fellAt`. */
  falls: number;
  fellAt: number;
}

/** A node that was up and says it is deaf has so many heartbeats' time: what we sent may be under way. */
const DEAF_HEARTBEATS = 2;
/** So many falls cost nothing: a node that is restarted twice is no flapping one. */
const FREE_FALLS = 2;
/** The next costs so many heartbeats of proof, each further one twice as many as the one before. */
const PROOF_HEARTBEATS = 2;
const PROOF_HEARTBEATS_MAX = 32;
/** Our own lag is averaged over about so many ticks: five seconds of 50 ms. */
const LAG_TICKS = 100;

export class Liveness {
  readonly #timing: LivenessTiming;
  readonly #peers = new Map<NodeId, Peer>();
  #watched: ReadonlySet<NodeId> = new Set();
  #awakeAt: number | undefined;
  #tickedAt: number | undefined;
  #lag = 0;

  constructor(timing: LivenessTiming) {
    this.#timing = timing;
  }

  /** True for a peer that is up, whether watched or not. */
  isUp(node: NodeId): boolean {
    return this.#peers.get(node)?.up === true;
  }

  /** Up, and its event loop has been late for seconds. */
  isSlow(node: NodeId): boolean {
    const peer = this.#peers.get(node);
    return peer?.up === true && peer.lagMs > this.#timing.slowLagMs;
  }

  isWatched(node: NodeId): boolean {
    return this.#watched.has(node);
  }

  /** What to tell this peer of our health. */
  wordFor(node: NodeId): HealthWord {
    return { hears: this.#peers.get(node)?.present === true, lagMs: this.lagMs };
  }

  /** How late our own ticks are of late, whole ms. */
  get lagMs(): number {
    return Math.round(this.#lag);
  }

  /** The silence after which this peer would be suspected, ms. */
  patienceMs(node: NodeId): number | undefined {
    return this.#peers.get(node)?.gaps.patienceMs;
  }

  /** Report changes of exactly these from now on. */
  watch(nodes: ReadonlySet<NodeId>): LivenessChange[] {
    const before = this.#watched;
    this.#watched = nodes;
    return [...nodes].flatMap((node) => (before.has(node) || !this.isUp(node) ? [] : [{ node, up: true }]));
  }

  /** Any word of a peer; `word` when it was a heartbeat. */
  heard(node: NodeId, now: number, word?: HealthWord): LivenessChange[] {
    this.#awake(now);
    const peer = this.#peers.get(node) ?? this.#meet(node, now);
    peer.heardAt = now;
    peer.present = true;
    if (word !== undefined) {
      peer.gaps.note(now);
      peer.lagMs = word.lagMs ?? 0;
      if (word.hears === false) peer.deafSince ??= now;
      else peer.deafSince = undefined;
    }
    return this.#judge(node, peer, now);
  }

  connectionLost(node: NodeId, now: number): LivenessChange[] {
    const peer = this.#peers.get(node);
    if (peer === undefined) return [];
    peer.present = false;
    peer.gaps.interrupt();
    return this.#judge(node, peer, now);
  }

  tick(now: number): LivenessChange[] {
    this.#awake(now);
    this.#noteLag(now);
    const changes: LivenessChange[] = [];
    for (const [node, peer] of this.#peers) {
      if (now - peer.heardAt > peer.gaps.patienceMs) peer.present = false;
      changes.push(...this.#judge(node, peer, now));
      if (!peer.present && !this.#watched.has(node)) this.#peers.delete(node);
    }
    return changes;
  }

  /** Time in which we did not run moves everybody's last word forward by as much. */
  #awake(now: number): void {
    const gap = now - (this.#awakeAt ?? now);
    this.#awakeAt = now;
    if (gap <= this.#timing.stallMs) return;
    const excused = gap - this.#timing.tickIntervalMs;
    for (const peer of this.#peers.values()) {
      peer.heardAt = Math.min(now, peer.heardAt + excused);
      peer.gaps.excuse(excused);
      if (!isDeaf(peer, now - gap, this.#timing)) peer.deafSince = undefined;
    }
  }

  #noteLag(now: number): void {
    const late = now - (this.#tickedAt ?? now) - this.#timing.tickIntervalMs;
    this.#tickedAt = now;
    this.#lag += (Math.max(0, late) - this.#lag) / LAG_TICKS;
  }

  #meet(node: NodeId, now: number): Peer {
    const gaps = new HeartbeatGaps(this.#timing);
    const peer: Peer = {
      gaps,
      heardAt: now,
      present: true,
      deafSince: undefined,
      goodSince: undefined,
      up: false,
      lagMs: 0,
      falls: 0,
      fellAt: now,
    };
    this.#peers.set(node, peer);
    return peer;
  }

  /** The one place where a peer goes up or down. */
  #judge(node: NodeId, peer: Peer, now: number): LivenessChange[] {
    // Whoever is down must be known to hear us before it counts; whoever is up has a moment to hear us again.
    const deaf = peer.up ? isDeaf(peer, now, this.#timing) : peer.deafSince !== undefined;
    if (peer.present && !deaf) peer.goodSince ??= now;
    else peer.goodSince = undefined;
    const up = peer.goodSince !== undefined && (peer.up || now - peer.goodSince >= this.#proofMs(peer, now));
    if (up === peer.up) return [];
    peer.up = up;
    if (!up) {
      peer.falls = this.#fallsOf(peer, now) + 1;
      peer.fellAt = now;
    }
    return this.#watched.has(node) ? [{ node, up }] : [];
  }

  /** Halved in each `flapMemoryMs`. */
  #fallsOf({ falls, fellAt }: Peer, now: number): number {
    return falls * 2 ** (-(now - fellAt) / this.#timing.flapMemoryMs);
  }

  #proofMs(peer: Peer, now: number): number {
    const again = Math.round(this.#fallsOf(peer, now)) - FREE_FALLS;
    if (again < 1) return 0;
    const heartbeats = Math.min(PROOF_HEARTBEATS_MAX, PROOF_HEARTBEATS * 2 ** (again - 1));
    return heartbeats * this.#timing.heartbeatIntervalMs;
  }
}

function isDeaf(peer: Peer, now: number, timing: LivenessTiming): boolean {
  return peer.deafSince !== undefined && now - peer.deafSince > DEAF_HEARTBEATS * timing.heartbeatIntervalMs;
}
