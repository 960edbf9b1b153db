/** What `--wait` waits for, and when it ends. */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToldNode } from '../../test/cli/told-node.ts';

let node: ToldNode;
const run = (...args: string[]) => node.run(...args);
const askedFor = (what: string): number =>
  node.asked.filter(({ request }) => request === `GET ${what}`).length;
beforeEach(async () => {
  node = new ToldNode();
  await node.open();
});
afterEach(() => node.close());

const members = [
  { name: 'n1', status: 'valid' },
  { name: 'n2', status: 'valid' },
];
const status = { members, ready: true, node: 'n1' };
const ring = { version: 4, pending: [] };
const rest = { active: [], waiting: [] };

describe('--wait', () => {
  it('commit --wait ends when nothing moves any more', async () => {
    const pending = [{ partition: 1, from: 'n1', to: 'n2', status: 'waiting' }];
    node.answers = {
      'POST /api/cluster/commit': { epoch: 4 },
      'GET /api/status': [{ ...status, ready: false }, status],
      'GET /api/ring': [{ ...ring, version: 3 }, { ...ring, pending }, ring],
      'GET /api/transfers': [
        rest,
        rest,
        { active: [], waiting: [{ ...pending[0], kind: 'hinted', reason: 'full' }] },
        rest,
      ],
    };
    expect((await run('cluster', 'commit', '--wait')).code).toBe(0);
    expect(askedFor('/api/ring')).toBe(4);
  });

  it('join --wait ends before anybody has committed; then what is committed is waited for', async () => {
    const candidate = {
      ...status,
      node: 'n2',
      ready: false,
      members: [members[0], { name: 'n2', status: 'joining' }],
    };
    const own = {
      active: [],
      waiting: [{ kind: 'hinted', partition: 1, from: 'n2', to: 'n1', reason: 'full' }],
    };
    node.answers = {
      'POST /api/cluster/join': { claimant: 'n1' },
      'POST /api/cluster/commit': { epoch: 4 },
      'GET /api/status': candidate,
      'GET /api/ring': ring,
      'GET /api/transfers': [own, rest],
    };
    expect((await run('cluster', 'join', '127.0.0.1:8099', '--wait')).code).toBe(0);
    expect(askedFor('/api/transfers')).toBe(2);
    node.answers['GET /api/status'] = [candidate, status];
    node.asked = [];
    expect((await run('cluster', 'commit', '--wait')).code).toBe(0);
    expect(askedFor('/api/status')).toBe(2);
  });

  it('down --wait waits for the ring that says so', async () => {
    node.answers = {
      'POST /api/cluster/down': { epoch: 5, warnings: [] },
      'GET /api/status': status,
      'GET /api/ring': [ring, { ...ring, version: 5 }],
      'GET /api/transfers': rest,
    };
    expect(await run('cluster', 'down', 'n2', '--wait')).toMatchObject({
      code: 0,
      out: "'n2' counted as down from epoch 5 on, until heard again.\n",
    });
    expect(askedFor('/api/ring')).toBe(2);
  });

  it('commit --wait at the node that leaves ends when it is gone', async () => {
    const leaving = { ...status, members: members.map((member) => ({ ...member, status: 'leaving' })) };
    node.answers = {
      'POST /api/cluster/commit': { epoch: 4 },
      'GET /api/status': leaving,
      'GET /api/ring': { ...ring, pending: [{ partition: 1, from: 'n1', to: 'n2', status: 'active' }] },
      'GET /api/transfers': rest,
    };
    const committed = run('cluster', 'commit', '--wait');
    while (!node.asked.some(({ request }) => request === 'GET /api/transfers'))
      await once(node.door, 'request');
    await once(node.door, 'request');
    node.close();
    expect(await committed).toMatchObject({
      code: 0,
      err: expect.stringContaining('The node that was asked has left'),
    });
  });

  it('commit --wait takes the word of a node that has left and still drains', async () => {
    const left = { error: { code: 'left', message: 'this node has left the cluster and ends' } };
    node.answers = {
      'POST /api/cluster/commit': { epoch: 4 },
      'GET /api/status': left,
      'GET /api/ring': left,
      'GET /api/transfers': left,
    };
    expect(await run('cluster', 'commit', '--wait')).toMatchObject({
      code: 0,
      err: expect.stringContaining('The node that was asked has left'),
    });
  });
});
