/**
 * How patient the membership is: every number with its reason and its price in both directions.
 *
 * All are milliseconds of the monotonic clock. What binds them together:
 * tick < heartbeat <= stall < suspect, and attempt timeout well below proposal limit.
 */
export interface MembershipPreset {
  /** How often the shell calls `tick`. Shorter: finer waits, more idle work. */
  readonly tickIntervalMs: number;
  /** How often each peer hears from us. Shorter: quicker detection and gossip; cost grows with members squared. */
  readonly heartbeatIntervalMs: number;
  /**
   * Silence after which a peer counts as down. Only for peers that vanish without a closed connection (a cut, a
   * power loss, a stop signal). Shorter: fallbacks step in sooner; too short: garbage collection looks like death.
   */
  readonly suspectAfterMs: number;
  /** A gap between two ticks longer than this is our own stall, and the peers' silence in it proves nothing. */
  readonly stallMs: number;
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
}

/** All nodes on one machine: what is late is the process, not the network. Suspects after five missed heartbeats. */
const local: MembershipPreset = {
  tickIntervalMs: 50,
  heartbeatIntervalMs: 500,
  suspectAfterMs: 2_500,
  stallMs: 500,
  attemptTimeoutMs: 1_000,
  backOffMs: 20,
  proposalLimitMs: 5_000,
  finishAfterMs: 2_000,
  gatherMs: 50,
  reportIntervalMs: 1_000,
  readyWaitMs: 3_000,
  joinTimeoutMs: 10_000,
};

/**
 * Machines in one network: a switch that fails over or a virtual machine that moves is silent for three to four
 * seconds, and standing in for it would cost more than waiting; disks that flush slowly need longer attempts.
 */
const lan: MembershipPreset = {
  ...local,
  suspectAfterMs: 5_000,
  attemptTimeoutMs: 1_500,
  backOffMs: 50,
  finishAfterMs: 4_000,
};

export const membershipPresets = { local, lan } as const;
