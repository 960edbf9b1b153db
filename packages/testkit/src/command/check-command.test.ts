/** The command on histories in files: what it says, and how it exits. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HistoryFile } from '../history/history-file.ts';
import { History } from '../history/history.ts';
import { checkCommand } from './check-command.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'rkv-history-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function recorded(...found: readonly (string | null)[]): string {
  const path = join(folder, 'history.jsonl');
  const file = new HistoryFile(path);
  let now = 0;
  const history = new History({ now: () => now++, onEvent: (event) => file.add(event) });
  for (const input of ['a', 'b']) history.ok(history.begin({ client: 'c1', key: 'k', kind: 'write', input }));
  const from = history.moment();
  for (const output of found) history.ok(history.begin({ client: 'c2', key: 'k', kind: 'read' }), { output });
  history.addQuiet({ from, to: history.moment() });
  file.close();
  return path;
}

function run(...args: string[]): { code: number; said: string } {
  const said: string[] = [];
  const code = checkCommand(args, (text) => said.push(text));
  return { code, said: said.join('\n') };
}

it.each<[string, string[], (string | null)[], number, string]>([
  ['what is right', [], ['b'], 0, 'nothing is wrong'],
  [
    'what is linearizable',
    ['--linearizable'],
    ['b'],
    0,
    '3 operations on 1 key, 0 of them indefinite\nlinearizable',
  ],
  ['what is lost', [], ['a'], 1, 'lost: c2 was told'],
  ['what is stale', ['--linearizable'], ['a'], 1, 'c2  read -> a              |--|  5.000 to 6.000  <--'],
  ['one key, drawn', ['--key', 'k'], ['b'], 0, 'c1  write a    |--|'],
  ['a key that is not there', ['--key', 'z'], ['b'], 2, 'there are no operations'],
  ['a search that may remember nothing', ['--linearizable', '--places', '1'], ['b'], 2, 'gave up after'],
  ['nonsense', ['--places', 'many', '--linearizable'], ['b'], 2, '--places many is no number'],
])('%s', (_what, args, found, code, said) => {
  const result = run(recorded(...found), ...args);
  expect([result.code, result.said]).toEqual([code, expect.stringContaining(said)]);
});

it('needs a file, and one that can be read', () => {
  expect(run()).toEqual({ code: 2, said: expect.stringContaining('rkv-history FILE') });
  expect(run(join(folder, 'none')).said).toContain('ENOENT');
  writeFileSync(join(folder, 'bad'), '{"at":1}\n');
  expect(run(join(folder, 'bad')).said).toContain('line 1: none of begin');
});
