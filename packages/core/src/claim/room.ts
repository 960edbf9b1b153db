/**
 * Room: whether the next leave can be carried out with few moves.
 *
 * What a leaver gives up must go to someone who does not stand within two partitions of it already. With six members
 * and more there is always such a member. With five, a partition is stuck when the two before it and the two
 * behind it belong to the other four: whoever took it over would stand twice in a list, so more must move.
 * In `abcdeabcde...` every partition is stuck; where members take turns four by four, `abcdabcd...eabceabc...`, hardly any is.
 *
 * A leave may move one partition more than the least, which sets one that is stuck free. So a member is cramped by the second.
 */

/** Of so many members the leave of one is at risk. With fewer, spacing decides anyhow (stripe.ts). */
export const CRAMPED_MEMBERS = 5;

/** Whether the neighbours within two, in order, are four others: then nobody could take over what lies between them. */
export function isStuck(w: number, x: number, owner: number, y: number, z: number): boolean {
  const isRepeated = w === x || w === y || w === z || x === y || x === z || y === z;
  return !isRepeated && owner !== w && owner !== x && owner !== y && owner !== z;
}

/** How much of this many stuck partitions one move more than the least does not set free. */
export function crampedBy(stuck: number): number {
  return Math.max(0, stuck - 1);
}

/** Stuck partitions beyond the first of each member, summed up; none unless there are five members. */
export function crampedOf(owners: Int32Array, memberCount: number): number {
  if (memberCount !== CRAMPED_MEMBERS) return 0;
  return stuckOf(owners, memberCount).reduce((sum, stuck) => sum + crampedBy(stuck), 0);
}

/** Stuck partitions of each of five members. */
export function stuckOf(owners: Int32Array, memberCount: number): Int32Array {
  const stuck = new Int32Array(memberCount);
  const size = owners.length;
  const at = (p: number): number => owners[(p + size) % size] as number;
  owners.forEach((owner, p) => {
    if (isStuck(at(p - 2), at(p - 1), owner, at(p + 1), at(p + 2)))
      stuck[owner] = (stuck[owner] as number) + 1;
  });
  return stuck;
}
