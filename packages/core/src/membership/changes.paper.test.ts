/**
 * What a plan shows, change by change, and that a commit makes exactly that of the ring (rules 1.5).
 *
 * A ring before; then what would become of it: the changes, the ring after, what is reassigned at once and what is
 * transferred (`2 b>c`), what the operator is warned of.
 */
import { describe, expect, it } from 'vitest';
import { id, ring, show } from '../../test/ring-text.ts';
import { claim } from '../claim/claim.ts';
import type { NodeId } from '../contracts/ids.ts';
import { encodeDocument, type PendingTransfer, type RingDocument } from '../ring/document.ts';
import { partitionOf, ringBits } from '../ring/hash-space.ts';
import { primariesOf } from '../ring/preference-list.ts';
import { markDown } from './down.ts';
import { commitPlan, decodePlan, encodePlan, makePlan, type Plan, type PlanInput } from './plan.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { applyReports } from './reports.ts';
import { readDocument } from './wire-document.ts';

const circumstances = { claim, isUp: () => true, servicesOf: () => ['kv'], partialOf: () => 0 };

function tryPlan(document: RingDocument, now: Partial<PlanInput> = {}): Plan | Refusal {
  return makePlan({ current: encodeDocument(document), ...circumstances, ...now });
}

function planOf(document: RingDocument, now: Partial<PlanInput> = {}): Plan {
  const plan = tryPlan(document, now);
  if (isRefusal(plan)) throw new Error(plan.message);
  expect(decodePlan(encodePlan(plan)), 'as it is saved').toEqual(plan);
  return plan;
}

/** After the commit; the document is one that others can read. */
function commit(document: RingDocument, plan = planOf(document)): RingDocument {
  const committed = commitPlan(encodeDocument(document), plan, plan.planId);
  if (isRefusal(committed)) throw new Error(committed.message);
  return readDocument(encodeDocument(committed).bytes).document;
}

/** All that was pending has arrived, and who has nothing any more has gone. */
function finish(document: RingDocument): RingDocument {
  const moved = document.pending.map((transfer) => ({ kind: 'transferComplete', transfer }) as const);
  const there = applyReports(encodeDocument(document), moved);
  const drained = there.members.map((member) => ({ kind: 'drained', node: member.id }) as const);
  return applyReports(encodeDocument(there), drained);
}

const down = (document: RingDocument, ...names: string[]): RingDocument =>
  markDown(document, names.map(id)) as RingDocument;
const isUpBut = (...names: string[]) => ({ isUp: (node: string) => !names.includes(node) });

const changesOf = ({ changes }: Plan): string[] => changes.map((change) => Object.values(change).join(' '));
const moves = (list: readonly PendingTransfer[]): string =>
  list.map(({ partition, from, to }) => `${partition} ${from}>${to}`).join(', ');
const pairsOf = ({ transitions: [{ pairs }] }: Plan): string =>
  pairs.map(({ from, to, count }) => `${count} ${from}>${to}`).join(', ');
const ownersOf = ({ owners }: { readonly owners: readonly string[] }): string => owners.join('');
const warningsOf = (plan: Plan): readonly string[] => plan.transitions[0].warnings;

const ABC = 'abcabcabcabcabca';
const ABCD = 'abcdabcdabcdabcd';

describe('replace', () => {
  const before = ring('a b c d+', { owners: ABC, staged: 'replace b by d' });

  it('gives the places of the old to the new by transfers, and moves nothing else', () => {
    const plan = planOf(before);
    expect(changesOf(plan)).toEqual(['join d', 'replace b d']);
    expect(ownersOf(plan.transitions[0])).toBe(ABC.replaceAll('b', 'd'));
    expect(plan.transitions[0].reassigned).toEqual([]);
    expect(pairsOf(plan)).toBe('5 b>d');
    expect(plan.transitions[0].certificate).toMatchObject({
      moves: 5,
      leastMoves: 5,
      n3: 2,
      avoidable: false,
    });
  });

  it('makes the old a leaver, who goes when all is there', () => {
    const committed = commit(before);
    expect(show(committed)).toBe('a* b- c d pending 5');
    expect(ownersOf(committed)).toBe(ABC);
    const after = finish(committed);
    expect(show(after)).toBe('a* c d');
    expect(ownersOf(after)).toBe(ABC.replaceAll('b', 'd'));
  });

  it('goes beside other changes: the places first, claim for the rest', () => {
    const both = ring('a b c d+ e+', { owners: ABC, staged: 'replace b by d' });
    const plan = planOf(both);
    expect(changesOf(plan)).toEqual(['join d', 'join e', 'replace b d']);
    expect(pairsOf(plan)).toMatch(/b>d/);
    expect(plan.transitions[0].certificate.counts.map(({ count }) => count)).toEqual([4, 4, 4, 4]);
    expect(plan.transitions[0].owners).not.toContain('b');
  });

  it('of the claimant hands its duty on', () => {
    expect(show(commit(ring('a b d+', { owners: 'ab'.repeat(8), staged: 'replace a by d' })))).toBe(
      'a- b* d pending 8',
    );
    expect(show(commit(ring('a d+', { staged: 'replace a by d' })))).toBe('a- d* pending 16');
  });
});

