/**
 * A ring that somebody sleeps through: a node is cut off while another is let in, and then meets nobody but one that has given a
 * partition away meanwhile. By the ring that the first still has these two are a majority of some key's owners. Neither may go by it.
 */
import type { Node, NodeId, RingDocument } from '@rkv/core';
import type { Fault } from '@rkv/testkit';
import { primariesOfKey } from '../sim/copies.ts';
import type { Scene } from './strict-play.ts';

const LOOK_EVERY_MS = 100;
/** What was given away is cleared by then, and something is written that the sleeper has missed. */
const ASLEEP_MS = 2_000;
const TOGETHER_MS = 4_000;
/** The first hears of the new ring some milliseconds after the two have met. */
const ASK_EVERY_MS = 0.25;

export function cutOffDuringAJoin({ cluster, dice, founders, late, keys, ask }: Scene): Fault[] {
  const { world, machines } = cluster;
  const sleeper = dice.pick(founders);
  const others = [...founders.filter((name) => name !== sleeper), ...late];
  const look = (): void => {
    const asleep = machines.node(sleeper)?.node;
    const awake = machines.node(others[0] as string)?.node;
    const found = asleep && awake && findGiver(keys, asleep, awake.document);
    const giver = others.find((name) => machines.node(name)?.node.id === found?.giver);
    if (found === undefined || giver === undefined) world.schedule(LOOK_EVERY_MS, look, 'nemesis');
    else world.schedule(ASLEEP_MS, () => meet(giver, found.key), 'nemesis');
  };
  const meet = (giver: string, key: string): void => {
    machines.cut(
      giver,
      others.filter((name) => name !== giver),
    );
    machines.network.heal([sleeper], [giver]);
    const [one, other] = [machines.node(sleeper)?.node, machines.node(giver)?.node];
    if (one === undefined || other === undefined) return;
    const { epoch } = one.document;
    const askInTime = (): void => {
      if (one.isUp(other.id)) ask(sleeper, key);
      if (one.document.epoch === epoch) world.schedule(ASK_EVERY_MS, askInTime, 'nemesis');
    };
    askInTime();
    world.schedule(TOGETHER_MS, () => machines.heal(), 'nemesis');
  };
  world.schedule(dice.between(100, 500), () => machines.cut(sleeper, others), 'nemesis');
  world.schedule(1_000, look, 'nemesis');
  return [];
}

/** Who has given away a copy of a key that the sleeper has as well, and of which. */
function findGiver(
  keys: readonly string[],
  { id: sleeper, document: old }: Node,
  now: RingDocument,
): { readonly giver: NodeId; readonly key: string } | undefined {
  for (const key of keys) {
    const after = primariesOfKey(key, now);
    const before = primariesOfKey(key, old).map(({ node }) => node);
    if (new Set(before).size < before.length || !before.includes(sleeper)) continue;
    const giver = before.find((node, at) => node !== sleeper && node !== after[at]?.node);
    if (giver !== undefined) return { giver, key };
  }
  return undefined;
}
