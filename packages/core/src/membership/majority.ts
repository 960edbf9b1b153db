/** The majority that agrees on the next ring: how many votes make one, and who is missing when it cannot be had. Pure. */
import type { NodeId } from '../contracts/ids.ts';
import { votersOf, type RingDocument } from '../ring/document.ts';
import { refuse, type Refusal } from './refusal.ts';

/** Whether so many of the voters are more than half of them. */
export function isMajority(votes: number, voters: number): boolean {
  return votes * 2 > voters;
}

/** Why nothing can be agreed upon while exactly these are up, or undefined when it can. */
export function majorityRefusal(
  document: RingDocument,
  isUp: (node: NodeId) => boolean,
): Refusal | undefined {
  const voters = votersOf(document);
  const away = voters.filter(({ id }) => !isUp(id));
  if (isMajority(voters.length - away.length, voters.length)) return undefined;
  const names = away.map(({ name }) => name).join(', ');
  return refuse('no_majority', `${describeMajority(document)}; ${names} cannot be reached`);
}

/** The beginning of a sentence for operators, `2 of 3 voting members are needed`. */
export function describeMajority(document: RingDocument): string {
  const voters = votersOf(document).length;
  return `${Math.floor(voters / 2) + 1} of ${voters} voting members are needed`;
}
