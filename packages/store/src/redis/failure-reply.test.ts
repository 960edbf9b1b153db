import { describe, expect, it } from 'vitest';
import type { Failure, FailureCode } from '../kv/api.ts';
import { failureReply } from './failure-reply.ts';

function failure(code: FailureCode, definite: boolean): Failure {
  return { code, definite, message: 'too few answers', needed: 2, got: 1, from: ['n1'] };
}

describe('the first word', () => {
  it.each<[FailureCode, boolean, boolean, string]>([
    ['timeout', false, false, 'CLUSTERDOWN'],
    ['unreachable', false, true, 'CLUSTERDOWN'],
    ['unreachable', true, true, 'CLUSTERDOWN'],
    ['timeout', true, false, 'UNCERTAIN'],
    ['unreachable', true, false, 'UNCERTAIN'],
    ['overload', true, false, 'UNCERTAIN'],
    ['overload', true, true, 'TRYAGAIN'],
    ['stopping', false, true, 'TRYAGAIN'],
    ['read_only', true, true, 'MISCONF'],
    ['too_large', true, true, 'ERR'],
  ])('%s, writes: %s, definite: %s -> %s', (code, writes, definite, word) => {
    expect(failureReply(failure(code, definite), writes).split(' ')[0]).toBe(word);
  });

  it('is followed by all that is known', () => {
    expect(failureReply(failure('timeout', false), true)).toBe(
      'UNCERTAIN too few answers (timeout: needed 2, got 1 from n1, definite: false)',
    );
    expect(failureReply({ ...failure('unreachable', true), got: 0, from: [] }, false)).toBe(
      'CLUSTERDOWN too few answers (unreachable: needed 2, got 0)',
    );
  });
});
