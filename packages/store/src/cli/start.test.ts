import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Admin } from '../admin/api.ts';
import type { ServerConfig } from '../config/load.ts';
import { describeLogLine, openLog } from './logger.ts';
import { rkv } from './program.ts';
import type { RunningServer } from './start.ts';
import { type Terminal } from './terminal.ts';

class WrittenTerminal implements Terminal {
  written = '';
  complained = '';
  readonly env: Record<string, string> = {};
  readonly isTty: boolean;
  constructor(isTty = false) {
    this.isTty = isTty;
  }
  out(text: string | Uint8Array): void {
    this.written += String(text);
  }
  err(text: string): void {
    this.complained += text;
  }
}

/** A server that does nothing until it is stopped, or leaves when told to. */
function idleServer() {
  let finish: ((how: 'left' | 'stranded' | 'stopped') => void) | undefined;
  const finished = new Promise<'left' | 'stranded' | 'stopped'>((resolve) => {
    finish = resolve;
  });
  const server: RunningServer = {
    admin: {} as Admin,
    ports: { cluster: 4001, http: 4002 },
    isStopping: false,
    stop: async () => finish?.('stopped'),
    finished,
  };
  return { server, finish: (how: 'left' | 'stranded' | 'stopped') => finish?.(how) };
}

async function start(args: string[], act: (server: ReturnType<typeof idleServer>) => void) {
  const terminal = new WrittenTerminal();
  const idle = idleServer();
  let config: ServerConfig | undefined;
  const code = await rkv(['start', ...args], {
    terminal,
    startServer: async (given) => {
      config = given;
      setImmediate(() => act(idle));
      return idle.server;
    },
  });
  const lines = terminal.written
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, config, lines, err: terminal.complained };
}

describe('rkv start', () => {
  it('says where to reach it, and drains when it is asked to end', async () => {
    const args = [
      '--name',
      'n7',
      '--redis',
      'off',
      '--cluster',
      '127.0.0.1:0',
      '--http',
      '127.0.0.1:0',
      '--r',
      '2',
    ];
    const { code, config, lines } = await start(args, () => process.emit('SIGTERM'));
    expect(code).toBe(0);
    expect(config).toMatchObject({ name: 'n7', redis: 'off', r: 2, ringSize: 64 });
    expect(lines[0]).toMatchObject({
      level: 'info',
      node: 'n7',
      cluster: '127.0.0.1:4001',
      http: '127.0.0.1:4002',
      msg: 'n7 is up',
    });
    expect(lines.map((line) => line['msg'])).toEqual([
      expect.anything(),
      'n7 was asked to end and drains',
      'n7 has ended',
    ]);
  });

  it('says once with which code the file system refused', async () => {
    const terminal = new WrittenTerminal();
    const refused = Object.assign(new Error("ENOTDIR: not a directory, mkdir 'f/x'"), { code: 'ENOTDIR' });
    const code = await rkv(['start'], { terminal, startServer: () => Promise.reject(refused) });
    expect([code, terminal.complained]).toEqual([1, "rkv: ENOTDIR: not a directory, mkdir 'f/x'\n"]);
  });

  it('takes the second SIGINT of one Ctrl-C under npm for the first', async () => {
    const { code } = await start([], () => {
      process.emit('SIGINT');
      process.emit('SIGINT');
    });
    expect(code).toBe(0);
  });

  it('ends well when the node has left its cluster', async () => {
    const { code, lines } = await start([], ({ finish }) => finish('left'));
    expect(code).toBe(0);
    expect(lines.at(-1)?.['msg']).toMatch(/has left the cluster/);
  });

  it('ends badly when the node is in no ring any more and still holds data, and says what to do', async () => {
    expect(await start([], ({ finish }) => finish('stranded'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^rkv: stranded: n1 is in no ring any more .* is kept\. To bring the data home remove/,
      ),
    });
  });

  it('ends badly when the node stopped on its own', async () => {
    expect(await start([], ({ finish }) => finish('stopped'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^rkv: stopped: /),
    });
  });

  it('names every wrong setting, and starts nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rkv-start-'));
    const path = join(folder, 'node.yaml');
    writeFileSync(path, 'name: n1\nstorage: disk\n');
    const terminal = new WrittenTerminal();
    const code = await rkv(['start', '--config', path, '--n', '0'], {
      terminal,
      startServer: () => Promise.reject(new Error('must not be called')),
    });
    rmSync(folder, { recursive: true });
    expect(code).toBe(2);
    expect(terminal.complained).toContain(`${path}:2: storage: must be memory or lmdb, not "disk"`);
    expect(terminal.complained).toContain('--n: must be a whole number');
  });

  it('says why a node cannot start', async () => {
    const terminal = new WrittenTerminal();
    const busy = Object.assign(new Error('listen 127.0.0.1:8099'), {
      code: 'EADDRINUSE',
    });
    expect(await rkv(['start'], { terminal, startServer: () => Promise.reject(busy) })).toBe(1);
    expect(terminal.complained).toBe('rkv: EADDRINUSE: listen 127.0.0.1:8099\n');
  });

  it('leaves no signal handler behind', async () => {
    const before = process.listenerCount('SIGINT');
    await start([], ({ finish }) => finish('left'));
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

describe('the log', () => {
  it('is short lines at a terminal', () => {
    const terminal = new WrittenTerminal(true);
    terminal.env['NO_COLOR'] = '1';
    const log = openLog('n1', terminal);
    log.info({ peer: 'n2', items: 3, why: 'two words' }, 'handed over');
    log.warn({}, 'careful');
    expect(terminal.written).toMatch(
      /^\d\d:\d\d:\d\d handed over peer=n2 items=3 why="two words"\n\d\d:\d\d:\d\d warn: careful\n$/,
    );
  });

  it('is coloured at a terminal that may have colours, and only there', () => {
    const coloured = new WrittenTerminal(true);
    openLog('n1', coloured).error({}, 'no');
    expect(coloured.written).toContain('\u001b[');
    const piped = new WrittenTerminal();
    openLog('n1', piped).error({ err: new Error('why') }, 'no');
    expect(JSON.parse(piped.written)).toMatchObject({
      level: 'error',
      node: 'n1',
      msg: 'no',
      err: { message: 'why' },
    });
  });

  it('leaves lines alone that are none of ours', () => {
    expect(describeLogLine('Segmentation fault\n', false)).toBe('Segmentation fault\n');
    expect(describeLogLine('null', false)).toBe('null');
  });
});
