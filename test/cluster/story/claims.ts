/** What must hold after a step, each asked until it does or its time is over. */
import { isDeepStrictEqual } from 'node:util';
import type { Figures } from './load.ts';
import type { Stage } from './stage.ts';

export interface Claim {
  readonly that: string;
  /** Rejects with the reason why not. The figures are those of the step. */
  readonly holds: (stage: Stage, figures: Figures) => Promise<void>;
}

/** Convergence after a heal; many times what it takes. */
const CONVERGE_MS = 60_000;

/** These are the members, all up, whole, with one ring; nothing is on its way, and there are no hints. */
export const atRest: Claim = {
  that: 'all members are up and whole, with one ring, and nothing is on its way',
  async holds(stage) {
    await stage
      .until('rest', async () => (await whatIsMissing(stage)) === undefined, CONVERGE_MS)
      .catch(async (error) => {
        throw new Error(`not at rest: ${await whatIsMissing(stage)}`, { cause: error });
      });
  },
};

async function whatIsMissing(stage: Stage): Promise<string | undefined> {
  const names = [...stage.members.keys()].toSorted();
  const rings = [];
  for (const node of stage.members.values()) {
    const { members, ready } = await stage.status(node);
    const seen = members.map(({ name }) => name).toSorted();
    if (!isDeepStrictEqual(seen, names)) return `${node.name} has the members ${seen} and not ${names}`;
    for (const { name, status, up, partialVnodes } of members) {
      if (!up) return `${node.name} does not reach ${name}`;
      if (status !== 'valid') return `${name} is ${status}`;
      if (partialVnodes > 0) return `${name} has ${partialVnodes} partial vnodes`;
    }
    if (!ready) return `${node.name} is not ready`;
    const { active, waiting } = await stage.transfers(node);
    if (active.length + waiting.length > 0)
      return `${node.name} has transfers: ${active.length} active, ${waiting.map(({ reason }) => reason).join('; ')}`;
    rings.push(await stage.ring(node));
  }
  const [first, ...others] = rings;
  if (first === undefined) return 'nobody is there';
  if (first.pending.length > 0) return `${first.pending.length} partitions are pending`;
  const odd = others.find(
    (ring) => ring.version !== first.version || !isDeepStrictEqual(ring.owners, first.owners),
  );
  return odd === undefined ? undefined : `there are rings of epoch ${first.version} and ${odd.version}`;
}

/** Of all operations of the step at least so many got what they asked for. */
export function served(share: number): Claim {
  return {
    that: `at least ${share * 100} % of all operations were served`,
    async holds(_stage, { operations, failed, unknown }) {
      const missed = failed + unknown;
      if (missed > operations * (1 - share))
        throw new Error(`${missed} of ${operations} operations were not`);
    },
  };
}

/** The same of those operations for which somebody else was asked. */
export function othersServe(name: string, share: number): Claim {
  return {
    that: `at least ${share * 100} % of all operations were served by nodes other than ${name}`,
    async holds(_stage, { byNode }) {
      const asked = [...byNode].filter(([node]) => node !== name).map(([, figures]) => figures);
      const operations = asked.reduce((sum, figures) => sum + figures.operations, 0);
      const missed = asked.reduce((sum, figures) => sum + figures.missed, 0);
      if (operations === 0 || missed > operations * (1 - share))
        throw new Error(`${missed} of ${operations} operations were not`);
    },
  };
}

/** A write goes to all replicas, whether or not its client waits for them; ms. */
const LATE_COPIES_MS = 5_000;
const KEYS_LOOKED_AT = 300;

/**
 * All replicas of the keys written last hold one state. To be asked after steps in which no replica was away: one that
 * misses a write without anybody's knowing is mended when the key is read.
 */
export const copiesAgree: Claim = {
  that: 'the copies of the keys written last agree',
  holds: (stage) => untilCopiesAgree(stage, stage.load.keys.slice(-KEYS_LOOKED_AT), LATE_COPIES_MS),
};

/**
 * Waits until the replicas of each key have held one state once, not all keys at the same moment: one that did is not looked
 * at again. Throws with one that did not.
 */
export async function untilCopiesAgree(
  stage: Stage,
  keys: readonly string[],
  limitMs: number,
): Promise<void> {
  let odd = keys;
  const agree = async (): Promise<boolean> => {
    odd = await stage.oddKeys(odd);
    return odd.length === 0;
  };
  await stage.until('copies that agree', agree, limitMs).catch(async (cause: unknown) => {
    const shown = await stage.replicas(odd[0] as string);
    throw new Error(`the copies of ${odd.length} keys differ: ${odd[0]}: ${JSON.stringify(shown)}`, {
      cause,
    });
  });
}
