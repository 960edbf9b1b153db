/** A story of real nodes with a bug planted into them is told to be wrong. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeVerdict } from './story/judge.ts';
import { play } from './story/play.ts';
import { quiet } from './story/steps.ts';

const VOTES_FOR_NOTHING = fileURLToPath(new URL('planted/votes-for-nothing.mjs', import.meta.url));
const SECONDS = 5;

it('replicas of strict keys that say they have accepted what they have not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-story-'));
  try {
    const verdict = await play(
      {
        ...{ seed: 1, keys: 100, rate: 20, members: ['n1', 'n2', 'n3'], folder },
        nodes: { nodeFlags: ['--import', VOTES_FOR_NOTHING] },
        next: (_stage, number) => [quiet(SECONDS)][number],
      },
      () => {},
    );
    expect(verdict.strict.impossible.length, describeVerdict(verdict)).toBeGreaterThan(0);
    expect(verdict.eventual.findings).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
