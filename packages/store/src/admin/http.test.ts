import { once } from 'node:events';
import { request, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { type LimitUse, silentLogger } from '@rkv/core';
import { afterEach, describe, expect, it } from 'vitest';
import { mapAdmin, ring, status } from '../../test/admin/map-admin.ts';
import { AdminError } from './admin-error.ts';
import type { Admin } from './api.ts';
import { AdminServer, type AdminServerLimits } from './http.ts';

let server: AdminServer;
let port: number;
afterEach(() => server.close());

async function open(over: Partial<Admin> = {}, limits: Partial<AdminServerLimits> = {}) {
  const { admin, asked, values } = mapAdmin();
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (fields: object) => logged.push(fields) };
  server = new AdminServer({ admin: { ...admin, ...over }, node: 'n1', logger, limits });
  ({ port } = await server.listen('127.0.0.1', 0));
  return { asked, values, logged };
}

function useOf(limit: string): LimitUse | undefined {
  return server.limits().find((use) => use.limit === limit);
}

interface Told {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: Record<string, unknown>;
}

async function ask(
  method: string,
  path: string,
  body: string | Buffer = '',
  over: RequestOptions = {},
): Promise<Told> {
  const sent = request({ host: '127.0.0.1', port, method, path, agent: false, ...over });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const isJson = String(response.headers['content-type']).startsWith('application/json') && text !== '';
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : {},
  };
}

describe('pages', () => {
  it('live and ready', async () => {
    await open();
    expect((await ask('GET', '/livez')).status).toBe(200);
    expect(await ask('GET', '/readyz')).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
  });

  it('not ready is 503 with the reasons', async () => {
    await open({ readiness: () => ({ ready: false, reasons: ['the store is full'] }) });
    expect(await ask('GET', '/readyz')).toMatchObject({
      status: 503,
      json: { ready: false, reasons: ['the store is full'] },
    });
  });

  it('metrics are Prometheus text', async () => {
    await open();
    const { text, headers } = await ask('GET', '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('rkv_up{node="n1"} 1\n');
    expect(text).toContain('rkv_members{status="joining"} 1\n');
    expect(text).toContain('rkv_vnodes_partial{member="n1"} 4\n');
    expect(text).toContain('rkv_ring_epoch 7\n');
    expect(text).toContain('rkv_partitions_owned{member="n1"} 8\n');
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? [\d.e+]+)$/);
  });

  it('metrics tell of each limit what is in use, what there may be, and how often that was reached', async () => {
    await open();
    const { text } = await ask('GET', '/metrics');
    const limits = text
      .split('\n')
      .filter((line) => line.startsWith('rkv_limit_') && !line.includes('http_'));
    expect(limits).toEqual([
      'rkv_limit_used{limit="questions"} 3',
      'rkv_limit_used{limit="queue",peer="n2",lane="bulk"} 7',
      'rkv_limit_max{limit="questions"} 10',
      'rkv_limit_max{limit="queue",peer="n2",lane="bulk"} 8',
      'rkv_limit_max{limit="argument"} 16',
      'rkv_limit_reached_total{limit="questions"} 1',
    ]);
    expect(text).toContain('rkv_loop_delay_seconds{figure="max"} 0.3\n');
    expect(text).toContain('rkv_transfers{state="waiting"} 2\n');
    expect(text).toContain('rkv_exchange_items_total{at="here",asked="by_others"} 5\n');
    expect(text).toContain('rkv_exchange_oldest_seconds 7.5\n');
    expect(text).toContain('rkv_swept_total 8\n');
    expect(text).toContain('rkv_reaped_total 9\n');
    expect(text).toContain('rkv_frames_total{way="not_taken"} 3\n');
    expect(text).toContain('rkv_redis_commands_total 2\n');
  });

  it('metrics ask no other node', async () => {
    const hangs = (): Promise<never> => new Promise(() => {});
    await open({ transfers: hangs, ring: hangs }, { requestMs: 2_000 });
    expect((await ask('GET', '/metrics')).status).toBe(200);
  });

  it('the front page links to the facts', async () => {
    await open();
    const { text, headers } = await ask('GET', '/');
    expect(headers['content-type']).toMatch(/^text\/html/);
    for (const [, path = ''] of text.matchAll(/href="([^"]+)"/g))
      expect((await ask('GET', path)).status).toBe(200);
  });

  it('HEAD is GET without its body', async () => {
    await open();
    expect(await ask('HEAD', '/livez')).toMatchObject({ status: 200, text: '' });
  });
});

