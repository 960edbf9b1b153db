/**
 * Plays a story: step by step under load, what must hold after each, and in the end every key at every node.
 *
 * Prints a line for each step. What is wrong is thrown or is in the verdict, and the files with the histories stay then; their paths
 * are said.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkSettled, describeSettled, isSettled, readHistory, type OpenOperation } from '@rkv/testkit';
import { joinAll } from '../nodes.ts';
import { connect } from '../redis-client.ts';
import type { TestNode } from '../nodes.ts';
import { untilCopiesAgree, atRest } from './claims.ts';
import { Client } from './client.ts';
import { describeVerdict, isRight, judgeStory, type StoryVerdict } from './judge.ts';
import { type Figures, unpadded } from './load.ts';
import { eachOf, Stage, type StageInit } from './stage.ts';
import type { Step } from './steps.ts';
import { STRICT_PREFIX } from './strict-load.ts';

export interface Story extends StageInit {
  readonly members: readonly string[];
  /** Given the stage, so that a story may be made up as it goes; undefined ends it. */
  readonly next: (stage: Stage, number: number) => Step | undefined;
}

const READS_UNDER_WAY = 200;
/** As every story has them. */
const COPIES = 3;
/** Keys whose replicas are looked at one by one in the end: the first and the last. */
const KEYS_BY_ALL = 4_000;
/** Replicas drop a tombstone each in its own pass (kv/tidying.ts): under load up to half a minute apart. */
const AGREE_MS = 60_000;
/** After a wire that lost packets TCP itself waits, seconds at a time, before it sends again what was lost. */
const SERVED_AGAIN_MS = 30_000;
/** After a step, of the keys written last. */
const KEYS_BETWEEN = 300;

export async function play(story: Story, say: (line: string) => void): Promise<StoryVerdict> {
  const stage = new Stage(story);
  let verdict: StoryVerdict | undefined;
  try {
    const members = await stage.nodes.startLone(...story.members);
    for (const member of members) stage.members.set(member.name, member);
    await joinAll(members);
    await makeStrictBucket(stage);
    await stage.load.fill(story.keys);
    stage.load.start();
    stage.strictLoad.start();
    for (let number = 0; ; number++) {
      const step = story.next(stage, number);
      if (step === undefined) break;
      await perform(stage, step, say);
    }
    await stage.stopClients();
    verdict = await lastLook(stage, say);
    return verdict;
  } catch (error) {
    say(stage.nodes.describeLogs());
    throw error;
  } finally {
    await stage.stopClients();
    await stage.nodes.end();
    stage.file.close();
    stage.strictFile.close();
    if (verdict !== undefined && isRight(verdict)) rmSync(dirname(stage.file.path), { recursive: true });
    else {
      say(`the history is in ${stage.file.path}; npm run history -- FILE looks at it again`);
      say(`that of the strict keys is in ${stage.strictFile.path}: --linearizable`);
    }
  }
}

async function makeStrictBucket({ someone }: Stage): Promise<void> {
  const body = JSON.stringify({ prefix: STRICT_PREFIX, level: 'strict' });
  const { status, text } = await someone.ask('/api/bucket/set', { method: 'POST', body });
  if (status !== 200) throw new Error(`there is no strict bucket: ${text}`);
}

async function perform(stage: Stage, step: Step, say: (line: string) => void): Promise<void> {
  stage.load.figures();
  stage.strictLoad.figures();
  const startedAt = performance.now();
  try {
    await step.act(stage);
    const figures = stage.load.figures();
    const strict = stage.strictLoad.figures();
    const seconds = (performance.now() - startedAt) / 1000;
    say(`${step.title} (${seconds.toFixed(1)} s): ${describeFigures(figures)}`);
    say(`    strict keys: ${strict.operations} operations, ${strict.missed} in vain`);
    for (const failure of figures.failures) say(`    ${failure}`);
    for (const { that, holds } of step.claims) {
      const from = performance.now();
      await holds(stage, figures);
      say(`    ${that}, after ${((performance.now() - from) / 1000).toFixed(1)} s`);
    }
    if (step.claims.includes(atRest)) await lookBetween(stage);
  } catch (cause) {
    throw new Error(`${step.title}: ${(cause as Error).message}`, { cause });
  }
}

