/**
 * How much of a limit is in use, for whoever watches a node.
 *
 * Whoever has a limit tells of it, when asked and from what it counts anyway: so the number that holds and the
 * number that is shown are one. docs/limits.md lists them all by these names.
 */
export interface LimitUse {
  /** `handoff_out`. */
  readonly limit: string;
  /** Which one, where there are several alike: `{ peer, lane }`. */
  readonly of?: Readonly<Record<string, string>>;
  /** In use now; of several alike that are not told apart, the fullest. Left out: nothing is held, only refused. */
  readonly used?: number;
  readonly max: number;
  /** How often something was refused, cut off or put off because of it, since the node started. Left out: not counted. */
  readonly reached?: number;
}
