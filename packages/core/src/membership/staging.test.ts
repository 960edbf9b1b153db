/** Stage, plan, commit, clear and reports as tables: a ring before, a request, the ring after or the refusal. */
import { describe, expect, it } from 'vitest';
import type { PartitionId } from '../contracts/ids.ts';
import { id, info, ring, show } from '../../test/ring-text.ts';
import { encodeDocument, type RingDocument } from '../ring/document.ts';
import { claim } from '../claim/claim.ts';
import { actingClaimant } from './claimant.ts';
import { commitPlan, decodePlan, encodePlan, makePlan, type Plan, type PlanInput } from './plan.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { applyReports, type Report } from './reports.ts';
import { clearStaged, stageJoin, stageLeave } from './staging.ts';

const abc = 'abcabcabcabcabca';

describe('staging', () => {
  it.each([
    ['a', 'b', 'a* b+'],
    ['a', 'a', 'self_join'],
    ['a b', 'b', 'already_member'],
    ['a b-', 'b', 'already_member'],
    ['a b+', 'c', 'a* b+ c+'],
    ['a b+', 'b', 'a* b+'],
  ])('join: %s, %s asks: %s', (before, candidate, after) => {
    expect(show(stageJoin(ring(before), { ...info(candidate), ringSize: 16 }))).toBe(after);
  });

  it('join: names and ring sizes must fit', () => {
    expect(stageJoin(ring('a'), { ...info('b'), name: 'a', ringSize: 16 })).toMatchObject({
      code: 'name_taken',
    });
    expect(stageJoin(ring('a'), { ...info('b'), ringSize: 64 })).toMatchObject({
      code: 'different_ring_size',
    });
  });

  it('join: asked again it changes nothing, or what the joiner says of itself', () => {
    const before = ring('a b+');
    expect(stageJoin(before, { ...info('b'), ringSize: 16 })).toBe(before);
    const moved = stageJoin(before, { ...info('b'), address: 'b:2', ringSize: 16 }) as RingDocument;
    expect(moved.members.map(({ address, status }) => `${address} ${status}`)).toEqual([
      'a:1 valid',
      'b:2 joining',
    ]);
  });

  it.each([
    ['a b', '', 'b', 'a* b staged leave b'],
    ['a b', '', 'c', 'not_member'],
    ['a', '', 'a', 'only_member'],
    ['a b', 'a', 'b', 'only_member'],
    ['a b+', '', 'a', 'a* b+ staged leave a'],
    ['a b+', '', 'b', 'a*'],
    ['a b+', 'a', 'b', 'only_member'],
    ['a b', 'b', 'b', 'already_leaving'],
    ['a b-', '', 'b', 'already_leaving'],
  ])('leave: %s, staged %s, %s leaves: %s', (before, staged, node, after) => {
    expect(show(stageLeave(ring(before, { staged: staged && `leave ${staged}` }), id(node)))).toBe(after);
  });

  it('clear drops leaves and joins, and nothing when there is nothing', () => {
    expect(show(clearStaged(ring('a b c+', { staged: 'leave b' })))).toBe('a* b');
    const plain = ring('a b');
    expect(clearStaged(plain)).toBe(plain);
  });
});

const isUp = (): boolean => true;
const servicesOf = (): readonly string[] => ['kv'];
const partialOf = (): number => 0;
const tryPlan = (document: RingDocument, now: Partial<PlanInput> = {}): Plan | Refusal =>
  makePlan({ current: encodeDocument(document), claim, isUp, servicesOf, partialOf, ...now });
const planFor = (document: RingDocument, now: Partial<PlanInput> = {}): Plan => {
  const plan = tryPlan(document, now);
  if (isRefusal(plan)) throw new Error(plan.code);
  return plan;
};

