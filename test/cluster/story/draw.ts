/** A story that is drawn step by step: what may happen next depends on who is a member, and on the seed. */
import { Prng } from '@rkv/core';
import { atRest, copiesAgree, othersServe, served } from './claims.ts';
import type { Stage } from './stage.ts';
import {
  during,
  forget,
  join,
  killed,
  leave,
  quiet,
  replace,
  resize,
  restartOfAll,
  rollingRestart,
  stopped,
  suffers,
  whole,
  type Change,
  type Role,
  type Step,
} from './steps.ts';

const MEMBERS_MIN = 3;
const MEMBERS_MAX = 6;
/** Names that the next newcomer may have. */
const STRANGERS = 5;
const SIZES = [16, 32, 64] as const;
const ROLES: readonly Role[] = ['sender', 'receiver', 'claimant'];
const NAMES = Array.from({ length: 40 }, (_, at) => `n${at + 1}`);

/** Its dice are its own: what is drawn does not hang on how fast the machine is. */
export function drawnStory(seed: number): (stage: Stage) => Step {
  const prng = new Prng(seed);
  const oneOf = <T>(things: readonly T[]): T => things[prng.u32() % things.length] as T;

  /** What is left of a node that was given up must not come back under its name. */
  const givenUp = new Set<string>();
  const strangers = (stage: Stage): string[] =>
    NAMES.filter((name) => !stage.members.has(name) && !givenUp.has(name)).slice(0, STRANGERS);
  const change = (stage: Stage): { readonly name: string; readonly change: Change } => {
    const members = [...stage.members.keys()].toSorted();
    const others = strangers(stage);
    const mayGrow = members.length < MEMBERS_MAX;
    const mayShrink = members.length > MEMBERS_MIN;
    const grows = mayGrow && (!mayShrink || prng.u32() % 2 === 0);
    const name = oneOf(grows ? others : members);
    return { name, change: grows ? join(name) : leave(name) };
  };
  const member = (stage: Stage): string => oneOf([...stage.members.keys()].toSorted());

  let size = 16;
  const otherSize = (): number => (size = oneOf(SIZES.filter((other) => other !== size)));

  const kinds: readonly ((stage: Stage) => Step)[] = [
    () => quiet(3, served(1), atRest),
    (stage) => {
      const drawn = change(stage);
      return whole(drawn.change, othersServe(drawn.name, 0.999), atRest, copiesAgree);
    },
    (stage) => during(change(stage).change, oneOf(ROLES), killed, atRest),
    (stage) => during(change(stage).change, oneOf(ROLES), killed, atRest),
    (stage) => during(change(stage).change, oneOf(ROLES), stopped(oneOf([1, 4, 10])), atRest),
    (stage) => during(replace(member(stage), oneOf(strangers(stage))), oneOf(ROLES), killed, atRest),
    (stage) => {
      const lost = member(stage);
      givenUp.add(lost);
      const mayShrink = stage.members.size > MEMBERS_MIN;
      return whole(forget(lost, mayShrink ? undefined : oneOf(strangers(stage))), atRest);
    },
    () => whole(resize(otherSize()), served(0.999), atRest, copiesAgree),
    () => during(resize(otherSize()), oneOf(ROLES), killed, atRest),
    (stage) => suffers(member(stage), killed, atRest),
    (stage) => suffers(member(stage), stopped(oneOf([1, 5, 20])), atRest),
    () => rollingRestart(served(0.97), atRest),
    () => restartOfAll(atRest),
  ];
  return (stage) => oneOf(kinds)(stage);
}
