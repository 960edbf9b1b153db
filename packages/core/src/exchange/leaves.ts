/**
 * Into how many leaves a range is cut for comparison. Every replica must cut alike, so this is a fact of the ring's size.
 *
 * About as many leaves on the whole ring whatever its size, so that a node's trees take some megabytes, and one leaf of
 * a million keys holds a handful. Between root and leaves stand the sums of groups: 64 neighbours each.
 */

const RING_LEAF_BITS = 18;
const RANGE_LEAF_BITS_MIN = 6;
const RANGE_LEAF_BITS_MAX = 14;

/** Neighbouring leaves whose sum is kept too, log2. */
export const GROUP_BITS = 6;

/** Leaves of one partition's range, log2. */
export function leafBits(ringBits: number): number {
  return Math.max(RANGE_LEAF_BITS_MIN, Math.min(RANGE_LEAF_BITS_MAX, RING_LEAF_BITS - ringBits));
}

/** How many values of a hash's first word one leaf covers. */
export function leafWidth(ringBits: number): number {
  return 2 ** (32 - ringBits - leafBits(ringBits));
}
