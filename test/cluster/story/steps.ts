/**
 * The words that stories are told in: what happens, to whom, and what may go wrong while something moves.
 *
 * A step that is to happen *while data moves* makes sure that it does: it looks for a transfer with items under way,
 * strikes at once, and sees afterwards that the ring still has pending transfers. When everything was over before it
 * could strike it fails: then there is too little data.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { TestNode } from '../nodes.ts';
import type { Claim } from './claims.ts';
import type { Stage, StatusView } from './stage.ts';

export interface Step {
  readonly title: string;
  readonly act: (stage: Stage) => Promise<void>;
  /** What must hold after it. */
  readonly claims: readonly Claim[];
}

/** A change of the membership: staged, then planned and committed, then moved. */
export interface Change {
  readonly title: string;
  readonly stage: (stage: Stage) => Promise<void>;
  /** All has moved. */
  readonly end: (stage: Stage) => Promise<void>;
}

/** What goes wrong: done to somebody, and put right again. */
export interface Fault {
  readonly title: string;
  readonly strike: (stage: Stage, victim: TestNode) => Promise<void>;
  readonly heal: (stage: Stage, victim: TestNode) => Promise<void>;
}

export type Role = 'sender' | 'receiver' | 'claimant';

const MOVING_MS = 30_000;
const SETTLE_MS = 120_000;
/** How long somebody is away who is killed. */
const AWAY_MS = 1_500;

export function step(title: string, act: Step['act'], ...claims: Claim[]): Step {
  return { title, act, claims };
}

/** What was at rest before stays so, and whatever is read meanwhile must be what was last acknowledged. */
export function quiet(seconds: number, ...claims: Claim[]): Step {
  return step(
    `nothing happens for ${seconds} s`,
    async (stage) => {
      const from = performance.now();
      await pause(seconds * 1000);
      stage.history.addQuiet({ from, to: stage.history.moment() });
    },
    ...claims,
  );
}

export function join(name: string): Change {
  return {
    title: `${name} joins`,
    async stage(stage) {
      const node = await stage.newcomer(name);
      await node.tell('cluster', 'join', stage.someone.clusterAddress);
      stage.members.set(name, node);
    },
    end: () => Promise.resolve(),
  };
}

export function leave(name: string): Change {
  return {
    title: `${name} leaves`,
    async stage(stage) {
      stage.leaving.add(name);
      await stage.someone.tell('cluster', 'leave', name);
    },
    async end(stage) {
      const { code, signal } = await stage.member(name).untilExit();
      if (code !== 0) throw new Error(`${name} has left and ended with ${code ?? signal}`);
      stage.members.delete(name);
      stage.leaving.delete(name);
    },
  };
}

/** Another node takes over all that a member owns. */
export function replace(old: string, by: string): Change {
  const [coming, going] = [join(by), leave(old)];
  return {
    title: `${by} replaces ${old}`,
    async stage(stage) {
      await coming.stage(stage);
      stage.leaving.add(old);
      await stage.someone.tell('cluster', 'replace', old, by);
    },
    end: going.end,
  };
}

/** The same for a member that is lost for good, or nobody in its place. */
export function forget(lost: string, by?: string): Change {
  return {
    title: by === undefined ? `${lost} is lost and removed` : `${lost} is lost and ${by} takes its place`,
    async stage(stage) {
      await stage.member(lost).kill9();
      stage.members.delete(lost);
      if (by === undefined) await stage.someone.tell('cluster', 'force-remove', lost);
      else {
        await join(by).stage(stage);
        await stage.someone.tell('cluster', 'force-replace', lost, by);
      }
    },
    end: () => Promise.resolve(),
  };
}

/** The ring gets another number of partitions. */
export function resize(size: number): Change {
  return {
    title: `the ring is resized to ${size} partitions`,
    async stage(stage) {
      await stage.someone.tell('ring', 'resize', String(size));
    },
    end: () => Promise.resolve(),
  };
}

/** A change, from the plan until everything has moved. */
export function whole(change: Change, ...claims: Claim[]): Step {
  return step(
    change.title,
    async (stage) => {
      await commit(stage, change);
      await hasMoved(stage);
      await change.end(stage);
    },
    ...claims,
  );
}

