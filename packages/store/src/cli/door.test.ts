/** The command line and the HTTP door of one node, together: what one asks the other answers. */
import { silentLogger } from '@rkv/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminError } from '../admin/admin-error.ts';
import type { Admin, Finding } from '../admin/api.ts';
import { AdminServer } from '../admin/http.ts';
import { rkv } from './program.ts';

const values = new Map<string, Uint8Array>();
const where = { node: 'n1', partition: 3, index: '42' };
const plan = { id: 'p1', changes: [{ action: 'join', node: 'n2' }], transitions: [] };
let staged = false;
let findings: Finding[] = [];

const admin: Admin = {
  ping: async (n) => ({ result: 'pong', n: n + 1, ...where }),
  async get(key, options) {
    const value = values.get(key);
    return { found: value !== undefined, ...(value && { value }), ...(options.where && { where }) };
  },
  async put(key, value, options) {
    if (options.w === 9) throw new AdminError('unreachable', 'needed 9, got 1');
    values.set(key, value);
    return options.where ? { where } : {};
  },
  delete: async (key) => ({ existed: values.delete(key) }),
  key: async (key) => ({
    key,
    keyHex: Buffer.from(key, 'latin1').toString('hex'),
    hash: '',
    partition: 3,
    index: '42',
    preflist: [],
    replicas: [],
  }),
  status: async () => ({
    members: [],
    ready: true,
    claimant: 'n1',
    epoch: 2,
    clusterId: 'c',
    ringSize: 8,
    pending: 0,
  }),
  ring: async () => ({ ringSize: 8, version: 2, claimant: 'n1', owners: [], pending: [], buckets: [] }),
  transfers: async () => ({ active: [], waiting: [] }),
  controlTransfers: async () => ({ nodes: [], failed: [] }),
  limitTransfers: async () => ({ nodes: [], failed: [] }),
  exchange: async () => ({ partitions: [], differing: 0, paused: [], failed: [] }),
  controlExchange: async () => ({ nodes: [], failed: [] }),
  scrub: async () => ({ vnodes: [], failed: [] }),
  repair: async () => ({ node: 'n1', begun: true }),
  async join() {
    staged = true;
    return { claimant: 'n1' };
  },
  stage: async () => ({ claimant: 'n1' }),
  abortResize: async () => ({ epoch: 3 }),
  down: async () => ({ epoch: 3, warnings: [] }),
  apply: async () => ({ done: true, steps: [], waiting: [] }),
  doctor: async () => ({ findings }),
  buckets: async () => [{ prefix: '', prefixHex: '', n: 3, level: 'eventual' }],
  changeBucket: async (prefix, wanted) => ({
    prefix,
    prefixHex: Buffer.from(prefix, 'latin1').toString('hex'),
    n: wanted?.n ?? 3,
    level: wanted?.level ?? 'eventual',
    changed: true,
    epoch: 4,
    warnings: [],
  }),
  async clear() {
    staged = false;
  },
  plan: async () => (staged ? plan : { ...plan, changes: [] }),
  async commit(planId) {
    if (planId !== undefined && planId !== plan.id)
      throw new AdminError('plan_changed', 'the plan is another by now');
    return { epoch: 2 };
  },
  readiness: () => ({ ready: true, reasons: [] }),
  load: () => ({
    limits: [],
    loopDelay: { meanMs: 0, p99Ms: 0, maxMs: 0 },
    openRequests: 0,
    transfers: { active: 0, waiting: 0 },
    exchange: {
      alike: 0,
      differed: 0,
      mendedHere: 0,
      mendedThere: 0,
      received: 0,
      differing: 0,
      oldestMs: undefined,
      partitions: [],
    },
    tidied: { swept: 0, reaped: 0 },
    cluster: { framesSent: 0, framesReceived: 0, framesNotTaken: 0, peersUp: 0, peersDown: 0 },
  }),
};

const server = new AdminServer({ admin, node: 'n1', logger: silentLogger });
let port: number;
beforeAll(async () => {
  ({ port } = await server.listen('127.0.0.1', 0));
});
afterAll(() => server.close());

async function run(...args: string[]) {
  let [out, err] = ['', ''];
  const terminal = {
    out: (text: string | Uint8Array) => void (out += String(text)),
    err: (text: string) => void (err += text),
    env: { RKV_NODE: `127.0.0.1:${port}` },
    isTty: false,
  };
  const code = await rkv(args, {
    terminal,
    startServer: () => Promise.reject(new Error('no node is started here')),
  });
  return { code, out, err };
}

describe('rkv against a node', () => {
  it('puts, gets, deletes', async () => {
    expect(await run('put', 'grün & co', 'a=b%20', '--where')).toMatchObject({
      code: 0,
      out: "ok at 'n1', partition 3 (42)\n",
    });
    expect((await run('get', 'grün & co')).out).toBe('a=b%20\n');
    expect((await run('get', 'grün & co', '--where', '--json')).out).toBe(
      '{"found":true,"value":"a=b%20","where":{"node":"n1","partition":3,"index":"42"}}\n',
    );
    expect((await run('del', 'grün & co')).out).toBe('ok\n');
    expect((await run('del', 'grün & co')).out).toBe('ok (there was nothing)\n');
    expect(await run('put', 'k', 'v', '--w', '9')).toMatchObject({
      code: 1,
      err: 'rkv: unreachable: needed 9, got 1\n',
    });
  });

  it('examines the cluster: 1 when something is wrong', async () => {
    expect(await run('doctor')).toMatchObject({
      code: 0,
      out: 'As n1 sees it, nothing is wrong.\n',
      err: '',
    });
    findings = [
      { severity: 'wrong', what: 'n3 is not heard.', advice: 'Start it.' },
      { severity: 'look', what: 'n2 is slow.', advice: 'Help it.' },
    ];
    expect(await run('doctor')).toEqual({
      code: 1,
      out: 'As n1 sees it:\n\nWRONG  n3 is not heard.\n       Start it.\n\nLOOK   n2 is slow.\n       Help it.\n',
      err: 'rkv: unwell: 1 thing is wrong\n',
    });
    expect(JSON.parse((await run('doctor', '--json')).out)).toEqual({ node: 'n1', findings });
    findings = [];
  });

  it('explains keys of any bytes', async () => {
    expect(JSON.parse((await run('key', '00ff', '--hex', '--json')).out)).toMatchObject({ keyHex: '00ff' });
    expect(JSON.parse((await run('key', '', '--json')).out)).toMatchObject({ keyHex: '' });
  });

  it('stages, plans, commits, waits, clears', async () => {
    expect((await run('cluster', 'join', '127.0.0.1:8099', '--json')).out).toBe('{"claimant":"n1"}\n');
    expect(JSON.parse((await run('cluster', 'plan', '--json')).out)).toEqual(plan);
    expect((await run('cluster', 'commit', '--plan', 'p0')).err).toBe(
      'rkv: plan_changed: the plan is another by now\n',
    );
    expect(await run('cluster', 'commit', '--wait', '--json')).toMatchObject({
      code: 0,
      out: '{"epoch":2}\n',
    });
    expect((await run('cluster', 'clear', '--json')).out).toBe('{"result":"ok"}\n');
    expect((await run('cluster', 'plan')).out).toBe('Nothing is staged.\n');
  });

  it('pings', async () => {
    expect(JSON.parse((await run('ping', '41', '--json')).out)).toMatchObject({ result: 'pong', n: 42 });
  });
});
