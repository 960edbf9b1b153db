import { once } from 'node:events';
import { createServer as createHttp, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { open, type Rkv } from '@rkv/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Driver, Key, Outcome, Value } from '../contracts/driver.ts';
import { driverOf, type DriverSpec } from './box.ts';
import { OwnPuts } from './own-puts.ts';

let rkv: Rkv;
let specs: Record<string, DriverSpec>;
beforeAll(async () => {
  rkv = await open({ n: 1, redis: '127.0.0.1:0', http: '127.0.0.1:0' });
  specs = {
    rkv: { kind: 'rkv', n: 1 },
    redis: { kind: 'redis', urls: [`redis://127.0.0.1:${rkv.ports.redis}`] },
    http: { kind: 'http', urls: [`http://127.0.0.1:${rkv.ports.http}`] },
  };
});
afterAll(() => rkv.close());

/** Runs operations of one worker, one after the other. */
async function drive(
  driver: Driver,
  operations: readonly string[],
  key: () => Key = () => 'k',
  value: () => Value = () => 'v',
): Promise<Outcome[]> {
  const state = await driver.new({ id: 1, workers: 1, random: () => 0 });
  try {
    const outcomes: Outcome[] = [];
    for (const operation of operations) outcomes.push(await driver.run(operation, key, value, state));
    return outcomes;
  } finally {
    await driver.terminate('finished', state);
  }
}

describe.each(['rkv', 'redis', 'http'])('the driver %s', (name) => {
  it('puts, gets and deletes; not there is an answer', async () => {
    const driver = driverOf(specs[name] as DriverSpec);
    expect(await drive(driver, ['get', 'put', 'get', 'delete', 'get'])).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
      'ok',
    ]);
  });

  it('takes numbers, text and bytes for keys and values', async () => {
    const keys: Key[] = [7, 'grün/?&=%', new Uint8Array([0, 0xff, 13, 10])];
    for (const key of keys) {
      const driver = driverOf(specs[name] as DriverSpec);
      const values: Value[] = [new Uint8Array([1, 0]), 5, 'v'];
      for (const value of values) {
        expect(
          await drive(
            driver,
            ['put', 'get'],
            () => key,
            () => value,
          ),
        ).toEqual(['ok', 'ok']);
      }
    }
  });
});

describe('what reached the store', () => {
  it.each(['redis', 'http'])('through %s is what was written', async (name) => {
    await drive(
      driverOf(specs[name] as DriverSpec),
      ['put'],
      () => new Uint8Array([0xff, 32, 0]),
      () => `by ${name}`,
    );
    const stored = await rkv.get(new Uint8Array([0xff, 32, 0]));
    expect(Buffer.from(stored ?? []).toString()).toBe(`by ${name}`);
    await drive(
      driverOf(specs[name] as DriverSpec),
      ['put'],
      () => 123,
      () => 45,
    );
    expect(Buffer.from((await rkv.get('123')) ?? []).toString()).toBe('45');
    await drive(driverOf(specs[name] as DriverSpec), ['delete'], () => 123);
    expect(await rkv.get('123')).toBeUndefined();
  });
});

describe('own puts', () => {
  it.each(['rkv', 'redis'])('with %s: there is nothing to get before the first put', async (name) => {
    expect(await drive(driverOf(specs[name] as DriverSpec), ['getOwnPuts', 'put', 'getOwnPuts'])).toEqual([
      'silent',
      'ok',
      'ok',
    ]);
  });

  it('are forgotten one by one when there are too many', () => {
    const own = new OwnPuts(() => 0);
    for (let key = 0; key <= 100_000; key++) own.add(key);
    expect(own.pick()).toBe(100_000);
  });
});

describe('the Redis driver and a server that is not well', () => {
  let server: Server;
  afterEach(() => server.close());
  async function answering(...replies: string[]): Promise<DriverSpec> {
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        // What the client says of itself is welcome; to all else the next reply is given, or none.
        for (const command of bytes.toString('latin1').split(/(?=\*\d+\r\n)/)) {
          if (/CLIENT/i.test(command)) socket.write('+OK\r\n');
          else {
            const reply = replies.shift();
            if (reply === 'close') socket.destroy();
            else if (reply !== undefined) socket.write(reply);
          }
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { kind: 'redis', urls: [`redis://127.0.0.1:${port}`], timeoutMs: 300 };
  }

  it('counts an error reply under its first word', async () => {
    const spec = await answering('-BUSY too much to do\r\n', '+OK\r\n', '-ERR no such thing\r\n');
    expect(await drive(driverOf(spec), ['put', 'put', 'get'])).toEqual([
      { error: 'BUSY' },
      'ok',
      { error: 'ERR' },
    ]);
  });

  it('and what is not answered as a timeout', async () => {
    expect(await drive(driverOf(await answering()), ['get'])).toEqual([{ error: 'timeout' }]);
  });

  it('and a lost connection as that, and makes another one', async () => {
    const driver = driverOf(await answering('close', '+OK\r\n'));
    const state = await driver.new({ id: 1, workers: 1, random: () => 0 });
    const run = () =>
      driver.run(
        'put',
        () => 'k',
        () => 'v',
        state,
      );
    expect(await run()).toEqual({ error: 'disconnected' });
    let outcome = await run();
    while (outcome !== 'ok') {
      expect(outcome).toEqual({ error: 'disconnected' });
      await new Promise((resolve) => setTimeout(resolve, 10));
      outcome = await run();
    }
    await driver.terminate('finished', state);
  });

  it('WAIT belongs to the put, and too few replicas are an error', async () => {
    const spec = await answering('+OK\r\n', ':1\r\n', '+OK\r\n', ':0\r\n');
    const driver = driverOf({ ...spec, wait: { replicas: 1, timeoutMs: 10 } } as DriverSpec);
    expect(await drive(driver, ['put', 'put'])).toEqual(['ok', { error: 'too few replicas' }]);
  });

  it('a server that is not there ends the run before it began', async () => {
    const spec = await answering();
    server.close();
    await expect(drive(driverOf(spec), ['get'])).rejects.toThrow(/ECONNREFUSED/);
  });

  it('no password is told', () => {
    expect(driverOf({ kind: 'redis', urls: ['redis://me:secret@h:1'] }).name).toBe('Redis at redis://h:1');
  });
});

describe('the HTTP driver', () => {
  let server: HttpServer;
  afterEach(() => server.close());
  async function answering(status: number | undefined): Promise<DriverSpec> {
    server = createHttp((_request, response) => {
      if (status !== undefined) response.writeHead(status).end('something');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const operations = {
      look: { method: 'GET', path: '/x/{key}' },
      post: { method: 'POST', path: '/x', body: true },
    };
    return { kind: 'http', urls: [url], operations, timeoutMs: 200 };
  }

  it.each([
    [200, ['ok', 'ok']],
    [404, ['ok', { error: 'HTTP 404' }]],
    [503, [{ error: 'HTTP 503' }, { error: 'HTTP 503' }]],
    [undefined, [{ error: 'timeout' }, { error: 'timeout' }]],
  ] as const)('a status of %s', async (status, outcomes) => {
    expect(await drive(driverOf(await answering(status)), ['look', 'post'])).toEqual(outcomes);
  });

  it('a server that is not there is an error of each operation', async () => {
    const spec = await answering(200);
    server.close();
    expect(await drive(driverOf(spec), ['look'])).toEqual([{ error: 'ECONNREFUSED' }]);
  });
});