describe('force-replace', () => {
  const before = ring('a b! c d+', { owners: ABC, staged: 'force-replace b by d' });

  it('gives the places of the old to the new at once, and moves nothing else', () => {
    const plan = planOf(before, isUpBut('b'));
    expect(changesOf(plan)).toEqual(['join d', 'force-replace b d']);
    expect(moves(plan.transitions[0].reassigned)).toBe('1 b>d, 4 b>d, 7 b>d, 10 b>d, 13 b>d');
    expect(plan.transitions[0].transfers).toEqual([]);
    const after = commit(before, plan);
    expect(show(after)).toBe('a* c d');
    expect(ownersOf(after)).toBe(ABC.replaceAll('b', 'd'));
  });

  it('says what may be lost with it', () => {
    expect(warningsOf(planOf(before, isUpBut('b')))[0]).toMatch(/^hints that b keeps .* are lost/);
    expect(warningsOf(planOf(before))).toContain('b is up: a leave moves its data first, and loses none');
    expect(warningsOf(planOf(before, { partialOf: (node) => (node === 'c' ? 2 : 0) }))).toContain(
      'c has 2 partial vnodes that may lack what b holds: wait until they have healed',
    );
  });

  it('of a member that was leaving gives what it has left', () => {
    const leaving = finish(down(commit(ring('a b c', { owners: ABC, staged: 'leave b' })), 'b'));
    expect(show(leaving)).toBe('a* b! c');
    expect(leaving.members[1]).toMatchObject({ was: 'leaving' });
    const replaced = ring('a b!- c d+', { owners: ownersOf(leaving), staged: 'force-replace b by d' });
    expect(show(commit(replaced))).toBe('a* c d');
  });
});

describe('force-remove', () => {
  it('gives the places of the old to those who stay at once, and moves as little else as claim can', () => {
    const before = ring('a b c d!', { owners: ABCD, staged: 'force-remove d' });
    const plan = planOf(before, isUpBut('d'));
    expect(changesOf(plan)).toEqual(['force-remove d']);
    expect(plan.transitions[0].reassigned.map(({ partition, from }) => `${partition} ${from}`)).toEqual([
      '3 d',
      '7 d',
      '11 d',
      '15 d',
    ]);
    expect(plan.transitions[0].transfers.every(({ from }) => from !== 'd')).toBe(true);
    const committed = commit(before, plan);
    expect(show(committed)).toMatch(/^a\* b c( pending \d+)?$/);
    expect(committed.owners).not.toContain('d');
    expect(ownersOf(finish(committed))).toBe(ownersOf(plan.transitions[0]));
  });

  it.each([
    ['one of four, of three copies', ABCD, 'force-remove d', 3, undefined, undefined],
    [
      'two of four',
      ABCD,
      'force-remove d, force-remove c',
      3,
      undefined,
      /^acknowledged writes may be lost: .* of 8 ranges of 16 \(n=3; partitions 1, 2, 5, 6, 9, 10, 13, 14\) stay without c, d$/,
    ],
    [
      'three of four',
      ABCD,
      'force-remove b, force-remove c, force-remove d',
      3,
      /^DATA LOSS: every copy of 4 ranges of 16 \(n=3; partitions 1, 5, 9, 13\) lies on b, c, d$/,
      /^acknowledged writes may be lost: .* of 12 ranges/,
    ],
    [
      'one of two, of one copy',
      'ab'.repeat(8),
      'force-remove b',
      1,
      /^DATA LOSS: every copy of 8 ranges/,
      undefined,
    ],
    ['one of two, of two copies', 'ab'.repeat(8), 'force-remove b', 2, undefined, undefined],
    [
      'one with two copies of a list',
      'abbcabbcabbcabbc',
      'force-remove b',
      3,
      undefined,
      /of 8 ranges of 16/,
    ],
  ])('loses, %s', (_, owners, staged, n, lost, endangered) => {
    const names = [...new Set(owners)].toSorted().join(' ');
    const warnings = warningsOf(planOf(ring(names, { owners, staged, n })));
    const find = (begin: string): string | undefined => warnings.find((warning) => warning.startsWith(begin));
    if (lost === undefined) expect(find('DATA LOSS')).toBeUndefined();
    else expect(find('DATA LOSS')).toMatch(lost);
    if (endangered === undefined) expect(find('acknowledged')).toBeUndefined();
    else expect(find('acknowledged')).toMatch(endangered);
  });

  it('of the claimant hands its duty on', () => {
    expect(show(commit(ring('a! b c', { owners: ABC, staged: 'force-remove a' })))).toMatch(/^b\* c/);
  });
});

