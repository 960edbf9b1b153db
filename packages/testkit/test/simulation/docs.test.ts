/** The examples of docs/testkit.md, run as they stand there; of their seeds one. */
import { readFileSync } from 'node:fs';
import * as core from '@rkv/core';
import * as testkit from '@rkv/testkit';
import ts from 'typescript';
import { afterEach, expect, it } from 'vitest';

const PAGE = readFileSync(new URL('../../../../docs/testkit.md', import.meta.url), 'utf8');

/** The block that begins with the name of a file. */
function blockOf(file: string): string {
  const block = PAGE.split('```ts\n').find((text) => text.startsWith(`// ${file}\n`));
  if (block === undefined) throw new Error(`docs/testkit.md shows no ${file}`);
  return block.slice(0, block.indexOf('```'));
}

function run(file: string, modules: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(blockOf(file), { compilerOptions });
  const exports: Record<string, unknown> = {};
  const require = (name: string): unknown => modules[name];
  new Function('require', 'exports', outputText)(require, exports);
  return exports;
}

afterEach(() => delete process.env['RKV_SEED']);

it('counts every like under faults', () => {
  const likes = run('likes.ts', { '@rkv/core': core });
  process.env['RKV_SEED'] = '3';
  const ran: string[] = [];
  const vitest = { it: (name: string, test: () => void) => (test(), ran.push(name)) };
  run('likes.test.ts', { './likes.ts': likes, '@rkv/testkit': testkit, vitest });
  expect(ran).toHaveLength(1);
});
