/**
 * How patient the membership is: every number with its reason and its price in both directions.
 *
 * All are milliseconds of the monotonic clock. What binds them together:
 * tick < heartbeat <= stall < suspect least <= first <= most, and attempt timeout well below proposal limit;
 * ready wait + proposal limit <= request timeout, which stays below the minute that the operator's door waits.
 */
export interface MembershipPreset {
  /** How often the shell calls `tick`. Shorter: finer waits, more idle work. */
  readonly tickIntervalMs: number;
  /** How often each peer hears from us. Shorter: quicker detection and gossip; cost grows with members squared. */
  readonly heartbeatIntervalMs: number;
  /**
   * Silence after which a peer is suspected, as long as its heartbeats come as regularly as they can. It matters for
   * peers that vanish without a closed connection (a cut, a power loss, a stop signal). Shorter: fallbacks step in
   * sooner; too short: a pause that never came before (a large collection, a disk that hangs) looks like death.
   */
  readonly suspectLeastMs: number;
  /** The same for a peer of whose heartbeats we know nothing yet. Fades within about 64 heartbeats. */
  readonly suspectFirstMs: number;
  /**
   * The same at worst, however irregular the heartbeats. Longer: fewer false suspicions under loss; requests to a
   * peer that has vanished wait for their own time-out for as long. A longer silence is no irregularity but an outage.
   */
  readonly suspectMostMs: number;
  /** A gap between two ticks longer than this is our own stall, and the peers' silence in it proves nothing. */
  readonly stallMs: number;
  /** A node whose ticks are later than this on average is called slow. Below it: ordinary garbage collection. */
  readonly slowLagMs: number;
  /** In this time half of a peer's falls are forgotten. Longer: one that comes and goes is let back in later. */
  readonly flapMemoryMs: number;
  /** One ballot's time for two rounds and three flushed records. Too short: proposers overtake themselves. */
  readonly attemptTimeoutMs: number;
  /** First wait after a lost ballot; doubles up to 32 times this, with jitter of half of it either way. */
  readonly backOffMs: number;
  /** When a proposal gives up. An operator waits this long before he reads `no_majority`. */
  readonly proposalLimitMs: number;
  /** How long a value may lie accepted and not told before an acceptor finishes it itself (its proposer died). */
  readonly finishAfterMs: number;
  /** How long the claimant gathers reports into one epoch. Longer: fewer epochs while many transfers end. */
  readonly gatherMs: number;
  /** How often a member repeats a report that the ring document does not show yet. */
  readonly reportIntervalMs: number;
  /** How long plan and commit wait for live members to catch up before they answer `ring_not_ready`. */
  readonly readyWaitMs: number;
  /** How long a joiner waits for the answer to its request: longer than a proposal may take. */
  readonly joinTimeoutMs: number;
  /**
   * How long a node waits for what the claimant makes of an operator's request: as long as members may take to catch up and a
   * proposal to be agreed, and the way there and back. Shorter: `no_majority` is read though the change was made.
   */
  readonly requestTimeoutMs: number;
}

/**
 * All nodes on one machine: what is late is the process, not the network. Six heartbeats are missed before one is
 * suspected, so that a collection of a second passes unnoticed; four a second cost nothing among so few. The way to the
 * claimant takes nothing.
 */
const local: MembershipPreset = {
  tickIntervalMs: 50,
  heartbeatIntervalMs: 250,
  suspectLeastMs: 1_600,
  suspectFirstMs: 2_200,
  suspectMostMs: 4_000,
  stallMs: 500,
  slowLagMs: 100,
  flapMemoryMs: 30_000,
  attemptTimeoutMs: 1_000,
  backOffMs: 20,
  proposalLimitMs: 5_000,
  finishAfterMs: 2_000,
  gatherMs: 50,
  reportIntervalMs: 1_000,
  readyWaitMs: 3_000,
  joinTimeoutMs: 10_000,
  requestTimeoutMs: 8_000,
};

/**
 * Machines in one network: a switch that fails over or a virtual machine that moves is silent for three to four
 * seconds, and standing in for it would cost more than waiting; disks that flush slowly need longer attempts.
 * Half as many heartbeats, because there may be fifty members.
 */
const lan: MembershipPreset = {
  ...local,
  heartbeatIntervalMs: 500,
  suspectLeastMs: 4_000,
  suspectFirstMs: 5_000,
  suspectMostMs: 10_000,
  slowLagMs: 200,
  flapMemoryMs: 60_000,
  attemptTimeoutMs: 1_500,
  backOffMs: 50,
  finishAfterMs: 4_000,
  requestTimeoutMs: 10_000,
};

/**
 * Machines far apart: 50 to 300 ms one way, and loss. TCP sends again after 200 ms to a second and doubles that, so
 * three losses in a row hold everything up for four seconds and more; a route that changes is silent for as long.
 * A ballot is two round trips and three flushes, at worst 1.2 s before anything is lost: an attempt has four, a proposal
 * room for four attempts, and everything that waits for a proposal waits longer than it.
 */
const wan: MembershipPreset = {
  ...lan,
  heartbeatIntervalMs: 1_000,
  suspectLeastMs: 6_000,
  suspectFirstMs: 8_000,
  suspectMostMs: 20_000,
  stallMs: 1_000,
  flapMemoryMs: 120_000,
  attemptTimeoutMs: 4_000,
  backOffMs: 300,
  proposalLimitMs: 16_000,
  finishAfterMs: 10_000,
  gatherMs: 300,
  reportIntervalMs: 3_000,
  readyWaitMs: 8_000,
  joinTimeoutMs: 30_000,
  requestTimeoutMs: 30_000,
};

/** How patient nodes are with each other, by how far apart they stand: one machine, one network, the world. */
export const membershipPresets = { local, lan, wan } as const;
/** `local`, `lan` or `wan`. */
export type PresetName = keyof typeof membershipPresets;
