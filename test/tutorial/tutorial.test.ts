/** The checker of the tutorial can fail; and what the pages promise without being run. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesOf } from '../../packages/create-rkv/src/templates.ts';
import { blocksOf } from './blocks.ts';
import { NO_DISGUISE } from './disguise.ts';
import { edited } from './edit.ts';
import { ownLines } from './own-lines.ts';
import { boxesOf, readChapters } from './pages.ts';
import { Reader } from './reader.ts';
import { begins, mismatch } from './shape.ts';

/** A small tutorial with a block of each kind. Its program goes on until Ctrl-C. */
const SMALL = `
# Small

\`\`\`js file=src/greet.mjs
const name = 'reader';
console.log('hello', name + ',', 'at', Date.now());
\`\`\`

\`\`\`diff file=src/greet.mjs
-const name = 'reader';
+const name = 'you';
 console.log('hello', name + ',', 'at', Date.now());
\`\`\`

\`\`\`sh
cd src
node greet.mjs
\`\`\`

\`\`\`text
hello you, at <number>
\`\`\`

\`\`\`sh terminal=one
echo it is up
exec sleep 100
\`\`\`

\`\`\`text
it is …
\`\`\`

\`\`\`sh terminal=one
^C
\`\`\`
`;

/** Of the one test in which it is waited for in vain. */
const PATIENCE_MS = 5_000;

let folder: string;
let reader: Reader;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'small-tutorial-'));
  reader = new Reader(folder, NO_DISGUISE, PATIENCE_MS);
});
afterEach(() => reader.close());

async function follow(markdown: string): Promise<number> {
  const blocks = blocksOf('small.md', markdown);
  for (const block of blocks) await reader.follow(block);
  return blocks.length;
}

describe('a small tutorial', () => {
  it('is green as it stands', async () => {
    expect(await follow(SMALL)).toBe(5);
  });

  it.each([
    ['a name in the code', "name = 'you'", "name = 'your'", 'small.md:15: $ cd src'],
    ['a word of what is printed', 'hello you,', 'hallo you,', 'small.md:15: $ cd src'],
    ['a line of code', "+const name = 'you';", "+throw new Error('no');", 'it ended with 1'],
    ['a command', 'node greet.mjs', 'node great.mjs', 'it ended with 1'],
    [
      'a change of what is not there',
      "-const name = 'reader'",
      "-const name = 'nobody'",
      'nowhere in the file',
    ],
    ['what a program in a terminal says', 'it is …', 'it was …', 'in the terminal one'],
    ['a terminal that nothing runs in', 'terminal=one\n^C', 'terminal=two\n^C', 'in a terminal two'],
    ['a word of an info string', 'sh terminal=one', 'sh window=one', 'what is to be done with'],
    ['a block without one', '```js file=src/greet.mjs', '```', 'what is to be done with'],
    ['a block that does not end', '^C\n```', '^C', 'the block does not end'],
  ])('is red when somebody edits %s', async (_what, from, to, complaint) => {
    const broken = SMALL.replace(from, to);
    expect(broken).not.toBe(SMALL);
    await expect(follow(broken)).rejects.toThrow(complaint);
  });
});

describe('the shape of what is printed', () => {
  it.each([
    ['a <number> b', 'a 31.3 b'],
    ['a … c', 'a b c  \n\n'],
    ['…\nlast', 'one\ntwo\nlast'],
    ['…\nlast', 'last'],
    ['first\n…\nlast\n…', 'first\nlast'],
    ['(a|b) [c] $', '(a|b) [c] $'],
  ])('%j is the shape of %j', (expected, printed) => {
    expect(mismatch(expected, printed)).toBeUndefined();
  });

  it.each([
    ['a <number> b', 'a x b'],
    ['a … c', 'a b\nc'],
    ['last', 'one\nlast'],
    ['first', 'first\nlast'],
    ['a.c', 'abc'],
  ])('%j is not the shape of %j', (expected, printed) => {
    expect(mismatch(expected, printed)).toContain('expected:');
  });

  it('may be the beginning of what a program goes on to print', () => {
    expect(begins('one\n…\nthree', 'one\ntwo\nthree\nfour')).toBe(true);
    expect(begins('one\ntwo', 'one\n')).toBe(false);
  });
});

describe('a change of a file', () => {
  it('is made at several places', () => {
    expect(edited('a\nb\nc\nd\n', '-a\n+A\n@@\n c\n+C\n')).toBe('A\nb\nc\nC\nd\n');
  });

  it('has one place, or none', () => {
    expect(() => edited('a\na\n', '-a\n+b\n')).toThrow('more than once');
    expect(() => edited('a\n', '-b\n')).toThrow('nowhere');
    expect(() => edited('a\n', 'a\n')).toThrow('begins with');
  });
});

it("lines of one's own are those that were not given", () => {
  const given = new Map([['a.ts', ['one', 'two', '}']]]);
  const now = new Map([
    ['a.ts', ['one', 'three', '}', '}']],
    ['b.ts', ['four']],
  ]);
  expect(ownLines(given, now)).toBe(3);
});

describe('the pages', () => {
  const chapters = readChapters();

  it('are twelve chapters with something to do in each', () => {
    expect(chapters).toHaveLength(12);
    for (const [at, { title, blocks }] of chapters.entries()) {
      expect(title).toMatch(new RegExp(`^${at + 1}\\. `));
      expect(blocks.length).toBeGreaterThan(1);
    }
  });

  it('change files that are there, from the generated ones on', () => {
    const files = new Map(filesOf('ping', 'rkv').map(({ path, text }) => [path, text]));
    for (const block of chapters.flatMap(({ blocks }) => blocks)) {
      if (block.kind === 'write') files.set(block.file, block.text);
      if (block.kind !== 'edit') continue;
      expect(
        () => files.set(block.file, edited(files.get(block.file) ?? '', block.diff)),
        block.at,
      ).not.toThrow();
    }
  });

  it('tell of each of the sixteen defects once, and name a test that is there', () => {
    const boxes = chapters.flatMap(({ markdown }) => boxesOf(markdown));
    expect(boxes.map(({ defect }) => defect).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 16 }, (_, at) => at + 1),
    );
    for (const { defect, links } of boxes) {
      const tests = links.filter((link) => link.endsWith('.test.ts'));
      expect(tests, `defect ${defect}`).not.toEqual([]);
      for (const test of tests)
        expect(existsSync(fileURLToPath(new URL(`../../docs/tutorial/${test}`, import.meta.url))), test).toBe(
          true,
        );
    }
  });
});
