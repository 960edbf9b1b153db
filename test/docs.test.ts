/**
 * The pages of this repository: no link of theirs is dead, and what docs/protocol.md says of the wire is what the code says.
 *
 * The site itself is built by `npm run docs`, which looks at much more and takes longer.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SourceText } from '../scripts/docs/declared.ts';
import { anchorsOf, deadLinks, pagesUnder, treeAt, type Tree } from '../scripts/docs/links.ts';
import { PROTOCOL_PAGE, protocolPage } from '../scripts/docs/protocol.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

describe('links', () => {
  it('lead somewhere on every page', () => {
    const pages = pagesUnder(root);
    expect(pages).toEqual(
      expect.arrayContaining(['README.md', 'docs/tour.md', 'docs/decisions/0001-workspace.md']),
    );
    expect(pages.flatMap((page) => deadLinks(page, treeAt(root)))).toEqual([]);
  });

  it.each([
    ['[a](../b.md)', 'docs/a.md:1: ../b.md -> no such file'],
    ['line\n[a](there.md#none)', 'docs/a.md:2: there.md#none -> no such heading'],
    ['[a](#none)', 'docs/a.md:1: #none -> no such heading'],
    ['[a](../../b.md)', 'docs/a.md:1: ../../b.md -> outside of the repository'],
    ['[a](/docs/there.md)', 'docs/a.md:1: /docs/there.md -> outside of the repository'],
    ['[a](../packages/core/src/ring/document.ts#L3)', '-> an anchor in what is no page'],
    ['| x | `core/ring/gone.ts` |', 'docs/a.md:1: packages/core/src/ring/gone.ts -> no such file'],
    ['`core/ring/document.ts`, `gone.ts`', 'packages/core/src/ring/gone.ts -> no such file'],
    ['`core/test/gone.test.ts`', 'packages/core/test/gone.test.ts -> no such file'],
  ])('that are dead are seen: %s', (text, complaint) => {
    expect(deadLinks('docs/a.md', treeOf(text)).join('\n')).toContain(complaint);
  });

  it.each([
    '[a](there.md) and [b](there.md#a-heading), [c](there.md#a-heading-1)',
    '[a](../packages/core/src/ring/document.ts), [b](.), [c](https://example.org/gone.md)',
    '```\n[a](gone.md)\n```\nand `[a](gone.md)`',
    '`core/ring/document.ts`\n`gone.ts` is beside nothing here',
  ])('that are alive are left alone: %s', (text) => {
    expect(deadLinks('docs/a.md', treeOf(text))).toEqual([]);
  });

  it('have anchors as GitHub makes them', () => {
    const text = '# `npm start`: what, then?\n## A [link](x.md) & more_\n## A\n## A\n```\n# none\n```';
    expect([...anchorsOf(text)]).toEqual(['npm-start-what-then', 'a-link--more_', 'a', 'a-1']);
  });
});

describe('docs/protocol.md', () => {
  it('is what the code says; npm run docs:protocol writes it', async () => {
    expect(read(PROTOCOL_PAGE)).toBe(await protocolPage(read(PROTOCOL_PAGE), read));
  });

  it('is stale as soon as a number, a kind or a drawing changes', async () => {
    const planted: readonly (readonly [path: string, from: string, to: string])[] = [
      ['packages/core/src/request/message.ts', 'exchangeTell: 16', 'exchangeTell: 17'],
      ['packages/core/src/membership/messages.ts', "kind: 'nack'", "kind: 'no'"],
      ['packages/core/src/exchange/exchange-wire.ts', 'u16 changed, u16 failed', 'u16 changed'],
      ['packages/store/src/kv/commands.ts', 'inspect: 12', 'inspect: 13'],
    ];
    for (const [path, from, to] of planted) {
      const changed = (file: string): string => (file === path ? read(file).replace(from, to) : read(file));
      expect(changed(path)).not.toBe(read(path));
      expect(await protocolPage(read(PROTOCOL_PAGE), changed)).not.toBe(read(PROTOCOL_PAGE));
    }
  });

  it('wants a place for each part, and a lane of each message', async () => {
    await expect(protocolPage('# Nothing', read)).rejects.toThrow('has no place for');
    const silent = (path: string): string =>
      read(path).replace('/** Data lane: one command', '/** One command');
    await expect(protocolPage(read(PROTOCOL_PAGE), silent)).rejects.toThrow('command does not say its lane');
    expect(() => new SourceText('x.ts', 'const a = 1;').constant('b')).toThrow(
      'x.ts has not a constant b any more',
    );
  });
});

/** A small repository with the page under test, docs/a.md. */
function treeOf(text: string): Tree {
  const files: Readonly<Record<string, string>> = {
    'docs/a.md': text,
    'docs/there.md': '# There\n## A heading\n## A heading',
    'packages/core/src/ring/document.ts': '',
  };
  return { has: (path) => path in files || path === 'docs', read: (path) => files[path] };
}