describe('a member that is down', () => {
  it('keeps its places in a plan for others, and gets nothing', () => {
    const before = ring('a b c! d+', { owners: ABC });
    const plan = planOf(before, isUpBut('c'));
    const [{ owners, transfers }] = plan.transitions;
    before.owners.forEach((owner, p) => {
      if (owner === 'c') expect(owners[p]).toBe('c');
    });
    expect(transfers.filter(({ from, to }) => from === 'c' || to === 'c')).toEqual([]);
    expect(transfers.length).toBeGreaterThan(0);
    expect(warningsOf(plan)).toContain(
      'c is down: its 5 partitions stay, and nothing moves to it, until it is back',
    );
  });

  it('gets nothing from one that leaves either: another up takes it', () => {
    const before = ring('a b c! d', { owners: ABCD, staged: 'leave d' });
    const plan = planOf(before, isUpBut('c'));
    const [{ owners, transfers }] = plan.transitions;
    expect(transfers.filter(({ from, to }) => from === 'c' || to === 'c')).toEqual([]);
    expect(owners).not.toContain('d');
    expect(owners.filter((owner) => owner === 'c')).toHaveLength(4);
  });

  it('may be one too many: what could not be changed any more is told before', () => {
    const votes = /would vote are down/;
    const four = ring('a b c d', { owners: ABCD, staged: 'leave a' });
    expect(warningsOf(planOf(four, isUpBut('d'))).some((line) => votes.test(line))).toBe(false);
    const three = ring('a b c', { owners: ABC, staged: 'leave a' });
    expect(warningsOf(planOf(three, isUpBut('c')))).toContain(
      '1 of the 2 members that would vote are down (c): once this is carried out nothing more can be changed until they are back',
    );
    expect(warningsOf(planOf(three)).some((line) => votes.test(line))).toBe(false);
  });

  it('cannot be all that stays', () => {
    expect(tryPlan(ring('a b!', { staged: 'leave a' }))).toMatchObject({ code: 'only_member' });
  });

  it('that was leaving gets rid of its places by the plan after it is back, though nothing is staged', () => {
    const leaving = commit(ring('a b c', { owners: ABC, staged: 'leave c' }));
    const away = finish(down(leaving, 'c'));
    expect(show(away)).toBe('a* b c!');
    expect(tryPlan(away), 'while it is away').toMatchObject({ code: 'nothing_planned' });
    const back = applyReports(encodeDocument(away), [{ kind: 'back', node: id('c') }]);
    const plan = planOf(back);
    expect(changesOf(plan)).toEqual(['finish-leave c']);
    expect(show(finish(commit(back, plan)))).toBe('a* b');
  });

  it('that missed its share gets it by the plan after it is back', () => {
    const joined = finish(down(commit(ring('a b c+', { owners: 'ab'.repeat(8) })), 'c'));
    expect(show(joined)).toBe('a* b c!');
    expect(tryPlan(joined), 'while it is away').toMatchObject({ code: 'nothing_planned' });
    const back = applyReports(encodeDocument(joined), [{ kind: 'back', node: id('c') }]);
    expect(changesOf(planOf(back))).toEqual(['rebalance']);
    const after = finish(commit(back));
    expect(after.owners).toContain('c');
    expect(tryPlan(after), 'once').toMatchObject({ code: 'nothing_planned' });
  });
});

