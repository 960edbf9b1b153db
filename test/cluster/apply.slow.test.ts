/** Members that are wanted, and nodes that want to be members: real nodes, started in any order and asked by hands that fail. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { rkvCutShort } from './cli.ts';
import { commitAll, type TestNode } from './nodes.ts';
import { exchange, numbered, sendForEach, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const nodes = withNodes();
const SOON = { timeout: 60_000, interval: 100 };

interface Status {
  readonly members: readonly { name: string; status: string }[];
  readonly epoch: number;
  readonly ready: boolean;
}

interface Applied {
  readonly done: boolean;
  readonly steps: readonly string[];
}

/** By name: who of several was let in first is a matter of chance. */
async function membersAt(node: TestNode): Promise<string> {
  const { members } = await node.tell<Status>('cluster', 'status');
  return members
    .map(({ name, status }) => `${name} ${status}`)
    .toSorted()
    .join(', ');
}

function fileOf(name: string, ...members: readonly (string | TestNode)[]): string {
  const path = join(nodes.folder, name);
  const wanted = members.map((member) =>
    typeof member === 'string' ? member : { name: member.name, address: member.clusterAddress },
  );
  writeFileSync(path, JSON.stringify({ members: wanted }));
  return path;
}

describe('cluster apply FILE', () => {
  const keys = numbered('key', 500);
  let [n1, n2, n3] = [] as unknown as [TestNode, TestNode, TestNode];

  async function expectAllKeysAt(...members: readonly TestNode[]): Promise<void> {
    const commands = keys.map((key) => ['get', key]);
    for (const member of members)
      expect(await withRedis(member, (client) => exchange(client, commands))).toEqual(keys);
  }

  beforeAll(async () => {
    [n1, n2, n3] = await nodes.startLone('n1', 'n2', 'n3');
    await sendForEach(n1, keys, (key) => ['set', key, key]);
  });

  it('killed whenever it has done something, and called again until it is done', async () => {
    const file = fileOf('three.json', 'n1', n2, n3);
    const runs: (number | null)[] = [];
    do runs.push((await rkvCutShort('cluster', 'apply', file, '--node', n1.url)).code);
    while (/n[23] joining/.test(await membersAt(n1)) || (await membersAt(n1)) === 'n1 valid');
    expect(runs[0]).toBeNull();
    expect(await n1.tell<Applied>('cluster', 'apply', file, '--wait')).toMatchObject({ done: true });
    for (const node of [n1, n2, n3]) expect(await membersAt(node)).toBe('n1 valid, n2 valid, n3 valid');
    await expectAllKeysAt(n1, n2, n3);
  });

  it('a changed file removes one', async () => {
    const file = fileOf('two.json', 'n1', 'n3');
    const { steps } = await n1.tell<Applied>('cluster', 'apply', file, '--wait');
    expect(steps[0]).toBe('asked that n2 leave');
    expect(steps.at(-1)).toMatch(/^the plan is committed as epoch \d+$/);
    expect(await n2.untilExit()).toEqual({ code: 0, signal: null });
    for (const node of [n1, n3]) expect(await membersAt(node)).toBe('n1 valid, n3 valid');
    await expectAllKeysAt(n1, n3);
  });

  it('and once more changes nothing, whoever is asked', async () => {
    const { epoch } = await n1.tell<Status>('cluster', 'status');
    const file = fileOf('two.json', 'n1', 'n3');
    for (const node of [n1, n3])
      expect(await node.tell<Applied>('cluster', 'apply', file, '--wait')).toEqual({ done: true, steps: [] });
    expect((await n3.tell<Status>('cluster', 'status')).epoch).toBe(epoch);
  });

  it('a member that is called down while it leaves is named, and goes once it is back', async () => {
    const file = fileOf('one.json', 'n1', 'n2');
    await n2.start();
    await n1.tell('cluster', 'apply', fileOf('three again.json', 'n1', n2, 'n3'), '--wait');
    await n1.tell('transfers', 'pause');
    await n1.tell('cluster', 'apply', file);
    expect(await membersAt(n1)).toBe('n1 valid, n2 valid, n3 leaving');
    await n3.kill9();
    await vi.waitFor(() => n1.tell('cluster', 'down', 'n3'), SOON);
    const look = await n1.ask('/api/cluster/apply', {
      method: 'POST',
      body: JSON.stringify({ members: [{ name: 'n1' }, { name: 'n2' }] }),
    });
    expect(JSON.parse(look.text)).toMatchObject({
      done: false,
      steps: [],
      waiting: ['n3 is down and can hand nothing over: start it, or cluster force-remove n3'],
    });
    await n3.start();
    await n1.tell('transfers', 'resume');
    const { steps } = await n1.tell<Applied>('cluster', 'apply', file, '--wait');
    expect(steps.at(-1)).toMatch(/^the plan is committed as epoch \d+$/);
    expect(await n3.untilExit()).toEqual({ code: 0, signal: null });
    expect(await membersAt(n2)).toBe('n1 valid, n2 valid');
    await expectAllKeysAt(n1, n2);
  });
});

describe('a node that wants to join', () => {
  let [m1, m2, m3] = [] as unknown as [TestNode, TestNode, TestNode];

  it('start --join: the other one comes up three seconds later', async () => {
    m1 = await nodes.create('m1');
    m2 = await nodes.create('m2', { flags: ['--join', m1.clusterAddress] });
    await m2.start();
    await vi.waitFor(() => expect(m2.log).toMatch(/the join has to wait: .* cannot be joined: /), SOON);
    await pause(3_000);
    await m1.start();
    await vi.waitFor(() => expect(m2.log).toMatch(/a join is staged at m1: plan and commit it there/), SOON);
    expect(m2.log.match(/the join has to wait/g)).toHaveLength(1);
    expect(await membersAt(m1)).toBe('m1 valid, m2 joining');
  });

  it('join --wait ends before anybody has committed', async () => {
    [m3] = await nodes.startLone('m3');
    await m3.tell('cluster', 'join', m1.clusterAddress, '--wait');
    expect(await membersAt(m1)).toBe('m1 valid, m2 joining, m3 joining');
    await commitAll(m1);
    for (const node of [m1, m2, m3]) expect(await membersAt(node)).toBe('m1 valid, m2 valid, m3 valid');
  });

  it('started again with --join it is a member as before, and asks nobody', async () => {
    expect(await m2.stop()).toMatchObject({ code: 0 });
    const { length } = m2.log;
    await m2.start();
    expect(await membersAt(m2)).toBe('m1 valid, m2 valid, m3 valid');
    expect(m2.log.slice(length)).not.toMatch(/join/);
  });
});
