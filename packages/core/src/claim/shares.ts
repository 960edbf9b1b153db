/**
 * Shares: how many partitions each member is due, and the fewest that must move to get there.
 *
 * With Q partitions and M members everyone is due floor(Q / M), and Q mod M of them one more. Nobody has to
 * give up what lies within its share, so the fewest moves are what is left when each member keeps all that it
 * may and those who already hold more take the larger shares.
 */

/** An owner that is not among the members: whatever it holds must move. */
export const LEAVER = -1;

export interface Shares {
  readonly floor: number;
  /** How many members hold one more than `floor`. */
  readonly extras: number;
  /** What each member holds, by position in the member list, when nothing moves that need not. */
  readonly due: Int32Array;
  readonly leastMoves: number;
}

/**
 * `before`: owner per partition as a position in the member list, or `LEAVER`. `order`: all members; among equals the first
 * get the larger shares.
 */
export function sharesOf(before: Int32Array, order: readonly number[]): Shares {
  const memberCount = order.length;
  const floor = Math.floor(before.length / memberCount);
  const extras = before.length % memberCount;
  const held = countOwners(before, memberCount);
  const due = new Int32Array(memberCount).fill(floor);
  const holdsMore = (member: number): boolean => (held[member] as number) > floor;
  const inTurn = [...order.filter(holdsMore), ...order.filter((member) => !holdsMore(member))];
  for (const member of inTurn.slice(0, extras)) due[member] = floor + 1;
  const kept = order.reduce(
    (sum, member) => sum + Math.min(held[member] as number, due[member] as number),
    0,
  );
  return { floor, extras, due, leastMoves: before.length - kept };
}

/** How many partitions each member owns; leavers are not counted. */
export function countOwners(owners: Int32Array, memberCount: number): Int32Array {
  const counts = new Int32Array(memberCount);
  for (const owner of owners) if (owner !== LEAVER) counts[owner] = (counts[owner] as number) + 1;
  return counts;
}
