/** What may be staged about whom, and what takes the place of what: a ring, a request, the ring after or the refusal. */
import { describe, expect, it } from 'vitest';
import { changeOf, info, ring, show } from '../../test/ring-text.ts';
import { readDocument } from './wire-document.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { encodeDocument, type RingDocument } from '../ring/document.ts';
import { isRefusal } from './refusal.ts';
import { abortResize, clearStaged, stageChange, stageJoin } from './staging.ts';

/** Every document that comes out can be read by others. */
function stage(document: RingDocument, change: string): string {
  const result = stageChange(document, changeOf(change));
  if (!isRefusal(result)) expect(readDocument(encodeDocument(result).bytes).document).toEqual(result);
  return show(result);
}

const pendingMove = { pending: [{ partition: 0 as PartitionId, from: info('a').id, to: info('b').id }] };
const resizing = (document: RingDocument): RingDocument => ({
  ...document,
  resize: { ringSize: 32, owners: new Array(32).fill(info('a').id) },
});

describe('replace and force-replace', () => {
  it.each([
    ['a b c+', '', 'replace b by c', 'a* b c+ staged replace b by c'],
    ['a b c+', '', 'replace a by c', 'a* b c+ staged replace a by c'],
    ['a c+', '', 'replace a by c', 'a* c+ staged replace a by c'],
    ['a b c+', '', 'replace x by c', 'not_member'],
    ['a b+ c+', '', 'replace b by c', 'not_member'],
    ['a b- c+', '', 'replace b by c', 'already_leaving'],
    ['a b! c+', '', 'replace b by c', 'is_down'],
    ['a b c', '', 'replace b by c', 'invalid_replacement'],
    ['a b', '', 'replace b by x', 'invalid_replacement'],
    ['a b', '', 'replace b by b', 'invalid_replacement'],
    ['a b c+', 'replace a by c', 'replace b by c', 'already_replacement'],
    ['a b c+', 'replace a by c', 'force-replace b by c', 'already_replacement'],
    ['a b c+', '', 'force-replace b by c', 'a* b c+ staged force-replace b by c'],
    ['a b! c+', '', 'force-replace b by c', 'a* b! c+ staged force-replace b by c'],
    ['a b- c+', '', 'force-replace b by c', 'a* b- c+ staged force-replace b by c'],
    ['a b c', '', 'force-replace b by c', 'invalid_replacement'],
    ['a b+ c+', '', 'force-replace b by c', 'not_member'],
  ])('%s, staged %s: %s: %s', (members, staged, change, after) => {
    expect(stage(ring(members, { staged }), change)).toBe(after);
  });
});

describe('force-remove', () => {
  it.each([
    ['a b', '', 'force-remove b', 'a* b staged force-remove b'],
    ['a b', '', 'force-remove a', 'a* b staged force-remove a'],
    ['a b!', '', 'force-remove b', 'a* b! staged force-remove b'],
    ['a b-', '', 'force-remove b', 'a* b- staged force-remove b'],
    ['a b', '', 'force-remove x', 'not_member'],
    ['a b', 'leave a', 'force-remove b', 'only_member'],
    ['a b!', '', 'force-remove a', 'only_member'],
    ['a', '', 'force-remove a', 'only_member'],
    ['a b+', '', 'force-remove b', 'a*'],
    ['a b', 'force-remove b', 'force-remove b', 'a* b staged force-remove b'],
  ])('%s, staged %s: %s: %s', (members, staged, change, after) => {
    expect(stage(ring(members, { staged }), change)).toBe(after);
  });
});

describe('one change for each member, the later in the place of the earlier', () => {
  it.each([
    ['a b c+', 'leave b', 'replace b by c', 'a* b c+ staged replace b by c'],
    ['a b c+', 'replace b by c', 'leave b', 'a* b c+ staged leave b'],
    ['a b c+', 'leave b', 'force-remove b', 'a* b c+ staged force-remove b'],
    ['a b c+ d+', 'replace b by c', 'replace b by d', 'a* b c+ d+ staged replace b by d'],
    ['a b c+', 'replace b by c', 'force-replace b by c', 'a* b c+ staged force-replace b by c'],
    ['a b c', 'leave b', 'leave c', 'a* b c staged leave b staged leave c'],
  ])('%s, staged %s: %s: %s', (members, staged, change, after) => {
    expect(stage(ring(members, { staged }), change)).toBe(after);
  });

  it('a joiner that takes its join back replaces nobody', () => {
    const before = ring('a b c+', { staged: 'replace b by c, leave a' });
    expect(stage(before, 'leave c')).toBe('a* b staged leave a');
    expect(show(clearStaged(before))).toBe('a* b');
  });

  it('a member that is down can hand nothing over', () => {
    expect(stage(ring('a b!'), 'leave b')).toBe('is_down');
    expect(stage(ring('a b c!'), 'leave b')).toBe('a* b c! staged leave b');
    expect(stage(ring('a b!'), 'leave a'), 'somebody must stay who can take it').toBe('only_member');
  });
});

describe('resize', () => {
  it.each([
    ['a b', '', 'resize 32', 'a* b staged resize 32'],
    ['a', '', 'resize 64', 'a* staged resize 64'],
    ['a b', 'resize 32', 'resize 64', 'a* b staged resize 64'],
    ['a b', '', 'resize 16', 'same_size'],
    ['a b', '', 'resize 24', 'invalid_ring_size'],
    ['a b', 'leave b', 'resize 32', 'changes_staged'],
    ['a b+', '', 'resize 32', 'changes_staged'],
    ['a b', 'resize 32', 'leave b', 'changes_staged'],
    ['a b', 'resize 32', 'force-remove b', 'changes_staged'],
  ])('%s, staged %s: %s: %s', (members, staged, change, after) => {
    expect(stage(ring(members, { staged }), change)).toBe(after);
  });

  it('stands alone: nobody joins beside a staged one, nor is one staged while anything is pending', () => {
    const joining = { ...info('c'), ringSize: 16 };
    expect(show(stageJoin(ring('a b', { staged: 'resize 32' }), joining))).toBe('changes_staged');
    expect(stage({ ...ring('a b'), ...pendingMove }, 'resize 32')).toBe('pending_changes');
    expect(stage(resizing(ring('a b')), 'resize 64')).toBe('pending_changes');
  });

  it('under way lets in who comes with a ring of the new size, and nothing else', () => {
    const before = resizing(ring('a b'));
    expect(show(stageJoin(before, { ...info('c'), ringSize: 16 }))).toBe('different_ring_size');
    expect(show(stageJoin(before, { ...info('c'), ringSize: 32 }))).toBe('a* b c+ resizing to 32');
    for (const change of ['leave b', 'force-remove b']) expect(stage(before, change)).toBe('pending_changes');
  });

  it('is aborted with the joins that were made for it, or taken back while it is staged', () => {
    expect(show(abortResize(resizing(ring('a b c+'))))).toBe('a* b');
    expect(show(abortResize(ring('a b', { staged: 'resize 32' })))).toBe('a* b');
    expect(show(abortResize(ring('a b c+')))).toBe('not_resizing');
  });
});
