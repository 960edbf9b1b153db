/** All rings of one size that are balanced, for twins that try everything: on tiny rings only. */
import type { NodeId } from '../src/contracts/ids.ts';

/** Every ring of this size whose counts differ by at most one; borrowed during the call. */
export function forEachBalancedRing(
  size: number,
  members: readonly NodeId[],
  visit: (owners: readonly NodeId[]) => void,
): void {
  const floor = Math.floor(size / members.length);
  const counts = new Map(members.map((member) => [member, 0]));
  const owners: NodeId[] = [];
  const extend = (extrasLeft: number): void => {
    if (owners.length === size) return visit(owners);
    for (const member of members) {
      const count = counts.get(member) as number;
      if (count > floor || (count === floor && extrasLeft === 0)) continue;
      counts.set(member, count + 1);
      owners.push(member);
      extend(count === floor ? extrasLeft - 1 : extrasLeft);
      owners.pop();
      counts.set(member, count);
    }
  };
  extend(size % members.length);
}
