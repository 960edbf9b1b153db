import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rkv } from './program.ts';

async function run(...args: string[]) {
  let [out, err] = ['', ''];
  const terminal = {
    out: (text: string | Uint8Array) => void (out += String(text)),
    err: (text: string) => void (err += text),
    env: {},
    isTty: false,
  };
  const startServer = () => Promise.reject(new Error('nothing is started here'));
  return { code: await rkv(args, { terminal, startServer }), out, err };
}

it('rkv bench hands its arguments over, its own flags too', async () => {
  const { code, out } = await run('bench', '--help');
  expect(code).toBe(0);
  expect(out).toContain('Usage: rkv bench ');
  expect(out).toContain('compare');
  expect((await run('--help')).out).toMatch(/^ +bench /m);
});

it('and ends as the bench ends', async () => {
  expect((await run('bench', 'check')).code).toBe(0);
  const folder = mkdtempSync(join(tmpdir(), 'rkv-bench-'));
  const file = join(folder, 'bad.json');
  writeFileSync(file, '{ "driver": { "kind": "rkv" }, "operations": { "fly": 1 } }');
  const { code, err } = await run('bench', file);
  rmSync(folder, { recursive: true });
  expect([code, err]).toEqual([
    2,
    expect.stringContaining('rkv bench: operations: rkv in process has no `fly`'),
  ]);
  expect((await run('bench', 'compare', '/nowhere', '/nowhere', '--json')).code).toBe(1);
});
