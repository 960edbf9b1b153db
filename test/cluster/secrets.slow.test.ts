/** The shared secret with real nodes: not needed on this machine, needed beyond it, and exchanged while the cluster works. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rkv } from './cli.ts';
import { joinAll, type TestNode } from './nodes.ts';
import { withRedis } from './redis-client.ts';
import { withNodes } from './with-nodes.ts';

describe('rkv start beyond this machine, without a secret', () => {
  it.each([
    [
      '--cluster',
      '0.0.0.0:8099',
      /^rkv: --cluster: others are told to reach this node here, so it must be one address/,
    ],
    [
      '--cluster',
      '192.0.2.1:8099',
      /^rkv: --cluster: 192\.0\.2\.1 is reached from outside, which needs --secret-file/,
    ],
    [
      '--cluster',
      'node-1:8099',
      /^rkv: --cluster: node-1 is reached from outside, which needs --secret-file/,
    ],
    [
      '--redis',
      '0.0.0.0:6379',
      /^rkv: --redis: 0\.0\.0\.0 is reached from outside, which needs --secret-file/,
    ],
  ])('%s %s is refused with a sentence, exit 2', async (flag, address, sentence) => {
    const { code, out, err } = await rkv('start', flag, address);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
  });
});

describe('a secret that is exchanged on a working cluster', () => {
  const nodes = withNodes({ storage: 'lmdb' });
  const [older, newer] = ['the old secret of this house', 'the new secret of this house'];
  const fileOf = (name: string): string => join(nodes.folder, `${name}.secret`);
  const write = (name: string, ...secrets: string[]): void =>
    writeFileSync(fileOf(name), `${secrets.join('\n')}\n`);
  let round = 0;
  let member: TestNode;

  async function create(name: string): Promise<TestNode> {
    write(name, older);
    const node = await nodes.create(name, { flags: ['--secret-file', fileOf(name)] });
    await node.start();
    return node;
  }

  /** Through one node; read through another: both, and the links between them, must work. */
  async function works(writer: TestNode, reader: TestNode): Promise<void> {
    const value = `value ${++round}`;
    expect(await withRedis(writer, (client) => client.set(`k${round}`, value))).toBe('OK');
    expect(await withRedis(reader, (client) => client.get(`k${round}`))).toBe(value);
  }

  it('each node restarted with old and new, new and old, new: every write counts, nobody is refused', async () => {
    const all = [await create('n1'), await create('n2'), await create('n3')];
    await joinAll(all);
    member = all[0] as TestNode;
    // While they join, a node that is a member already may knock at one that does not know of it yet.
    const joined = all.map(({ log }) => log.length);
    for (const secrets of [[older, newer], [newer, older], [newer]]) {
      for (const node of all) {
        const [one, other] = all.filter((each) => each !== node) as [TestNode, TestNode];
        write(node.name, ...secrets);
        await node.stop();
        await works(one, other);
        await node.start();
        await works(node, one);
        await works(other, node);
      }
    }
    for (let at = 1; at <= round; at++) {
      for (const node of all)
        expect(await withRedis(node, (client) => client.get(`k${at}`))).toBe(`value ${at}`);
    }
    const logs = all.map(({ log }, at) => log.slice(joined[at])).join('');
    expect(logs).not.toMatch(/does not know the shared secret|did not prove|refused/);
    expect(logs).not.toMatch(/the (old|new) secret of this house/);
  });

  it('whoever has the old one alone is not let in any more', async () => {
    const late = await create('n4');
    const { code, err } = await late.rkv('cluster', 'join', member.clusterAddress);
    expect(code).toBe(1);
    expect(err).toMatch(/not_reachable: .* it does not know the shared secret of this node/);
  });
});
