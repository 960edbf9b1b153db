/**
 * The tutorial in docs/tutorial is done as a reader does it: every command and every block of code of its twelve chapters, in
 * order, in an empty folder, and what is printed is what the tutorial says, by its shape.
 *
 * What the blocks mean is told in blocks.ts. Where the test does not type what the tutorial types is told in disguise.ts: the
 * packages come from tarballs that are made here, since they are not published yet, and ports are free ones.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, isOffline, packInto } from '../packed/packed.ts';
import { disguiseFor } from './disguise.ts';
import { ownLines, sourcesIn, type Sources } from './own-lines.ts';
import { readChapters } from './pages.ts';
import { Reader } from './reader.ts';

/** A minute and a half on two free processors for all of it; the machine may have other things to do. */
const LIMIT_MS = 1_200_000;

const hasRedisCli = command('sh', ['-c', 'redis-cli --version'], tmpdir()).status === 0;

describe.skipIf(!hasRedisCli)('the tutorial', () => {
  const chapters = readChapters();
  let folder = '';
  let reader: Reader | undefined;
  let generated: Sources | undefined;
  let executed = 0;
  let whyNot: string | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rkv-tutorial-'));
    const packed = packInto(folder, ['core', 'store', 'testkit', 'bench', 'create-rkv']);
    reader = new Reader(folder, await disguiseFor(packed));
  }, LIMIT_MS);
  afterAll(() => reader?.close() ?? rmSync(folder, { recursive: true, force: true }));

  it.for(chapters)('$title', { timeout: LIMIT_MS }, async ({ page, blocks }, { skip }) => {
    if (whyNot !== undefined) skip(whyNot);
    whyNot = `it stands on ${page}, which is broken`;
    for (const block of blocks) {
      try {
        await reader?.follow(block);
      } catch (error) {
        if (!isOffline((error as Error).message)) throw error;
        whyNot = 'the registry cannot be reached';
        skip(whyNot);
      }
      executed++;
      if (block.kind === 'run' && block.command.startsWith('npm create'))
        generated = sourcesIn(join(folder, 'rkv', 'src'));
    }
    whyNot = undefined;
  });

  it('has made rkv of the generated project, in about 400 lines', ({ skip }) => {
    if (whyNot !== undefined) skip(whyNot);
    const now = sourcesIn(join(folder, 'rkv', 'src'));
    const product = new Map([...now].filter(([file]) => !/\.test\.ts$|^bench\.ts$/.test(file)));
    const lines = ownLines(generated ?? new Map(), product);
    const tests = ownLines(generated ?? new Map(), now) - lines;
    console.log(
      `twelve chapters, ${executed} blocks executed; ${lines} lines of one's own, and ${tests} of tests and load`,
    );
    expect(chapters).toHaveLength(12);
    expect(lines).toBeGreaterThan(350);
    expect(lines).toBeLessThan(450);
  });
});