describe('keys and values', () => {
  it('a key is its bytes: UTF-8 in percent signs, any byte, hex, or none at all', async () => {
    const { values } = await open();
    const utf8 = Buffer.from('grün +&=').toString('latin1');
    await ask('POST', `/api/put?key=${encodeURIComponent('grün +&=')}`, 'a');
    await ask('PUT', '/api/put?key=%FF%00', 'b');
    await ask('PUT', '/api/put?keyHex=fe', 'c');
    await ask('PUT', '/api/put?key=', 'd');
    expect([...values.keys()]).toEqual([utf8, '\xff\0', '\xfe', '']);
  });

  it('a value is text where it is UTF-8, and base64 where it is not', async () => {
    await open();
    await ask('PUT', '/api/put?key=t', '\ufeffgrün');
    await ask('PUT', '/api/put?key=b', Buffer.from([0xff, 0]));
    await ask('PUT', '/api/put?key=e', '');
    expect((await ask('GET', '/api/get?key=t')).json).toEqual({ found: true, value: '\ufeffgrün' });
    expect((await ask('GET', '/api/get?key=b')).json).toEqual({ found: true, valueBase64: '/wA=' });
    expect((await ask('GET', '/api/get?key=e')).json).toEqual({ found: true, value: '' });
    expect((await ask('DELETE', '/api/del?key=e')).json).toEqual({ result: 'ok', existed: true });
    expect((await ask('GET', '/api/get?key=e')).json).toEqual({ found: false });
  });

  it('options go with the request', async () => {
    const { asked } = await open();
    await ask('GET', '/api/get?key=k&r=2&pr=0&timeout=50&where=1');
    await ask('GET', '/api/get?key=k&notfoundOk=false&trace=t1');
    await ask('PUT', '/api/put?key=k&dw=1&notfoundOk=1', 'v');
    const put = await ask('PUT', '/api/put?key=k&w=1&pw=1&where=true', 'v');
    expect(asked).toEqual([
      ['get', 'k', { r: 2, pr: 0, timeoutMs: 50, where: true }],
      ['get', 'k', { notfoundOk: false, trace: 't1' }],
      ['put', 'k', { dw: 1, notfoundOk: true }],
      ['put', 'k', { w: 1, pw: 1, where: true }],
    ]);
    expect(put.json).toEqual({ result: 'ok', where: { node: 'n1', partition: 3, index: '5' } });
  });

  it.each([
    ['/api/get', /which key/],
    ['/api/get?key=a&keyHex=61', /which key/],
    ['/api/get?keyHex=6', /pairs of hex digits/],
    ['/api/get?key=%2', /percent sign/],
    ['/api/get?key=k&r=0', /r must be a whole number from 1 to/],
    ['/api/get?key=k&timeout=soon', /timeout must be/],
    ['/api/get?key=k&timeout=30001', /timeout must be a whole number from 1 to 30000$/],
    ['/api/put?key=k&timeout=999999999', /timeout must be/, 'PUT'],
  ])('%s is a bad request', async (path, why, method = 'GET') => {
    await open();
    const told = await ask(method, path);
    expect(told).toMatchObject({ status: 400, json: { error: { code: 'bad_request' } } });
    expect((told.json['error'] as { message: string }).message).toMatch(why);
  });

  it('a key is explained, with members assumed down', async () => {
    const { asked } = await open();
    await ask('GET', '/api/key?key=k&assumeDown=n2,n3');
    await ask('GET', '/api/explain?key=k');
    expect(asked).toEqual([
      ['key', 'k', ['n2', 'n3']],
      ['key', 'k', []],
    ]);
  });
});

