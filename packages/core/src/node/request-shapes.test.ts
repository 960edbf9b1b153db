import { describe, expect, it } from 'vitest';
import { adminRequestOf, describeNoResult, requestResultOf } from './request-shapes.ts';

describe('a request from another node', () => {
  it.each([
    [{ kind: 'plan' }],
    [{ kind: 'clear' }],
    [{ kind: 'leave', node: 'n1' }],
    [{ kind: 'replace', node: 'n1', by: 'n2' }],
    [{ kind: 'force-replace', node: 'n1', by: 'n2' }],
    [{ kind: 'force-remove', node: 'n1' }],
    [{ kind: 'resize', ringSize: 64 }],
    [{ kind: 'abortResize' }],
    [{ kind: 'down', nodes: ['n1', 'n2'], force: false }],
    [{ kind: 'commit', planId: 'p1' }],
    [
      {
        kind: 'bucket',
        prefix: 'a\xff',
        to: { n: 3, level: 'strict' },
        was: { prefix: '', n: 3, level: 'eventual' },
      },
    ],
    [{ kind: 'bucket', prefix: 'a', to: null, was: { prefix: 'a', n: 3, level: 'eventual' } }],
    [{ kind: 'commit', planId: undefined }],
  ])('%j is one', (body) => expect(adminRequestOf(body)).toEqual(body));

  it.each([
    [null],
    [3],
    ['plan'],
    [{}],
    [{ kind: 'leave' }],
    [{ kind: 'leave', node: 1 }],
    [{ kind: 'replace', node: 'n1' }],
    [{ kind: 'resize', ringSize: '64' }],
    [{ kind: 'down', nodes: 'n1', force: false }],
    [{ kind: 'down', nodes: ['n1'] }],
    [{ kind: 'toString' }],
    [{ kind: 'commit', planId: 1 }],
    [{ kind: 'bucket', prefix: 'a', to: null }],
    [{ kind: 'bucket', prefix: 'a\u0100', to: null, was: { prefix: '', n: 3, level: 'eventual' } }],
    [{ kind: 'bucket', prefix: 'a', to: { n: 3 }, was: { prefix: '', n: 3, level: 'eventual' } }],
    [{ kind: 'burn' }],
  ])('%j is none', (body) => expect(adminRequestOf(body)).toBeUndefined());

  it('says no more than what is known of it', () => {
    expect(adminRequestOf({ kind: 'plan', sudo: true })).toEqual({ kind: 'plan' });
    expect(adminRequestOf({ kind: 'leave', node: 'n1', by: 'n2' })).toEqual({ kind: 'leave', node: 'n1' });
  });
});

describe('a result from another node', () => {
  type Asked = Parameters<typeof requestResultOf>[0];
  const plan = {
    planId: 'p1',
    documentDigest: 'd',
    changes: [{ action: 'leave', node: 'n1' }],
    transitions: [
      {
        ringSize: 2,
        owners: ['n1', 'n2'],
        reassigned: [],
        transfers: [{ partition: 0, from: 'n2', to: 'n1' }],
        pairs: [{ from: 'n2', to: 'n1', count: 1 }],
        certificate: { counts: [], n3: 0, n4: 0, avoidable: false, moves: 1, leastMoves: 1 },
        warnings: ['n1, '.repeat(1_000)],
      },
    ],
  };
  const claimant = { id: 'n2', name: 'two', address: 'n2:1' };
  const refusal = { kind: 'refused', code: 'is_down', message: 'it is down', definite: true };

  it.each<[Asked, object]>([
    ['join', { kind: 'staged', epoch: 3, via: 'n1' }],
    ['leave', { kind: 'staged', epoch: 3, via: 'n1' }],
    ['clear', { kind: 'cleared', epoch: 3 }],
    ['down', { kind: 'done', epoch: 3, warnings: ['it may cost'] }],
    ['abortResize', { kind: 'done', epoch: 3 }],
    ['plan', { kind: 'planned', plan }],
    ['commit', { kind: 'committed', epoch: 3 }],
    ['commit', { kind: 'not_claimant', claimant }],
    ['plan', refusal],
  ])('to %s, %j is one', (asked, body) =>
    expect(requestResultOf(asked, { kind: 'answered', body })).toEqual(body),
  );

  it.each<[Asked, unknown]>([
    ['plan', null],
    ['plan', {}],
    ['plan', { kind: 'burnt' }],
    ['plan', { kind: 'toString' }],
    ['plan', { kind: 'not_claimant' }],
    ['plan', { kind: 'not_claimant', claimant: { id: 'n2', name: 'two' } }],
    ['plan', { kind: 'refused' }],
    ['plan', { ...refusal, definite: 'yes' }],
    ['plan', { kind: 'planned' }],
    ['plan', { kind: 'planned', plan: { ...plan, transitions: [] } }],
    ['plan', { kind: 'committed', epoch: 3 }],
    ['commit', { kind: 'committed' }],
    ['down', { kind: 'done', epoch: 3, warnings: 'none' }],
    ['leave', { kind: 'staged', epoch: 3 }],
  ])('to %s, %j is none', (asked, body) =>
    expect(requestResultOf(asked, { kind: 'answered', body })).toBeUndefined(),
  );

  it('that did not come is described', () => {
    expect(describeNoResult({ kind: 'noAnswer', reason: 'not connected' })).toBe('not connected');
    expect(describeNoResult({ kind: 'refused', code: 'x', message: 'no' })).toBe('no');
    expect(describeNoResult({ kind: 'answered', body: {} })).toContain('makes no sense');
  });
});
