/** What an operator may ask of a cluster that works: each command by itself, at real nodes, and what comes of it. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { commitAll, type TestNode } from './nodes.ts';
import { exchange, numbered, sendForEach, withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

const nodes = withNodes();
const SOON = { timeout: 60_000, interval: 100 };
const keys = numbered('key', 2_000);
const valueOf = (key: string): string => key.padEnd(1_000, '.');
let [n1, n2, n3, n4] = [] as unknown as [TestNode, TestNode, TestNode, TestNode];

beforeAll(async () => {
  [n1, n2, n3] = await nodes.startCluster('n1', 'n2', 'n3');
  await sendForEach(n1, keys, (key) => ['set', key, valueOf(key)]);
  [n4] = await nodes.startLone('n4');
});

interface Transfer {
  readonly kind: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  readonly reason?: string;
}

interface Transfers {
  readonly active: readonly Transfer[];
  readonly waiting: readonly Transfer[];
}

interface Ring {
  readonly ringSize: number;
  readonly owners: readonly string[];
  readonly pending: readonly { readonly partition: number; readonly from: string; readonly to: string }[];
  readonly resize?: { readonly ringSize: number };
}

interface Limits {
  readonly nodes: readonly {
    readonly node: string;
    readonly out: number;
    readonly in: number;
    readonly bytesPerSecond: number | null;
  }[];
}

interface Control {
  readonly nodes: readonly { readonly node: string; readonly cancelled: number }[];
}

const nodeNamed = (name: string | undefined): TestNode =>
  [n1, n2, n3, n4].find((node) => node.name === name) as TestNode;
const transfersNow = (): Promise<Transfers> => n1.tell<Transfers>('transfers');
const ringNow = (): Promise<Ring> => n1.tell<Ring>('ring');

function theOneThatRuns(): Promise<Transfer> {
  return vi.waitFor(async () => {
    const { active } = await transfersNow();
    expect(active).toHaveLength(1);
    return active[0] as Transfer;
  }, SOON);
}

async function membersNow(): Promise<string> {
  const { members } = await n1.tell<{ members: { name: string; status: string; up: boolean }[] }>(
    'cluster',
    'status',
  );
  return members.map(({ name, status, up }) => `${name} ${status}${up ? '' : ' away'}`).join(', ');
}

/** So many at a time: each has a second, and the disk may be somebody else's at the moment. */
const PIPELINE = 50;

async function expectAllKeysAt(...members: readonly TestNode[]): Promise<void> {
  for (const member of members)
    await withRedis(member, async (client) => {
      for (let at = 0; at < keys.length; at += PIPELINE) {
        const some = keys.slice(at, at + PIPELINE);
        const answers = await exchange(
          client,
          some.map((key) => ['get', key]),
        );
        expect(some.filter((key, i) => answers[i] !== valueOf(key))).toEqual([]);
      }
    });
}

describe('transfers, while a fourth node joins', () => {
  it('transfer-limit: so many at a time, and so fast', async () => {
    const slow = { out: 1, in: 1, bytesPerSecond: 5_000 };
    const set = await n1.tell<Limits>('transfer-limit', '1', '--bandwidth', '5kB');
    expect(set.nodes).toEqual(['n1', 'n2', 'n3'].map((node) => ({ node, ...slow })));
    const limited = await n1.tell<Limits>('transfer-limit', '--out', '2', '--node-name', 'n2');
    expect(limited.nodes).toEqual([{ node: 'n2', ...slow, out: 2 }]);
    expect((await n3.tell<Limits>('transfer-limit')).nodes).toEqual([
      { node: 'n1', ...slow },
      { node: 'n2', ...slow, out: 2 },
      { node: 'n3', ...slow },
    ]);
    await n4.tell('transfer-limit', '--in', '1');
    await n4.tell('cluster', 'join', n1.clusterAddress);
    await n1.tell('cluster', 'plan');
    await n1.tell('cluster', 'commit');
    // One at a time comes in, though four could go out.
    await vi.waitFor(async () => {
      const { active, waiting } = await transfersNow();
      expect(active.map(({ kind, to }) => `${kind} to ${to}`)).toEqual(['ownership to n4']);
      expect(waiting.length).toBeGreaterThan(1);
    }, SOON);
  });

  it('pause: nothing moves, and the reason is told', async () => {
    await n1.tell('transfers', 'pause');
    const { pending } = await ringNow();
    expect(pending.length).toBeGreaterThan(1);
    await vi.waitFor(async () => {
      const { active, waiting } = await transfersNow();
      expect(active).toEqual([]);
      expect(waiting.map(({ reason }) => reason)).toEqual(
        pending.map(() => 'all transfers of this node are paused'),
      );
    }, SOON);
  });

  it('resume, and cancel one: it waits, another goes', async () => {
    await n1.tell('transfers', 'resume');
    const { partition } = await theOneThatRuns();
    const { nodes: done } = await n1.tell<Control>('transfers', 'cancel', String(partition));
    expect(done.reduce((sum, { cancelled }) => sum + cancelled, 0)).toBe(1);
    expect((await theOneThatRuns()).partition).not.toBe(partition);
    const { waiting } = await transfersNow();
    const reasons = new Map(waiting.map((transfer) => [transfer.partition, transfer.reason]));
    expect(reasons.get(partition)).toMatch(/^cancelled by an operator, next try in \d+ s$/);
    reasons.delete(partition);
    for (const reason of reasons.values()) expect(reason).not.toMatch(/cancelled|paused/);
  });

  it('pause and resume one partition; without limits the others are soon there', async () => {
    await n1.tell('transfers', 'resume');
    const { partition } = await theOneThatRuns();
    await n1.tell('transfers', 'pause', String(partition));
    await n1.tell('transfer-limit', '4', '--bandwidth', 'off');
    await vi.waitFor(async () => {
      const { pending } = await ringNow();
      expect(pending.map((transfer) => transfer.partition)).toEqual([partition]);
    }, SOON);
    expect((await transfersNow()).waiting).toEqual([
      expect.objectContaining({ partition, reason: 'paused' }),
    ]);
    await n1.tell('transfers', 'resume', String(partition));
    await n1.tell('cluster', 'status', '--wait');
    expect((await ringNow()).pending).toEqual([]);
    expect(await membersNow()).toBe('n1 valid, n2 valid, n3 valid, n4 valid');
    await expectAllKeysAt(n1, n4);
  });
});

