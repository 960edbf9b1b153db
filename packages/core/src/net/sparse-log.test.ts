import { describe, expect, it } from 'vitest';
import type { Host } from '../contracts/host.ts';
import { silentLogger } from '../contracts/logger.ts';
import { SystemHost } from '../host/system-host.ts';
import { SparseLog } from './sparse-log.ts';

describe('a sparse log', () => {
  it('writes the first line of each kind, then one per interval with the number left out', () => {
    let nowMs = 0;
    const lines: object[] = [];
    const host: Host = Object.assign(new SystemHost(), { monotonic: () => nowMs });
    const log = new SparseLog(
      { ...silentLogger, warn: (fields, text) => lines.push({ ...fields, text }) },
      host,
    );
    for (let i = 0; i < 1000; i++) log.warn('noise', { i }, 'noise');
    log.warn('other', {}, 'other');
    expect(lines).toEqual([{ i: 0, text: 'noise' }, { text: 'other' }]);
    nowMs += 10_000;
    log.warn('noise', { i: 'later' }, 'noise');
    expect(lines[2]).toEqual({ i: 'later', leftOut: 999, text: 'noise' });
  });
});