describe('resize', () => {
  const before = ring('a b c', { owners: ABC, staged: 'resize 32' });

  it('draws a fresh ring of the other size for those who are there', () => {
    const plan = planOf(before);
    expect(changesOf(plan)).toEqual(['resize 16 32']);
    const [transition] = plan.transitions;
    const fresh = claim({ owners: new Array(32).fill('a'), members: ['a', 'b', 'c'].map(id) }).owners;
    expect(transition).toMatchObject({
      ringSize: 32,
      owners: fresh,
      reassigned: [],
      transfers: [],
      pairs: [],
    });
    expect(transition.certificate).toMatchObject({ moves: 0, n3: 2, avoidable: false });
    expect(transition.copies?.total).toBe(96);
    expect(warningsOf(plan).join()).toMatch(/the data needs its space twice, and \d+ of 96 copies/);
  });

  it('counts the copies that no node has already', () => {
    const alone = planOf(ring('a', { staged: 'resize 32' }));
    expect(alone.transitions[0].copies).toEqual({ total: 96, moved: 0 });
    for (const size of [8, 32]) {
      const document = ring('a b c d e', { owners: 'abcdeabcdeabcdea', staged: `resize ${size}` });
      const [{ owners, copies }] = planOf(document).transitions;
      // As a key finds them, by its hash.
      const holdersOf = (ringOwners: readonly NodeId[], hashHi: number): NodeId[] =>
        primariesOf(partitionOf(hashHi, ringBits(ringOwners.length)), 3, ringOwners).map(({ node }) => node);
      const ranges = Math.max(16, size);
      let moved = 0;
      for (let range = 0; range < ranges; range++) {
        const hashHi = Math.floor(((range + 0.5) / ranges) * 2 ** 32);
        const now = holdersOf(document.owners, hashHi);
        moved += holdersOf(owners, hashHi).filter((node) => !now.includes(node)).length;
      }
      expect(copies).toEqual({ total: 3 * ranges, moved });
    }
  });

  it('is filled after the commit, and nothing further is planned or committed meanwhile', () => {
    const plan = planOf(before);
    const after = commit(before, plan);
    expect(show(after)).toBe('a* b c resizing to 32');
    expect(after.resize).toEqual({ ringSize: 32, owners: plan.transitions[0].owners });
    expect([after.owners, after.ringSize]).toEqual([before.owners, 16]);
    expect(tryPlan(after)).toMatchObject({ code: 'pending_changes' });
    expect(commitPlan(encodeDocument(after), plan, plan.planId)).toMatchObject({ code: 'pending_changes' });
  });

  it('says who keeps it waiting', () => {
    expect(warningsOf(planOf(before, isUpBut('b')))).toContain(
      'b is down: the resize waits until it is back',
    );
  });
});

describe('locations', () => {
  const rows = { a: 'r1/h1', b: 'r1/h2', c: 'r2/h3', d: 'r2/h4' };
  const halls = { a: 'x', b: 'x', c: 'y', d: 'y' };

  it('are kept apart by claim, or the plan says where they are not', () => {
    const apart = planOf(ring('a b+ c+ d+', { locations: rows }));
    expect(warningsOf(apart).filter((warning) => warning.includes('location'))).toEqual([]);
    expect(apart.transitions[0].certificate.locationViolations).toBe(0);
  });

  it('fewer than n are said', () => {
    expect(warningsOf(planOf(ring('a b+ c+ d+', { locations: halls })))).toContain(
      'n is 3 and the members stand in 2 locations: one location holds several copies of a key, and losing it loses them together',
    );
  });

  it('that a replacement brings together are said', () => {
    const locations = { a: 'x', b: 'y', c: 'z', d: 'x' };
    const plan = planOf(
      ring('a b c d+', { owners: 'abc'.repeat(4) + 'abca', locations, staged: 'replace b by d' }),
    );
    expect(warningsOf(plan).join()).toMatch(/location/);
  });

  it('that changed bring a better ring by the next plan', () => {
    const at = (locations: Record<string, string>): RingDocument =>
      ring('a b c d e f', { owners: 'abcdef'.repeat(2) + 'abcd', locations });
    const before = at({ a: 'x', b: 'y', c: 'z', d: 'x', e: 'y', f: 'z' });
    const moved = at({ a: 'x', b: 'x', c: 'y', d: 'y', e: 'z', f: 'z' });
    const settled = finish(isRefusal(tryPlan(before)) ? before : commit(before));
    expect(tryPlan(settled)).toMatchObject({ code: 'nothing_planned' });
    expect(changesOf(planOf({ ...moved, owners: settled.owners }))).toEqual(['rebalance']);
  });
});
