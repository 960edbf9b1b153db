import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToldNode } from '../../test/cli/told-node.ts';
import type { ExchangeView, PlanView, RingView, StatusView, TransfersView } from '../admin/api.ts';

let node: ToldNode;
const run = (...args: string[]) => node.run(...args);
beforeEach(async () => {
  node = new ToldNode();
  await node.open();
});
afterEach(() => node.close());

const folder = mkdtempSync(join(tmpdir(), 'rkv-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const members: StatusView['members'] = [
  {
    name: 'n1',
    id: 'aa',
    address: '127.0.0.1:8099',
    status: 'valid',
    up: true,
    partitions: 8,
    slow: true,
    ringPercent: 37.5,
    pendingPercent: 37.5,
    location: '',
    services: ['rkv', 'locks'],
    partialVnodes: 0,
  },
  {
    name: 'n2',
    id: 'bb',
    address: '127.0.0.1:8199',
    status: 'valid',
    up: false,
    partitions: 8,
    slow: false,
    ringPercent: 62.5,
    pendingPercent: 62.5,
    location: 'r1',
    services: ['rkv'],
    partialVnodes: 5,
  },
];
const status = { members, ready: true, claimant: 'n1', epoch: 4, clusterId: 'c', node: 'n1' };
const ring: RingView = {
  ringSize: 8,
  version: 4,
  claimant: 'n1',
  owners: ['n1', 'n2', 'n2', 'n1', 'n2', 'n2', 'n1', 'n2'],
  pending: [],
  buckets: [{ prefix: '', n: 3, level: 'eventual' }],
};
const rest: TransfersView = { active: [], waiting: [] };
const plan: PlanView = {
  id: 'p1',
  changes: [{ action: 'join', node: 'n2' }],
  transitions: [
    {
      ringSize: 8,
      owners: ring.owners,
      reassigned: [],
      transfers: [
        { partition: 1, from: 'n1', to: 'n2' },
        { partition: 2, from: 'n1', to: 'n2' },
      ],
      pairs: [{ from: 'n1', to: 'n2', count: 2 }],
      certificate: {
        counts: [
          { node: 'n1', count: 3 },
          { node: 'n2', count: 5 },
        ],
        n3: 3,
        n4: 4,
        avoidable: false,
        moves: 2,
        leastMoves: 2,
      },
      warnings: ['3 preference lists have a node twice'],
      members: [{ name: 'n1', status: 'valid', ringPercent: 100, pendingPercent: 37.5 }],
    },
  ],
};

describe('exit codes', () => {
  it.each([
    [['cure'], /unknown command 'cure'/],
    [['cluster', 'down'], /missing required argument 'names'/],
    [['cluster', 'replace', 'n1'], /missing required argument 'new'/],
    [['cluster', 'apply', 'no/such/file'], /ENOENT/],
    [['get'], /missing required argument 'key'/],
    [['get', 'a', 'b'], /too many arguments/],
    [['get', 'k', '--r', 'two'], /must be a whole number/],
    [['get', 'k', '--colour', 'red'], /unknown option '--colour'/],
    [['ring', 'resize'], /missing required argument 'size'/],
    [['ring', 'resize', '24'], /power of two/],
    [['ping', '--node', 'ftp://127.0.0.1'], /must be an http URL/],
    [['ping', '--node', 'http://'], /must be a URL/],
    [['key', 'abc', '--hex'], /pairs of hex digits/],
    [['key', 'abc', '--n', '2'], /--n goes with --ring/],
    [['claim', '--members', 'a,b'], /--ring-size/],
    [['claim', '--ring-size', '12', '--members', 'a'], /power of two/],
    [['claim', '--ring-size', '16', '--members', 'a,a'], /stands there twice/],
    [['claim', '--ring-size', '16', '--members', ''], /names with a comma/],
    [['claim', '--ring-size', '2048', '--members', 'a'], /from 8 to 1024/],
    [['claim', '--ring-size', '16', '--members', 'a', '--locations', 'b=x'], /not among --members/],
    [['claim', '--ring-size', '16', '--members', 'a', '--locations', 'a'], /pairs like a=x,b=y/],
    [['claim', '--ring-size', '16', '--members', 'a', '--locations', 'a=x,a=y'], /a stands there twice/],
    [['claim', '--ring-size', '16', '--members', 'a', '--from', 'no/such/file'], /--from .*ENOENT/],
    [['start', '--ring-size', '12'], /^rkv: --ring-size: ring size must be/],
    [['start', '--level', 'strong'], /must be eventual or strict/],
    [['bucket', 'set', 'a'], /--n or --level/],
    [['bucket', 'set', 'a', '--n', '9'], /from 1 to 8/],
    [['bucket', 'set', 'a', '--level', 'strong'], /Allowed choices are eventual, strict/],
    [['bucket', 'unset', 'abc', '--hex'], /pairs of hex digits/],
    [['dev', '--ring-size', '12'], /power of two/],
    [['dev', '--storage', 'disk'], /Allowed choices are memory, lmdb/],
    [['dev', '--base-redis', '8099'], /would both have port 8099/],
    [[], /Usage: rkv/],
    [['cluster'], /Usage: rkv cluster/],
  ])('%j is wrong usage: 2', async (args, why) => {
    const { code, err, out } = await run(...args);
    expect(err).toMatch(why);
    expect(err).toMatch(/^(rkv|Usage): /);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('refused: 1, with the reason and its code on stderr', async () => {
    node.answers['POST /api/cluster/commit'] = {
      error: { code: 'plan_changed', message: 'the plan is another by now' },
    };
    expect(await run('cluster', 'commit')).toMatchObject({
      code: 1,
      out: '',
      err: 'rkv: plan_changed: the plan is another by now\n',
    });
  });

  it('refused with --json: the same as the door says it, with all that is known', async () => {
    const error = {
      code: 'unreachable',
      message: 'too few',
      definite: true,
      needed: 2,
      got: 1,
      from: ['n1'],
    };
    node.answers['POST /api/put'] = { error };
    const { code, out, err } = await run('put', 'k', 'v', '--json');
    expect({ code, out, err: JSON.parse(err) as unknown }).toEqual({ code: 1, out: '', err: { error } });
  });

  it('no node there: 1', async () => {
    const { code, err } = await run('ring', '--node', 'http://127.0.0.1:1');
    expect(code).toBe(1);
    expect(err).toMatch(
      /^rkv: no_node: no node can be reached at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\).*RKV_NODE/,
    );
  });

  it('not a node there: 1', async () => {
    expect(await run('ring')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/not as an rkv node does \(HTTP 500\)/),
    });
  });

  it('help and version: 0', async () => {
    expect(await run('--version')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    const { code, out } = await run('start', '--help');
    expect(code).toBe(0);
    for (const flag of [
      '--name',
      '--data-dir',
      '--ring-size',
      '--secret-file',
      '--join',
      '--config',
      '--json',
    ])
      expect(out).toContain(flag);
  });
});

describe('keys', () => {
  it('get --json tells what the node told', async () => {
    node.answers['GET /api/get'] = { found: true, value: 'grün' };
    expect((await run('get', 'k', '--json')).json).toEqual({ found: true, value: 'grün' });
    node.answers['GET /api/get'] = { found: false };
    expect(await run('get', 'k', '--json')).toMatchObject({ code: 0, out: '{"found":false}\n' });
  });

  it('get prints the value alone, byte for byte', async () => {
    node.answers['GET /api/get'] = {
      found: true,
      valueBase64: '/wA=',
      where: { node: 'n2', partition: 3, index: '7' },
    };
    expect(await run('get', 'k', '--where')).toMatchObject({
      out: '\xff\0\n',
      err: "at 'n2', partition 3 (7)\n",
    });
    node.answers['GET /api/get'] = { found: false };
    expect(await run('get', 'k')).toMatchObject({ code: 0, out: '', err: 'not found\n' });
  });

  it('sends bytes and options as they are', async () => {
    node.answers['POST /api/put'] = { result: 'ok' };
    node.answers['POST /api/del'] = { result: 'ok', existed: false };
    await run('put', 'a b+ü', '-5', '--w', '2', '--pw', '0', '--timeout', '50', '--where');
    await run('put', '', '', '--node', node.url);
    await run('put', 'k', 'v', '--dw', '2', '--notfound-ok', 'no');
    node.answers['GET /api/get'] = { found: false };
    await run('get', 'k', '--trace', 'a-b_1');
    const deleted = await run('del', '--json', '--', '--json');
    expect(node.asked).toEqual([
      { request: 'POST /api/put?key=a%20b%2B%C3%BC&w=2&pw=0&timeout=50&where=1', body: '-5' },
      { request: 'POST /api/put?key=', body: '' },
      { request: 'POST /api/put?key=k&dw=2&notfoundOk=0', body: 'v' },
      { request: 'GET /api/get?key=k&trace=a-b_1', body: '' },
      { request: 'POST /api/del?key=--json', body: '' },
    ]);
    expect(deleted.json).toEqual({ result: 'ok', existed: false });
  });

  it('draws a trace id and tells it, or refuses one that is none', async () => {
    node.answers['GET /api/get'] = { found: false };
    const { err } = await run('get', 'k', '--trace');
    const [, drawn] = /^trace ([0-9a-f]{16})\nnot found\n$/.exec(err) ?? [];
    expect(node.asked[0]?.request).toBe(`GET /api/get?key=k&trace=${drawn}`);
    expect(await run('get', 'k', '--trace', 'two words')).toMatchObject({ code: 2 });
  });

  it('ping counts on', async () => {
    node.answers['GET /api/ping'] = { result: 'pong', n: 4, node: 'n1', partition: 2, index: '9' };
    expect(await run('ping', '3')).toMatchObject({ code: 0, out: "pong 4 at 'n1', partition 2 (9)\n" });
    expect(node.asked[0]?.request).toBe('GET /api/ping?n=3');
  });

  it('key asks the node, in hex', async () => {
    const view = {
      key: 'k',
      keyHex: '6b',
      hash: 'ab',
      partition: 1,
      index: '5',
      preflist: [{ partition: 1, index: '5', node: 'n1', role: 'primary' }],
      replicas: [
        { node: 'n1', partition: 1, state: 'value', version: 'ff' },
        { node: 'n2', partition: 1, state: 'none' },
      ],
    };
    node.answers['GET /api/key'] = view;
    expect((await run('key', 'k', '--json')).json).toEqual(view);
    const { out } = await run('key', '6b', '--hex', '--assume-down', 'n2,n3');
    expect(out).toContain("  partition 1 (5) 'n1' primary  value ff\n  partition 1 'n2' also: none\n");
    expect(node.asked.map(({ request }) => request)).toEqual([
      'GET /api/key?keyHex=6b',
      'GET /api/key?keyHex=6b&assumeDown=n2%2Cn3',
    ]);
  });
});

describe('cluster', () => {
  const exchange: ExchangeView = { partitions: [], differing: 0, paused: [], failed: [] };

  it('prints JSON as the node gave it', async () => {
    node.answers = {
      'GET /api/status': status,
      'GET /api/ring': ring,
      'GET /api/transfers': rest,
      'GET /api/exchange': exchange,
      'POST /api/cluster/plan': plan,
    };
    expect((await run('cluster', 'status', '--json')).json).toEqual(status);
    expect((await run('ring', '--json')).json).toEqual(ring);
    expect((await run('transfers', '--json')).json).toEqual({ ...rest, exchange });
    expect((await run('cluster', 'plan', '--json')).json).toEqual(plan);
  });

  it('shows members and ring to people', async () => {
    node.answers = { 'GET /api/status': status, 'GET /api/ring': ring };
    const members = (await run('cluster', 'status')).out;
    expect(members).toContain(' Membership ');
    expect(members).toMatch(/^valid {6}37\.5% {6}-- {6}'n1'$/m);
    expect(members).toContain("Not reached: 'n2'");
    expect(members).toContain("Slow: 'n1'");
    expect(members).toContain("Healing: 'n2' (5 partial vnodes)");
    expect(members).toContain("Not run by 'n2': locks");
    const picture = (await run('ring')).out;
    expect(picture).toContain('abba|bbab|');
  });

  it('shows the plan', async () => {
    node.answers['POST /api/cluster/plan'] = plan;
    const lines = (await run('cluster', 'plan')).out.split('\n');
    expect(lines[0]).toBe('=============================== Staged Changes ================================');
    expect(lines).toContain("join           'n2'");
    expect(lines).toContain("  2 transfers from 'n1' to 'n2'");
    expect(lines).toContain('WARNING: 3 preference lists have a node twice');
    expect(lines).toContain('Node b: 5 ( 62.5%) n2');
    expect(lines).toContain('abba|bbab|');
    expect(lines).toContain('  partitions per member: 3 (1 member), 5 (1 member)');
    expect(lines).toContain('  successive three partitions with a node twice: 3 (the fewest possible)');
    expect(lines).toContain('  successive four partitions with a node twice: 4');
    expect(lines.some((line) => line.trim() === 'After cluster transition 1/1')).toBe(true);
    expect(Math.max(...lines.map((line) => line.length))).toBe(79);
  });

  it('says when nothing is staged', async () => {
    node.answers['POST /api/cluster/plan'] = { id: 'p', changes: [], transitions: [] };
    expect((await run('cluster', 'plan')).out).toBe('Nothing is staged.\n');
  });

  it('stages by POST', async () => {
    node.answers = {
      'POST /api/cluster/join': { claimant: 'n1' },
      'POST /api/cluster/leave': { claimant: 'n1' },
      'POST /api/cluster/clear': { result: 'ok' },
      'POST /api/cluster/commit': { epoch: 5 },
    };
    expect((await run('cluster', 'join', '127.0.0.1:8099')).out).toContain("'n1'");
    expect((await run('cluster', 'leave', '--json')).json).toEqual({ claimant: 'n1' });
    await run('cluster', 'leave', 'n2');
    await run('cluster', 'clear');
    await run('cluster', 'commit', '--plan', 'p1');
    expect(node.asked).toEqual([
      { request: 'POST /api/cluster/join', body: '{"address":"127.0.0.1:8099"}' },
      { request: 'POST /api/cluster/leave', body: '{}' },
      { request: 'POST /api/cluster/leave', body: '{"name":"n2"}' },
      { request: 'POST /api/cluster/clear', body: '' },
      { request: 'POST /api/cluster/commit', body: '{"planId":"p1"}' },
    ]);
  });
});

describe('offline', () => {
  const owners = Array.from({ length: 16 }, (_, partition) => 'abc'[partition % 3] as string);
  it('key knows the hash of the original, the empty key too', async () => {
    const path = file('ring.json', { ringSize: 16, owners });
    const { code, json } = await run('key', '', '--ring', path, '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({
      key: '',
      keyHex: '',
      hash: expect.stringMatching(/^[0-9a-f]{40}$/),
      replicas: [],
    });
    expect(json['preflist']).toHaveLength(3);
    expect((await run('key', '6b', '--hex', '--ring', path, '--json')).out).toBe(
      (await run('key', 'k', '--ring', path, '--json')).out,
    );
    expect(node.asked).toEqual([]);
  });

  it('key puts fallbacks after the primaries that are up', async () => {
    const path = file('ring2.json', { owners });
    const { json } = await run('key', 'k', '--ring', path, '--assume-down', 'a', '--json');
    const list = json['preflist'] as { node: string; role: string; partition: number }[];
    expect(list.map(({ role }) => role)).toEqual(['primary', 'primary', 'fallback']);
    expect(list.map(({ node }) => node)).not.toContain('a');
    expect((await run('key', 'k', '--ring', path, '--assume-down', 'z')).err).toContain('no_such_member: ');
  });

  it.each([
    ['nothing', join(tmpdir(), 'rkv-no-such-ring.json'), /ENOENT/],
    ['torn', '{', /JSON/],
    ['odd', { ringSize: 12, owners: [] }, /power of two/],
    ['short', { ringSize: 16, owners: ['a'] }, /1 owners do not fit/],
    ['numbers', { owners: [1] }, /owners\.0/],
  ])('a ring file with %s in it is refused', async (name, content, why) => {
    const path = name === 'nothing' ? String(content) : file(`${name}.json`, content);
    expect(await run('key', 'k', '--ring', path)).toMatchObject({ code: 1, err: expect.stringMatching(why) });
  });

  it('claim draws the ring of the tutorial', async () => {
    const { code, json } = await run('claim', '--ring-size', '16', '--members', 'a,b,c', '--json');
    expect(code).toBe(0);
    expect((json['owners'] as string[]).join('')).toBe('abcabcabcabcabca');
    expect(json).toMatchObject({ counts: { a: 6, b: 5, c: 5 }, moves: 10, leastMoves: 10 });
    expect(json['violations']).toEqual({ n3: expect.any(Number), n4: expect.any(Number) });
    expect(typeof json['avoidable']).toBe('boolean');
  });

  it('claim begins with a ring from a file, its own answer among them', async () => {
    const before = file(
      'three.json',
      (await run('claim', '--ring-size', '16', '--members', 'a,b,c', '--json')).out,
    );
    const { json } = await run(
      'claim',
      '--ring-size',
      '16',
      '--members',
      'a,b,c,d',
      '--from',
      before,
      '--locations',
      'a=x,b=y',
      '--json',
    );
    expect(new Set(json['owners'] as string[])).toEqual(new Set(['a', 'b', 'c', 'd']));
    expect(await run('claim', '--ring-size', '32', '--members', 'a', '--from', before)).toMatchObject({
      code: 2,
    });
    const short = file('short.json', { ringSize: 16, owners: ['a', 'b'] });
    expect(await run('claim', '--ring-size', '16', '--members', 'a', '--from', short)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/2 owners do not fit a ring of 16/),
    });
  });

  it('claim knows the locations of those who leave too', async () => {
    const before = file('leaver.json', { ringSize: 8, owners: [...'abcdabcd'] });
    const args = ['--ring-size', '8', '--members', 'a,b,c', '--from', before, '--locations', 'a=x,d=y'];
    expect(await run('claim', ...args, '--json')).toMatchObject({ code: 0, json: { leastMoves: 2 } });
  });
});