function describeFigures({ operations, failed, unknown, p50, p99, max }: Figures): string {
  const times = [p50, p99, max].map((ms) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0))).join('/');
  return `${operations} operations, ${failed} failed, ${unknown} unknown, p50/p99/max ${times} ms`;
}

/** At rest every node tells of the latest keys what was acknowledged, while clients go on. */
async function lookBetween(stage: Stage): Promise<void> {
  const from = stage.history.moment();
  const keys = stage.load.keys.slice(-KEYS_BETWEEN);
  for (const node of stage.members.values()) await readAll(stage, node, keys, 'between');
  stage.history.addQuiet({ from, to: stage.history.moment() });
  stage.file.flush();
  const verdict = checkSettled(readHistory(stage.file.path));
  if (!isSettled(verdict)) throw new Error(describeSettled(verdict));
  await readStrict(stage, stage.strictLoad.keys, 'between');
}

/** Every key at every node by the quorum that clients have; then by all replicas, which agree afterwards. */
async function lastLook(stage: Stage, say: (line: string) => void): Promise<StoryVerdict> {
  await atRest.holds(stage, stage.load.figures());
  const from = stage.history.moment();
  const members = [...stage.members.values()];
  const { keys } = stage.load;
  for (const node of members) await readAll(stage, node, keys, 'in the end');
  const some = [...keys.slice(0, KEYS_BY_ALL / 2), ...keys.slice(-KEYS_BY_ALL / 2)];
  await eachOf(some, (key) => readByAll(stage, stage.oneOf(members), key));
  stage.history.addQuiet({ from, to: stage.history.moment() });
  const { strictLoad } = stage;
  await readStrict(stage, strictLoad.allKeys, 'in the end');
  const verdict = judge(stage);
  say(`${keys.length} keys and ${strictLoad.allKeys.length} strict ones at ${members.length} nodes:`);
  say(describeVerdict(verdict));
  await untilCopiesAgree(stage, some, AGREE_MS);
  return verdict;
}

function judge({ file, strictFile }: Stage): StoryVerdict {
  file.flush();
  strictFile.flush();
  return judgeStory(readHistory(file.path), readHistory(strictFile.path));
}

/** Each of these at every node, until it has answered. */
async function readStrict(stage: Stage, keys: readonly string[], who: string): Promise<void> {
  const { strictHistory: history, strictLoad } = stage;
  await eachOf([...stage.members.values()], async (node) => {
    const client = new Client({ history, nodes: () => [node], name: `${who}, ${node.name}`, turn: 0 });
    const isRead = async (key: string): Promise<boolean> =>
      (await client.perform(strictLoad.readingOf(key))).outcome === 'ok';
    await eachOf(keys, (key) =>
      stage.until(`strict ${key} from ${node.name}`, () => isRead(key), SERVED_AGAIN_MS),
    );
    client.close();
  });
}

async function readByAll(stage: Stage, node: TestNode, key: string): Promise<void> {
  const open = beginRead(stage, node, 'by all', key);
  const { status, text } = await node.ask(`/api/get?r=${COPIES}&key=${encodeURIComponent(key)}`);
  if (status !== 200) throw new Error(`${node.name} cannot read ${key} from all replicas: ${text}`);
  const { value } = JSON.parse(text) as { value?: string };
  stage.history.ok(open, { output: unpadded(value ?? null, stage.valueBytes) });
}

async function readAll(stage: Stage, node: TestNode, keys: readonly string[], who: string): Promise<void> {
  const redis = connect(node);
  const read = async (key: string): Promise<void> => {
    await stage.until(`${key} from ${node.name}`, () => readOnce(key), SERVED_AGAIN_MS);
  };
  const readOnce = async (key: string): Promise<boolean> => {
    const open = beginRead(stage, node, who, key);
    stage.history.ok(open, { output: unpadded(await redis.get(key), stage.valueBytes) });
    return true;
  };
  try {
    for (let at = 0; at < keys.length; at += READS_UNDER_WAY)
      await Promise.all(keys.slice(at, at + READS_UNDER_WAY).map(read));
  } finally {
    redis.disconnect();
  }
}

function beginRead({ history }: Stage, { name }: TestNode, who: string, key: string): OpenOperation {
  return history.begin({ client: `${who}, ${name}`, node: name, key, kind: 'read' });
}
