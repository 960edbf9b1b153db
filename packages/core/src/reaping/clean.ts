/**
 * When a member is *clean*: it holds nothing that not every replica of it has been sent, and nothing is on its way. Pure.
 *
 * The step `clean` of a reap round (reap-round.ts) rests on this: what is stored here for another, or by a copy that cannot
 * prove itself whole, is in no comparison of owners with each other.
 */
import type { RingDocument } from '../ring/document.ts';

export interface Holdings {
  readonly document: Pick<RingDocument, 'pending' | 'resize'>;
  /** Partial vnodes of partitions that are this member's own. */
  readonly partial: number;
  /** Vnodes of partitions that are another's, and that hold something. */
  readonly foreign: number;
  /** Transfers that go out and are not complete. */
  readonly outbound: number;
  /** Something that has come in is not merged yet; until it is, its sender has it as well. */
  readonly isMerging: boolean;
  /** Why one of its vnodes may write under a stamp that was drawn before this round. */
  readonly whyBarMustWait: string | undefined;
  /** A service that this member does not run, and of which its store holds items. */
  readonly unserved: string | undefined;
}

/** Undefined: it is clean. */
export function whyUnclean({
  document,
  partial,
  foreign,
  outbound,
  isMerging,
  whyBarMustWait,
  unserved,
}: Holdings): string | undefined {
  if (document.pending.length > 0 || document.resize !== undefined) return 'partitions are moving';
  if (partial > 0) return 'some of its vnodes are partial';
  if (foreign > 0) return 'it holds copies for others';
  if (outbound > 0 || isMerging) return 'transfers run';
  if (whyBarMustWait !== undefined) return whyBarMustWait;
  return unserved === undefined ? undefined : `it holds items of ${unserved}, which it does not run`;
}