describe('repair PARTITION', () => {
  const [repaired, done] = ['3', /vnodes have merged all other copies of their ranges/];

  it('its owner asks for all other copies; cancelled it is given up', async () => {
    const owner = (await ringNow()).owners[Number(repaired)];
    await n1.tell('transfers', 'pause');
    expect(await n1.tell('repair', repaired)).toEqual({ node: owner, begun: true });
    expect(await n2.tell('repair', repaired)).toEqual({ node: owner, begun: false });
    const { waiting } = await transfersNow();
    expect(waiting.length).toBeGreaterThan(0);
    for (const transfer of waiting)
      expect(transfer).toMatchObject({ kind: 'repair', partition: 3, to: owner });
    const { nodes: asked } = await n1.tell<Control>('transfers', 'cancel', repaired);
    expect(asked).toContainEqual({ node: owner, cancelled: 1 });
    await n1.tell('transfers', 'resume');
    await n1.tell('cluster', 'status', '--wait');
    expect(nodeNamed(owner).log).not.toMatch(done);
  });

  it('left alone it ends, and the node says so', async () => {
    const { node, begun } = await n1.tell<{ node: string; begun: boolean }>('repair', repaired);
    expect(begun).toBe(true);
    await n1.tell('cluster', 'status', '--wait');
    expect(nodeNamed(node).log).toMatch(done);
  });
});

describe('cluster down NAME', () => {
  it('of a member that is up is refused', async () => {
    expect(await n1.rkv('cluster', 'down', 'n4')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^rkv: is_up: /),
    });
  });

  it('of one that is away takes its vote, and it is back once it is heard', async () => {
    await n4.kill9();
    await vi.waitFor(() => n1.tell('cluster', 'down', 'n4', '--wait'), SOON);
    expect(await membersNow()).toBe('n1 valid, n2 valid, n3 valid, n4 down away');
    await n3.kill9();
    // Two of four would be no majority.
    await vi.waitFor(() => n1.tell('cluster', 'leave', 'n2'), SOON);
    await n1.tell('cluster', 'clear');
    await Promise.all([n3.start(), n4.start()]);
    await vi.waitFor(
      async () => expect(await membersNow()).toBe('n1 valid, n2 valid, n3 valid, n4 valid'),
      SOON,
    );
    await expectAllKeysAt(n4);
  });
});

describe('ring resize', () => {
  it('abort: the ring keeps its size, and something else can be planned', async () => {
    await n1.tell('transfers', 'pause');
    await n1.tell('ring', 'resize', '32');
    await n1.tell('cluster', 'plan');
    await n1.tell('cluster', 'commit');
    expect(await ringNow()).toMatchObject({ ringSize: 16, resize: { ringSize: 32 } });
    expect((await transfersNow()).waiting.map(({ kind }) => kind)).toContain('resize');
    expect((await n1.rkv('cluster', 'plan')).err).toMatch(/^rkv: pending_changes: /);
    await n1.tell('ring', 'resize', 'abort');
    const ring = await ringNow();
    expect([ring.ringSize, ring.resize]).toEqual([16, undefined]);
    await n1.tell('transfers', 'resume');
    await n1.tell('cluster', 'status', '--wait');
    await n1.tell('cluster', 'leave', 'n2');
    await n1.tell('cluster', 'plan');
    await n1.tell('cluster', 'clear');
    await expectAllKeysAt(n1);
  });

  it('N: the ring has that size, and everything is there; then nothing is left to abort', async () => {
    await n1.tell('ring', 'resize', '32');
    await commitAll(n1);
    const { ringSize, owners } = await n4.tell<Ring>('ring');
    expect([ringSize, owners.length]).toEqual([32, 32]);
    await expectAllKeysAt(n1, n2, n3, n4);
    expect((await n1.rkv('ring', 'resize', 'abort')).err).toMatch(/^rkv: not_resizing: /);
  });
});