/** The same with a fault while data is under way. */
export function during(change: Change, role: Role, fault: Fault, ...claims: Claim[]): Step {
  return step(
    `${change.title}, and the ${role} is ${fault.title} while data moves`,
    async (stage) => {
      await commit(stage, change);
      const victim = await whileMoving(stage, role);
      await fault.strike(stage, victim);
      if (!isMoving(await stage.status())) throw new Error('all had moved before: more data is needed');
      await fault.heal(stage, victim);
      await hasMoved(stage);
      await change.end(stage);
    },
    ...claims,
  );
}

async function commit(stage: Stage, change: Change): Promise<void> {
  await change.stage(stage);
  const node = stage.someone;
  await node.tell('cluster', 'plan');
  const { status, text } = await node.ask('/api/cluster/commit', { method: 'POST' });
  if (status !== 200) throw new Error(`the commit was refused: ${text}`);
}

/** Who has this role in a transfer that has sent something and is not done. */
async function whileMoving(stage: Stage, role: Role): Promise<TestNode> {
  let name: string | undefined;
  await stage.until(
    'data that moves',
    async () => {
      const { active } = await stage.transfers();
      const transfer = active.find(({ items }) => items > 0);
      if (transfer === undefined) return false;
      name = { sender: transfer.from, receiver: transfer.to, claimant: (await stage.status()).claimant }[
        role
      ];
      return true;
    },
    MOVING_MS,
  );
  return stage.member(name as string);
}

function isMoving({ pending, resizingTo }: StatusView): boolean {
  return pending > 0 || resizingTo !== undefined;
}

export async function hasMoved(stage: Stage): Promise<void> {
  await stage.until(
    'the ring without pending transfers',
    async () => !isMoving(await stage.status()),
    SETTLE_MS,
  );
}

/** Like a machine that takes the process away, and one that starts it again. */
export const killed: Fault = {
  title: 'killed with -9',
  async strike(stage, victim) {
    stage.away.add(victim.name);
    await victim.kill9();
  },
  async heal(stage, victim) {
    await pause(AWAY_MS);
    await victim.start();
    stage.away.delete(victim.name);
  },
};

export function stopped(seconds: number): Fault {
  return {
    title: `stopped for ${seconds} s`,
    async strike(stage, victim) {
      victim.signal('SIGSTOP');
      stage.away.add(victim.name);
    },
    async heal(stage, victim) {
      await pause(seconds * 1000);
      victim.signal('SIGCONT');
      stage.away.delete(victim.name);
    },
  };
}

/** A fault while nothing moves. */
export function suffers(name: string, fault: Fault, ...claims: Claim[]): Step {
  return step(
    `${name} is ${fault.title}`,
    async (stage) => {
      const victim = stage.member(name);
      stage.load.spread();
      await fault.strike(stage, victim);
      await fault.heal(stage, victim);
    },
    ...claims,
  );
}

export function restartOfAll(...claims: Claim[]): Step {
  return step(
    'all are killed with -9 at once and start again',
    async (stage) => {
      const all = [...stage.members.values()];
      for (const { name } of all) stage.away.add(name);
      await Promise.all(all.map((node) => node.kill9()));
      await Promise.all(all.map((node) => node.start()));
      stage.away.clear();
    },
    ...claims,
  );
}

/**
 * As an upgrade does it. What a client sends while the end of its connection is on the way to it, it does not hear of again:
 * seldom more than one operation for each client that moves. On a machine so busy that something is always unanswered, what
 * a client has under way in the last moments is refused.
 */
export function rollingRestart(...claims: Claim[]): Step {
  return step(
    'each ends in turn and starts again',
    async (stage) => {
      for (const node of stage.members.values()) {
        stage.away.add(node.name);
        await node.stop();
        await node.start();
        stage.away.delete(node.name);
        await stage.until(
          'all nodes up',
          async () => (await stage.status()).members.every(({ up }) => up),
          SETTLE_MS,
        );
      }
    },
    ...claims,
  );
}
