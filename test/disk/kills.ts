/**
 * A node that is killed while eight clients write to it, again and again: whatever it has acknowledged it must have in its
 * next life. `process` durability, one copy, so that nobody else can stand in for what it lost.
 *
 * After each life all that it acknowledged is read back, and after the last one all of every life.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Prng } from '@rkv/core';
import { Nodes, type TestNode } from '../cluster/nodes.ts';
import { missingAt, Writers } from './journal.ts';

export interface KillsInit {
  readonly rounds: number;
  /** For the moments of the kills. */
  readonly seed?: number;
  /** Have the node acknowledge before it has committed: what the play is to find. */
  readonly planted?: boolean;
  readonly say?: (line: string) => void;
}

export interface KillsReport {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly lost: readonly string[];
}

/** From when the writers begin. */
const LIFE_MS_MIN = 30;
const LIFE_MS_MAX = 400;
const EARLY_ANSWERS = fileURLToPath(new URL('planted/early-answers.mjs', import.meta.url));

export async function playKills({
  rounds,
  seed = 1,
  planted = false,
  say = () => {},
}: KillsInit): Promise<KillsReport> {
  const nodes = new Nodes({ ringSize: 8, flags: ['--n', '1', '--durability', 'process'] });
  try {
    const node = await nodes.create('lone');
    if (planted) node.nodeFlags = ['--import', EARLY_ANSWERS];
    const dice = new Prng(seed);
    const writers = new Writers('id-', { pauseMs: 2 });
    for (let round = 1; round <= rounds; round++) {
      const before = writers.journal.length;
      const lost = await oneLife(node, writers, dice.between(LIFE_MS_MIN, LIFE_MS_MAX));
      say(`round ${round}: ${writers.journal.length - before} acknowledged, ${lost.length} lost`);
      if (lost.length > 0) return { rounds: round, acknowledged: writers.journal.length, lost };
    }
    const ids = writers.journal.map(({ id }) => id);
    await node.start();
    return {
      rounds,
      acknowledged: ids.length,
      lost: await missingAt(node, ids, (id) => writers.valueOf(id)),
    };
  } finally {
    await nodes.end();
  }
}

/** Start, write, be killed, start again: what is missing then. */
async function oneLife(node: TestNode, writers: Writers, lifeMs: number): Promise<string[]> {
  const before = writers.journal.length;
  await node.start();
  writers.start(node);
  await pause(lifeMs);
  await node.kill9();
  await writers.ended();
  await node.start();
  const ids = writers.journal.slice(before).map(({ id }) => id);
  const lost = await missingAt(node, ids, (id) => writers.valueOf(id));
  await node.kill9();
  return lost;
}
