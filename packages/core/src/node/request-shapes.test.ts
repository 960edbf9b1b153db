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
    [{ kind: 'burn' }],
  ])('%j is none', (body) => expect(adminRequestOf(body)).toBeUndefined());

  it('says no more than what is known of it', () => {
    expect(adminRequestOf({ kind: 'plan', sudo: true })).toEqual({ kind: 'plan' });
    expect(adminRequestOf({ kind: 'leave', node: 'n1', by: 'n2' })).toEqual({ kind: 'leave', node: 'n1' });
  });
});

describe('a result from another node', () => {
  it.each([['staged'], ['cleared'], ['done'], ['planned'], ['committed'], ['not_claimant'], ['refused']])(
    '%s is one',
    (kind) => {
      expect(requestResultOf({ kind })).toEqual({ kind });
    },
  );

  it.each([[null], [{}], [{ kind: 'burnt' }]])('%j is none', (body) =>
    expect(requestResultOf(body)).toBeUndefined(),
  );

  it('that did not come is described', () => {
    expect(describeNoResult({ kind: 'noAnswer', reason: 'not connected' })).toBe('not connected');
    expect(describeNoResult({ kind: 'refused', code: 'x', message: 'no' })).toBe('no');
    expect(describeNoResult({ kind: 'answered', body: {} })).toContain('makes no sense');
  });
});