describe('cluster', () => {
  it('tells the views, and whom it asked', async () => {
    await open();
    expect((await ask('GET', '/api/status')).json).toEqual({ ...status, node: 'n1' });
    expect((await ask('GET', '/api/ring')).json).toEqual(ring);
    expect((await ask('GET', '/api/transfers')).json['waiting']).toHaveLength(1);
    expect((await ask('GET', '/api/ping?n=4')).json).toMatchObject({ result: 'pong', n: 5 });
  });

  it('stages, plans and commits', async () => {
    const { asked } = await open();
    expect((await ask('POST', '/api/cluster/join', '{"address":"127.0.0.1:8099"}')).json).toEqual({
      claimant: 'n1',
    });
    await ask('POST', '/api/cluster/leave');
    await ask('POST', '/api/cluster/leave', '{"name":"n2"}');
    expect(asked).toEqual([
      ['join', '127.0.0.1:8099'],
      ['stage', { kind: 'leave' }],
      ['stage', { kind: 'leave', node: 'n2' }],
    ]);
    expect((await ask('POST', '/api/cluster/plan')).json).toEqual({ id: 'p1', changes: [], transitions: [] });
    expect((await ask('POST', '/api/cluster/commit', '{"planId":"p1"}')).json).toEqual({ epoch: 8 });
    expect((await ask('POST', '/api/cluster/clear')).json).toEqual({ result: 'ok' });
  });

  it('controls transfers', async () => {
    const { asked } = await open();
    await ask('POST', '/api/transfers/pause');
    await ask('POST', '/api/transfers/resume', '{"partition":3,"node":"n2"}');
    await ask('POST', '/api/transfers/cancel', '{"partition":0}');
    await ask('GET', '/api/transfers/limit');
    await ask('POST', '/api/transfers/limit', '{"out":2,"bytesPerSecond":null,"node":"n1"}');
    expect((await ask('POST', '/api/repair', '{"partition":7}')).json).toEqual({ node: 'n1', begun: true });
    expect(asked).toEqual([
      ['pause', {}],
      ['resume', { partition: 3, node: 'n2' }],
      ['cancel', { partition: 0 }],
      ['limit', {}, undefined],
      ['limit', { out: 2, bytesPerSecond: null }, 'n1'],
      ['repair', 7],
    ]);
  });

  it('tells how copies stand, and has their comparison paused', async () => {
    const { asked } = await open();
    expect((await ask('GET', '/api/exchange')).json).toMatchObject({ partitions: [{ alikeMs: 900 }] });
    await ask('POST', '/api/exchange/pause');
    await ask('POST', '/api/exchange/resume', '{"node":"n2"}');
    expect(asked).toEqual([
      ['exchange', 'pause', undefined],
      ['exchange', 'resume', 'n2'],
    ]);
  });

  it.each([
    ['/api/exchange/pause', '{"partition":1}'],
    ['/api/transfers/cancel', '{}'],
    ['/api/transfers/pause', '{"partition":-1}'],
    ['/api/transfers/limit', '{"bytesPerSecond":10}'],
    ['/api/transfers/limit', '{"in":1001}'],
    ['/api/repair', '{"partition":"3"}'],
  ])('%s with %s is a bad request', async (path, body) => {
    await open();
    expect((await ask('POST', path, body)).status).toBe(400);
  });

  it('a refusal is 409 with its code', async () => {
    await open();
    expect(await ask('POST', '/api/cluster/commit', '{"planId":"old"}')).toMatchObject({
      status: 409,
      json: { error: { code: 'plan_changed', message: 'the plan is another by now' } },
    });
  });

  it.each(['{', '[]', '{}', '{"address":1}', '{"address":"a:1","more":1}'])(
    'join with %s is a bad request',
    async (body) => {
      await open();
      expect(await ask('POST', '/api/cluster/join', body)).toMatchObject({
        status: 400,
        json: { error: { code: 'bad_request' } },
      });
    },
  );
});

