/** Joining and leaving with real nodes: what they hold moves, and nothing is lost on the way. */
import { beforeAll, describe, expect, it } from 'vitest';
import { commitAll, type Nodes, type TestNode } from './nodes.ts';
import { exchange, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

/** k1 ... as in the tutorial: key i holds i. */
function numbered(first: number, last: number): [key: string, value: string][] {
  return Array.from({ length: last - first + 1 }, (_, at) => [`k${first + at}`, String(first + at)]);
}

/** So many at a time: each has a second, and the disk may be somebody else's at the moment. */
const PIPELINE = 50;

async function write(node: TestNode, pairs: readonly [string, string][]): Promise<void> {
  await withRedis(node, async (client) => {
    for (let at = 0; at < pairs.length; at += PIPELINE) {
      const commands = pairs.slice(at, at + PIPELINE).map(([key, value]) => ['set', key, value]);
      const answers = await exchange(client, commands);
      expect(answers.filter((answer) => answer !== 'OK')).toEqual([]);
    }
  });
}

async function read(node: TestNode, pairs: readonly [string, string][]): Promise<[string, unknown][]> {
  const answers = await withRedis(node, (client) =>
    exchange(
      client,
      pairs.map(([key]) => ['get', key]),
    ),
  );
  return pairs.map(([key], at) => [key, answers[at]]);
}

interface Status {
  readonly members: readonly {
    name: string;
    status: string;
    up: boolean;
    ringPercent: number;
    pendingPercent: number;
  }[];
  readonly ready: boolean;
}

interface Ring {
  readonly owners: readonly string[];
  readonly pending: readonly unknown[];
}

interface Plan {
  readonly id: string;
  readonly changes: readonly { action: string; node: string }[];
}

describe('three lone nodes with keys of their own become one cluster, and shrink again', () => {
  const nodes = withNodes();
  const pairs = numbered(1, 300);
  let [n1, n2, n3] = [] as unknown as [TestNode, TestNode, TestNode];

  beforeAll(async () => {
    [n1, n2, n3] = await nodes.startLone('n1', 'n2', 'n3');
    await write(n1, numbered(1, 100));
    await write(n2, numbered(101, 200));
    await write(n3, numbered(201, 300));
  });

  it('join, plan, commit: the plan is what happens', async () => {
    await n2.tell('cluster', 'join', n1.clusterAddress);
    await n3.tell('cluster', 'join', n1.clusterAddress);
    const plan = await n1.tell<Plan & { transitions: { owners: string[] }[] }>('cluster', 'plan');
    expect(plan.changes).toEqual([
      { action: 'join', node: 'n2' },
      { action: 'join', node: 'n3' },
    ]);
    await n1.tell('cluster', 'commit', '--plan', plan.id, '--wait');
    for (const node of [n1, n2, n3]) {
      const ring = await node.tell<Ring>('ring');
      expect(ring.owners).toEqual(plan.transitions[0]?.owners);
      expect(ring.pending).toEqual([]);
    }
    const { members, ready } = await n1.tell<Status>('cluster', 'status');
    expect(ready).toBe(true);
    expect(members.map(({ name, status, up, ringPercent }) => [name, status, up, ringPercent])).toEqual([
      ['n1', 'valid', true, 37.5],
      ['n2', 'valid', true, 31.3],
      ['n3', 'valid', true, 31.3],
    ]);
  });

  it('all 300 keys are at every node (tutorial, chapter 10)', async () => {
    for (const node of [n1, n2, n3]) expect(await read(node, pairs)).toEqual(pairs);
    expect(await withRedis(n2, (client) => client.dbsize())).toBe(300);
  });

  it('a node that leaves ends with exit 0, and its keys stay', async () => {
    await n1.tell('cluster', 'leave', 'n3');
    await commitAll(n1);
    expect(await n3.untilExit()).toEqual({ code: 0, signal: null });
    expect(n3.log).toMatch(/n3 has left the cluster/);
    for (const node of [n1, n2]) expect(await read(node, pairs)).toEqual(pairs);
    const { members } = await n2.tell<Status>('cluster', 'status');
    expect(members.map(({ name }) => name)).toEqual(['n1', 'n2']);
  });

  it('the claimant leaves too, asked by nobody but itself', async () => {
    await n1.tell('cluster', 'leave');
    await n1.tell('cluster', 'plan');
    await n1.tell('cluster', 'commit', '--wait');
    expect(await n1.untilExit()).toEqual({ code: 0, signal: null });
    expect(await read(n2, pairs)).toEqual(pairs);
  });

  it('who left comes back as a new, empty node, and may join again', async () => {
    await n3.start();
    expect(await withRedis(n3, (client) => client.dbsize())).toBe(0);
    await n3.tell('cluster', 'join', n2.clusterAddress);
    await commitAll(n2);
    for (const node of [n2, n3]) expect(await read(node, pairs)).toEqual(pairs);
  });
});

describe('plans', () => {
  const nodes: Nodes = withNodes();
  const pairs = numbered(1, 3_000).map(([key, value]): [string, string] => [key, value.padEnd(1_000, '.')]);
  let [n1, n2, n3] = [] as unknown as [TestNode, TestNode, TestNode];

  beforeAll(async () => {
    [n1, n2, n3] = await nodes.startLone('n1', 'n2', 'n3');
    await write(n1, pairs);
  });

  it('a plan that is no longer the one is not committed: plan_changed', async () => {
    await n2.tell('cluster', 'join', n1.clusterAddress);
    const first = await n1.tell<Plan>('cluster', 'plan');
    await n3.tell('cluster', 'join', n1.clusterAddress);
    const stale = await n1.rkv('cluster', 'commit');
    expect(stale).toMatchObject({ code: 1, err: expect.stringMatching(/^rkv: plan_changed: /) });
    const second = await n1.tell<Plan>('cluster', 'plan');
    expect(second.changes).toHaveLength(2);
    const other = await n1.rkv('cluster', 'commit', '--plan', first.id);
    expect(other).toMatchObject({ code: 1, err: expect.stringMatching(/^rkv: plan_changed: /) });
  });

  it('cleared, nothing is staged, and those who asked are lone nodes as before', async () => {
    await n1.tell('cluster', 'clear');
    expect(await n1.rkv('cluster', 'plan')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^rkv: nothing_planned: /),
    });
    const { members } = await n1.tell<Status>('cluster', 'status');
    expect(members.map(({ name }) => name)).toEqual(['n1']);
    await withRedis(n2, async (client) => {
      expect(await client.set('alone', 'still')).toBe('OK');
      expect(await client.del('alone')).toBe(1);
    });
  });

  it('plan and commit are refused while an earlier commit moves data: pending_changes', async () => {
    await n2.tell('cluster', 'join', n1.clusterAddress);
    await n1.tell('cluster', 'plan');
    await post(n1, 'commit');
    const [plan, commit] = [await post(n1, 'plan'), await post(n1, 'commit')];
    expect([plan.status, commit.status]).toEqual([409, 409]);
    expect([plan.code, commit.code]).toEqual(['pending_changes', 'pending_changes']);
    await n1.tell('cluster', 'status', '--wait');
    for (const node of [n1, n2]) expect(await read(node, pairs)).toEqual(pairs);
  });
});

/** Quicker than the command line, which must start first. */
async function post(node: TestNode, what: string): Promise<{ status: number; code: string | undefined }> {
  const answer = await fetch(`${node.url}/api/cluster/${what}`, { method: 'POST' });
  const { error } = (await answer.json()) as { error?: { code: string } };
  return { status: answer.status, code: error?.code };
}
