/** What `rkv transfers`, `transfer-limit` and `repair` print, and what they ask of the node. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeExchange } from './describe-exchange.ts';
import { describeTransfers } from './describe-transfers.ts';
import { rkv } from './program.ts';

let door: Server;
let answer: unknown;
let asked: string[];

beforeEach(async () => {
  asked = [];
  door = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push(`${request.method} ${request.url} ${body}`);
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => door.close(resolve)));

async function run(...args: string[]) {
  let [out, err] = ['', ''];
  const node = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
  const terminal = {
    out: (line: string) => (out += line),
    err: (line: string) => (err += line),
    env: { RKV_NODE: node },
    stdin: () => Promise.reject(new Error('nothing is read here')),
  };
  const startServer = () => Promise.reject(new Error('no node is started here'));
  const code = await rkv(args, { terminal: terminal as never, startServer });
  return { code, out, err };
}

const both = (node: Record<string, unknown> = {}) => ({
  nodes: [
    { node: 'n1', ...node },
    { node: 'n2', ...node },
  ],
  failed: [],
});

describe('transfers', () => {
  it('are shown as arrow and bar, those that wait with reason and time', () => {
    const name = { kind: 'ownership', service: 'rkv', from: 'n1', to: 'n2' } as const;
    const shown = describeTransfers({
      active: [
        {
          ...name,
          partition: 3,
          items: 8_200,
          bytes: 8_100_000,
          walked: 8_000,
          total: 20_000,
          itemsPerSecond: 650.4,
          bytesPerSecond: 655_000,
          sinceMs: 12_000,
          etaMs: 18_460,
          note: 'bandwidth limit 655 kB/s reached',
        },
      ],
      waiting: [
        { ...name, partition: 4, reason: 'receiver n2 full (8 at a time), next try in 3 s', sinceMs: 12_000 },
        { ...name, kind: 'repair', partition: 5, sourcePartition: 6, reason: 'n1 is down', sinceMs: 200 },
      ],
    });
    expect(shown).toBe(
      [
        'Active transfers: 1',
        '',
        'transfer type: ownership',
        'service:       rkv',
        'partition:     3',
        'started:       12 s ago',
        'items:         8000 of about 20000, 8.1 MB',
        'time left:     about 18 s',
        'note:          bandwidth limit 655 kB/s reached',
        '',
        '                    650 items/s',
        " 'n1'  =====================================>  'n2'",
        '|####################                              |  40%',
        '                      655 kB/s',
        '',
        'Waiting: 2',
        "  ownership partition 4 from 'n1' to 'n2': receiver n2 full (8 at a time), next try in 3 s (for 12 s)",
        "  repair partition 5 (from the copies of partition 6) from 'n1' to 'n2': n1 is down",
      ].join('\n'),
    );
  });

  it('with the names of nodes however long', () => {
    const name = 'a-node-with-a-very-long-name.example.com';
    const active = [{ kind: 'hinted' as const, partition: 1, from: name, to: name, items: 0, bytes: 0 }];
    expect(describeTransfers({ active, waiting: [] })).toContain(` '${name}'  =>  '${name}'`);
  });

  it('are paused, resumed and cancelled, at all members or one', async () => {
    answer = both();
    expect((await run('transfers', 'pause')).out).toBe("Transfers are paused at 'n1', 'n2'.\n");
    answer = { ...both(), failed: [{ node: 'n3', reason: 'not connected' }] };
    expect((await run('transfers', 'resume', '3', '--node-name', 'n1')).out).toBe(
      "Transfers of partition 3 are resumed at 'n1', 'n2'.\nNot at 'n3': not connected\n",
    );
    answer = both({ cancelled: 1 });
    expect((await run('transfers', 'cancel', '3')).out).toBe(
      'Transfers of partition 3 that were cancelled: 2\n',
    );
    expect(asked).toEqual([
      'POST /api/transfers/pause {}',
      'POST /api/transfers/resume {"partition":3,"node":"n1"}',
      'POST /api/transfers/cancel {"partition":3}',
    ]);
    expect((await run('transfers', 'cancel')).code).toBe(2);
  });
});

describe('exchange', () => {
  const alike = { service: 'rkv', pairs: 3, mended: 0 };
  const view = {
    partitions: [
      { ...alike, partition: 0, alikeMs: 4_000 },
      { ...alike, partition: 1, alikeMs: 9_200, mended: 12 },
      { ...alike, partition: 2, alikeMs: null, reason: 'n3 is down' },
    ],
    differing: 0,
    paused: [],
    failed: [],
  };

  it('is a table, and a sentence that sums it up', async () => {
    answer = view;
    expect((await run('exchange')).out).toBe(
      [
        'Partition  Pairs  Alike      Mended  Service',
        '0          3      4.0 s ago  0       rkv',
        '1          3      9.2 s ago  12      rkv',
        '2          3      not yet    0       rkv      n3 is down',
        '',
        'The copies of 2 of 3 partitions were alike within the last 9.2 s; 12 items mended.',
        '',
      ].join('\n'),
    );
    expect(asked).toEqual(['GET /api/exchange ']);
  });

  it('says what is not as it should be', () => {
    const failed = [{ node: 'n3', reason: 'it is down' }];
    expect(describeExchange({ partitions: [], differing: 2, paused: ['n1'], failed })).toBe(
      [
        'Of what the members that answered compare: there are no two copies of anything to compare.',
        '2 pairs of copies differ and are being mended.',
        "Paused at 'n1'.",
        "'n3' was not heard: it is down.",
      ].join('\n'),
    );
  });

  it('is paused and resumed, at all members or one', async () => {
    answer = both();
    expect((await run('exchange', 'pause')).out).toBe("Comparisons of copies are paused at 'n1', 'n2'.\n");
    await run('exchange', 'resume', '--node-name', 'n2');
    expect(asked).toEqual(['POST /api/exchange/pause {}', 'POST /api/exchange/resume {"node":"n2"}']);
  });
});

describe('transfer-limit', () => {
  it('shows what holds and sets what is named', async () => {
    answer = {
      nodes: [
        { node: 'n1', out: 4, in: 8, bytesPerSecond: null },
        { node: 'n2', out: 2, in: 2, bytesPerSecond: 10_000_000 },
      ],
      failed: [],
    };
    expect((await run('transfer-limit')).out).toBe(
      "Out   In    Bandwidth    Node\n4     8     none         'n1'\n2     2     10 MB/s      'n2'\n",
    );
    await run('transfer-limit', '2');
    await run('transfer-limit', '--out', '1', '--bandwidth', '1.5MB', '--node-name', 'n2');
    await run('transfer-limit', '--bandwidth', 'off');
    expect(asked.map((line) => line.replace('POST /api/transfers/limit ', ''))).toEqual([
      '{}',
      '{"out":2,"in":2}',
      '{"out":1,"bytesPerSecond":1500000,"node":"n2"}',
      '{"bytesPerSecond":null}',
    ]);
  });

  it.each(['10', 'fast', '10XB', '-1MB'])('--bandwidth %s is wrong usage', async (rate) => {
    expect((await run('transfer-limit', `--bandwidth=${rate}`)).code).toBe(2);
    expect(asked).toEqual([]);
  });
});

describe('repair', () => {
  it('names the node that repairs', async () => {
    answer = { node: 'n2', begun: true };
    expect((await run('repair', '5')).out).toContain("'n2' repairs partition 5;");
    answer = { node: 'n2', begun: false };
    expect((await run('repair', '5')).out).toContain("'n2' is repairing partition 5 already.");
    expect((await run('repair', 'x')).code).toBe(2);
  });
});
