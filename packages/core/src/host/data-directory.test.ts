import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataDirectory } from './data-directory.ts';

/** Waits for a word, opens, tells how it went, and holds on until its input ends. */
const STARTER = `
  import { openDataDirectory } from ${JSON.stringify(new URL('./data-directory.ts', import.meta.url).href)};
  process.stdout.write('ready\\n');
  process.stdin.once('data', () => {
    try {
      openDataDirectory(process.argv[1]);
      process.stdout.write('won\\n');
    } catch (error) {
      process.stdout.write(error.code + ' ' + error.pid + '\\n');
    }
  });
`;

let path: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'rkv-data-'));
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(killed));
  rmSync(path, { recursive: true });
});

describe('a data directory', () => {
  it('is made, also deep down', () => {
    const directory = openDataDirectory(join(path, 'a', 'b'));
    expect(directory.path).toBe(join(path, 'a', 'b'));
    expect(existsSync(directory.path)).toBe(true);
    directory.release();
  });

  it('lets one in at a time, and says who is there', () => {
    const first = openDataDirectory(path);
    const lockFile = join(path, 'lock.1');
    expect(() => openDataDirectory(path)).toThrow(
      `the data directory ${path} is in use by process ${process.pid}; one directory serves one node. ` +
        `If that process is no node of rkv, remove ${lockFile}`,
    );
    first.release();
    const second = openDataDirectory(path);
    first.release();
    expect(() => openDataDirectory(path)).toThrow(/in use/);
    second.release();
    expect(readdirSync(path)).toEqual(['lock.2']);
  });

  const gone: [string, object | string][] = [
    ['of another boot', { ...myLock(), boot: 'another' }],
    ['whose number another process has now', { ...myLock(), started: '1' }],
    ['that has ended', { ...myLock(), pid: 4_194_305 }],
    ['whose lock a power cut emptied', ''],
  ];
  it.runIf(process.platform === 'linux').each(gone)('is free of a holder %s', (_, holder) => {
    writeFileSync(join(path, 'lock.7'), typeof holder === 'string' ? holder : JSON.stringify(holder));
    writeFileSync(join(path, 'lock-draft.0123456789abcdef'), 'never linked');
    openDataDirectory(path);
    expect(readdirSync(path)).toEqual(['lock.8']);
  });

  it('goes to exactly one of those who start at the same moment, time after time', async () => {
    let last: ChildProcess | undefined;
    for (let round = 0; round < 2; round++) {
      const starters = await Promise.all(Array.from({ length: 4 }, startStarter));
      // The holder is killed, not ended: what it leaves must not keep the others out.
      if (last !== undefined) await killed(last);
      for (const starter of starters) starter.stdin?.write('go');
      const answers = await Promise.all(starters.map(nextLine));
      const winner = starters[answers.indexOf('won')] as ChildProcess;
      expect(answers.filter((answer) => answer === 'won')).toEqual(['won']);
      expect(answers.filter((answer) => answer === `data_directory_in_use ${winner.pid}`)).toHaveLength(3);
      expect(() => openDataDirectory(path)).toThrow(`in use by process ${winner.pid}`);
      last = winner;
    }
  });
});

async function startStarter(): Promise<ChildProcess> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', STARTER, path]);
  children.push(child);
  expect(await nextLine(child)).toBe('ready');
  return child;
}

/** A child says one line at a time, so each arrives as one chunk. */
async function nextLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer];
  return chunk.toString().trim();
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** What this process writes into a lock. */
function myLock(): object {
  const elsewhere = mkdtempSync(join(tmpdir(), 'rkv-data-'));
  openDataDirectory(elsewhere);
  const lock = JSON.parse(readFileSync(join(elsewhere, 'lock.1'), 'utf8')) as object;
  rmSync(elsewhere, { recursive: true });
  return lock;
}