describe('what goes wrong', () => {
  it('too few replicas are 503', async () => {
    await open({ get: () => Promise.reject(new AdminError('unreachable', 'needed 2, got 1')) });
    expect(await ask('GET', '/api/get?key=k')).toMatchObject({
      status: 503,
      json: { error: { code: 'unreachable', message: 'needed 2, got 1' } },
    });
  });

  it('a fault of ours is 500, logged, and told to nobody else', async () => {
    const { logged } = await open({ ring: () => Promise.reject(new Error('broken invariant: secret')) });
    const told = await ask('GET', '/api/ring');
    expect(told.status).toBe(500);
    expect(told.text).not.toContain('secret');
    expect(logged).toHaveLength(1);
  });

  it('unknown paths are 404, other methods 405', async () => {
    await open();
    expect(await ask('GET', '/api/nothing')).toMatchObject({
      status: 404,
      json: { error: { code: 'no_such_path' } },
    });
    expect(await ask('GET', '/constructor')).toMatchObject({ status: 404 });
    const told = await ask('GET', '/api/put?key=k');
    expect(told).toMatchObject({ status: 405, json: { error: { code: 'method_not_allowed' } } });
    expect(told.headers['allow']).toBe('POST, PUT');
  });

  it('a body beyond the limit is refused, one at the limit is not', async () => {
    const { values } = await open({}, { bodyBytes: 10 });
    expect(await ask('PUT', '/api/put?key=a', 'x'.repeat(10))).toMatchObject({ status: 200 });
    expect(await ask('PUT', '/api/put?key=b', 'x'.repeat(100_000))).toMatchObject({
      status: 413,
      json: { error: { code: 'too_large' } },
    });
    expect([...values.keys()]).toEqual(['a']);
  });

  it('bodies that together go beyond their limit are refused, and there is room again when the others are done', async () => {
    const [entered, release] = [gate(), gate()];
    await open(
      {
        put: async () => {
          entered.open();
          await release.opened;
          return {};
        },
      },
      { bodyBytes: 100, bodiesBytes: 150 },
    );
    const first = ask('PUT', '/api/put?key=a', 'x'.repeat(100));
    await entered.opened;
    expect(await ask('PUT', '/api/put?key=b', 'x'.repeat(100))).toMatchObject({
      status: 503,
      json: { error: { code: 'overload' } },
    });
    expect(useOf('http_bodies_bytes')).toMatchObject({ used: 100, max: 150, reached: 1 });
    release.open();
    expect((await first).status).toBe(200);
    expect((await ask('PUT', '/api/put?key=b', 'x'.repeat(100))).status).toBe(200);
    expect(useOf('http_bodies_bytes')).toMatchObject({ used: 0, reached: 1 });
  });

  it('a body whose sender goes away is let go', async () => {
    await open();
    const sent = request({ host: '127.0.0.1', port, method: 'PUT', path: '/api/put?key=a', agent: false });
    sent.on('error', () => {});
    sent.setHeader('content-length', 1000);
    sent.write('x'.repeat(500));
    await expect.poll(() => useOf('http_bodies_bytes')?.used).toBe(500);
    sent.destroy();
    await expect.poll(() => useOf('http_bodies_bytes')?.used).toBe(0);
  });

  it('connections beyond the limit are told so, monitors are answered, and beyond twice the limit nobody', async () => {
    await open({}, { connections: 2 });
    const idle = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await expect.poll(() => useOf('http_connections')?.used).toBe(2);
    expect(await ask('GET', '/api/status')).toMatchObject({
      status: 503,
      headers: { connection: 'close' },
      json: { error: { code: 'overload' } },
    });
    expect((await ask('GET', '/metrics')).status).toBe(200);
    await expect.poll(() => useOf('http_connections')?.used).toBe(2);
    idle.push(connect(port, '127.0.0.1'), connect(port, '127.0.0.1'));
    await expect.poll(() => useOf('http_connections')?.used).toBe(4);
    await expect(ask('GET', '/livez')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(useOf('http_connections')).toEqual({ limit: 'http_connections', used: 4, max: 2, reached: 5 });
    for (const socket of idle) socket.destroy();
    await expect.poll(() => useOf('http_connections')?.used).toBe(0);
    expect((await ask('GET', '/api/status')).status).toBe(200);
  });

  it('headers beyond the limit are refused', async () => {
    await open({}, { headerBytes: 2048 });
    expect((await ask('GET', `/api/get?key=${'k'.repeat(4096)}`)).status).toBe(431);
  });

  it('an answer that does not come is 503 in time', async () => {
    await open({ plan: () => new Promise(() => {}) }, { requestMs: 20 });
    expect(await ask('POST', '/api/cluster/plan')).toMatchObject({
      status: 503,
      json: { error: { code: 'timeout' } },
    });
  });

  it.each(['evil.example', '127.0.0.1.evil.example:80', '10.0.0.1', ':80'])(
    'a page of %j is not answered',
    async (host) => {
      await open();
      expect(await ask('GET', '/api/status', '', { headers: { host } })).toMatchObject({ status: 403 });
    },
  );

  it.each(['localhost:1', '[::1]:8098', '127.0.0.1'])('%s is this machine', async (host) => {
    await open();
    expect((await ask('GET', '/livez', '', { headers: { host } })).status).toBe(200);
  });

  it('a request from a page of another origin changes nothing', async () => {
    const { values } = await open();
    const host = `127.0.0.1:${port}`;
    expect(
      (await ask('POST', '/api/put?key=k', 'v', { headers: { host, origin: 'http://evil.example' } })).status,
    ).toBe(403);
    expect(values.size).toBe(0);
    expect(
      (await ask('POST', '/api/put?key=k', 'v', { headers: { host, origin: `http://${host}` } })).status,
    ).toBe(200);
  });

  it('garbage is answered 400 and closed', async () => {
    await open();
    const socket = connect(port, '127.0.0.1').end('nonsense\r\n\r\n');
    let told = '';
    for await (const chunk of socket) told += String(chunk);
    expect(told).toMatch(/^HTTP\/1\.1 400/);
  });

  it('a busy port is an error with its code', async () => {
    await open();
    const second = new AdminServer({ admin: mapAdmin().admin, node: 'n2', logger: silentLogger });
    await expect(second.listen('127.0.0.1', port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('close answers what is at hand, then nobody', async () => {
    const [entered, release] = [gate(), gate()];
    await open({
      clear: () => {
        entered.open();
        return release.opened;
      },
    });
    const answer = ask('POST', '/api/cluster/clear');
    await entered.opened;
    const closed = server.close();
    release.open();
    expect(await answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await closed;
    await expect(ask('GET', '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

function gate(): { opened: Promise<void>; open: () => void } {
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open?.() };
}
