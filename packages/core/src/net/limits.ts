/** The numbers of the TCP transport, and why they are what they are. */
import type { Lane } from '../contracts/transport.ts';

/** The bounds of one transport. */
export interface TcpLimits {
  /**
   * A lane takes no frame while more than so many bytes wait on it; it may exceed this by one frame, and by the small
   * ones that the contract keeps a reserve of 1 MiB for. More rides out longer pauses of a peer, and costs that much
   * memory per peer that pauses.
   */
  readonly queueBytesMax: Readonly<Record<Lane, number>>;
  /** From the first byte to an established connection. */
  readonly handshakeMs: number;
  /** Strangers in mid-handshake at one time; for one more, the one that has been there longest makes room. */
  readonly handshakesMax: number;
  /** A reconnect waits half to all of first * 2^attempts, at most `backoffCapMs`. */
  readonly backoffFirstMs: number;
  readonly backoffCapMs: number;
  /**
   * Each control connection is asked for a sign of life at this interval, and given up after so many asked in
   * vain: a peer that lost its power sends no goodbye, and TCP alone may wait for minutes after a cut is healed.
   */
  readonly pingIntervalMs: number;
  readonly pingsUnansweredMax: number;
}

const MIB = 1024 * 1024;

/** What holds where nothing else is asked for; docs/limits.md lists them. */
export const defaultTcpLimits: TcpLimits = {
  queueBytesMax: { data: 16 * MIB, control: 4 * MIB, bulk: 8 * MIB },
  handshakeMs: 5000,
  handshakesMax: 256,
  backoffFirstMs: 50,
  backoffCapMs: 2000,
  pingIntervalMs: 1000,
  pingsUnansweredMax: 5,
};