describe('plan', () => {
  it.each([
    ['nothing staged', ring('a b', { owners: 'ab'.repeat(8) }), 'nothing_planned'],
    ['a join', ring('a b+'), undefined],
    ['a leave', ring('a b', { staged: 'leave b' }), undefined],
    [
      'moves under way',
      { ...ring('a b c+'), pending: [{ partition: 0 as PartitionId, from: id('a'), to: id('b') }] },
      'pending_changes',
    ],
  ])('%s', (_, document, code) => {
    const plan = tryPlan(document);
    expect(isRefusal(plan) ? plan.code : undefined).toBe(code);
  });

  it('gives the ring of the tutorial for two joins, with its transfers and warnings', () => {
    const plan = planFor(ring('a b+ c+'));
    expect(plan.changes).toEqual([
      { action: 'join', node: 'b' },
      { action: 'join', node: 'c' },
    ]);
    expect(plan.transitions[0].owners.join('')).toBe(abc);
    expect(plan.transitions[0].transfers).toHaveLength(10);
    expect(plan.transitions[0].transfers[0]).toEqual({ partition: 1, from: 'a', to: 'b' });
    expect(plan.transitions[0].warnings).toEqual([
      '2 of 16 preference lists of n=3 would have two copies on one node, those that begin at partitions 14, 15 ' +
        '(with 16 partitions and 3 members there is no better ring)',
      '16 partitions on 3 members are fewer than 16 each: load spreads unevenly, a larger ring would be better',
    ]);
    expect(decodePlan(encodePlan(plan))).toEqual(plan);
  });

  it('says that a cluster smaller than n keeps several copies on one node, and who is down', () => {
    const [{ warnings }] = planFor(ring('a b c', { staged: 'leave c', owners: abc }), {
      isUp: (node) => node !== 'c',
    }).transitions;
    expect(warnings[0]).toMatch(/^n is 3 and there will be 2 members/);
    expect(warnings).toContain('c is down: 5 transfers wait until it is back');
  });

  it('says it for each n that a bucket has', () => {
    const before = ring('a b c d+', { owners: abc });
    const buckets = [...before.buckets, { prefix: 'five', n: 5, level: 'eventual' as const }];
    const warnings = planFor({ ...before, buckets }).transitions[0].warnings.join('\n');
    expect(warnings).toMatch(/^n is 5 and there will be 4 members/m);
    expect(warnings).not.toMatch(/n is 3/);
    const three = planFor({ ...ring('a b c', { staged: 'leave c', owners: abc }), buckets });
    expect(three.transitions[0].warnings.slice(0, 2).join('\n')).toMatch(/^n is 3 .*\nn is 5 /);
  });

  it('says who is to receive partitions of a service that he does not run', () => {
    const run: Record<string, readonly string[] | undefined> = {
      a: ['kv', 'locks', 'queues'],
      b: ['kv'],
      c: undefined,
    };
    const [{ warnings }] = planFor(ring('a b+ c+'), { servicesOf: (node) => run[node] }).transitions;
    expect(warnings).toContain('b does not run locks, queues: 5 transfers wait until it does');
  });

  it('has one id for one plan, another for another document', () => {
    expect(planFor(ring('a b+')).planId).toBe(planFor(ring('a b+')).planId);
    expect(planFor(ring('a b+')).planId).not.toBe(planFor(ring('a b+ c+')).planId);
  });
});

describe('commit', () => {
  const staged = ring('a b+ c+');
  const plan = planFor(staged);

  it('carries out the plan as it stands: statuses, transfers, and no owner yet', () => {
    const after = commitPlan(encodeDocument(staged), plan, plan.planId) as RingDocument;
    expect(show(after)).toBe('a* b c pending 10');
    expect(after.owners).toEqual(staged.owners);
    expect(after.pending).toEqual(plan.transitions[0].transfers);
  });

  it.each([
    ['nothing staged', ring('a b'), plan, undefined, 'nothing_planned'],
    ['never planned', staged, undefined, undefined, 'nothing_planned'],
    ['another ring', ring('a b+ c+ d+'), plan, undefined, 'plan_changed'],
    ['another plan', staged, plan, 'abc', 'plan_changed'],
    [
      'moves under way',
      { ...staged, pending: plan.transitions[0].transfers },
      plan,
      undefined,
      'pending_changes',
    ],
  ])('refused: %s', (_, document, held, planId, code) => {
    expect(commitPlan(encodeDocument(document), held, planId)).toMatchObject({ code });
  });

  it('lets a claimant that leaves hand its duty on', () => {
    const leaving = ring('a b c', { staged: 'leave a', owners: abc });
    expect(show(commitPlan(encodeDocument(leaving), planFor(leaving), undefined))).toMatch(
      /^a- b\* c pending \d+/,
    );
  });
});

describe('reports', () => {
  const moving = {
    ...ring('a b', {}),
    pending: [{ partition: 3 as PartitionId, from: id('a'), to: id('b') }],
  };
  const done: Report = {
    kind: 'transferComplete',
    transfer: { partition: 3 as PartitionId, from: id('a'), to: id('b') },
  };
  const drained = (node: string): Report => ({ kind: 'drained', node: id(node) });

  it('switch the owner of a transfer that is pending, once', () => {
    const after = applyReports(encodeDocument(moving), [done, done]);
    expect(after.owners.join('')).toBe('aaabaaaaaaaaaaaa');
    expect(after.pending).toEqual([]);
    expect(applyReports(encodeDocument(after), [done])).toBe(after);
  });

  it('count for nothing when they match nothing', () => {
    const other: Report = {
      kind: 'transferComplete',
      transfer: { partition: 4 as PartitionId, from: id('a'), to: id('b') },
    };
    expect(applyReports(encodeDocument(moving), [other, drained('b'), drained('x')])).toBe(moving);
  });

  it.each([
    ['a b-', 'a', 'a*'],
    ['a b-', 'b', 'a* b-'],
    ['a b', 'a', 'a* b'],
  ])('drained: of %s with all owned by %s, b goes: %s', (members, owner, after) => {
    const document = ring(members, { owners: owner.repeat(16) });
    expect(show(applyReports(encodeDocument(document), [drained('b')]))).toBe(after);
  });

  it('memberInfo follows a move, but takes no name that is taken', () => {
    const moved: Report = { kind: 'memberInfo', info: { ...info('b'), name: 'a', address: 'new:1' } };
    const { members } = applyReports(encodeDocument(ring('a b')), [moved]);
    expect(members[1]).toMatchObject({ name: 'b', address: 'new:1', status: 'valid' });
  });
});

describe('actingClaimant', () => {
  it.each([
    ['abc', 'a'],
    ['bc', 'b'],
    ['c', 'c'],
    ['', 'a'],
  ])('with %s up it is %s', (up, acting) => {
    expect(actingClaimant(ring('a d+ b c'), (node) => up.includes(node))).toBe(acting);
  });
});
