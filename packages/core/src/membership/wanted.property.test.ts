/**
 * Whatever steps are lost, come twice or are cut short by a crash, and whoever is called down on the way and comes back: in
 * the end the members are the wanted ones, each asked for once, and then there is nothing left to do. And never is it said to
 * be done while somebody stays who is not wanted.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { id, info, ring, show } from '../../test/ring-text.ts';
import { claim } from '../claim/claim.ts';
import type { PartitionId } from '../contracts/ids.ts';
import { encodeDocument, type RingDocument } from '../ring/document.ts';
import { markDown } from './down.ts';
import { commitPlan, makePlan } from './plan.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { applyReports } from './reports.ts';
import { clearStaged, stageChange, stageJoin } from './staging.ts';
import { wayTo, type WantedMember, type WantedStep } from './wanted.ts';

/** A cluster in which everybody is up but those who are called down, and transfers take one round. */
class Cluster {
  document: RingDocument;

  constructor(members: string) {
    this.document = ring(members, { owners: (members[0] as string).repeat(16) });
  }

  /** An operator says that this member, if it is one, is away. */
  callDown(name: string): void {
    this.#become(markDown(this.document, [id(name)]));
  }

  /** Whoever was called down is heard again. */
  comeBack(): void {
    const back = this.document.members.map((member) => ({ kind: 'back', node: member.id }) as const);
    this.#become(applyReports(encodeDocument(this.document), back));
  }

  /** The members once all that is under way has happened, with those who are down away for ever. */
  get namesInTheEnd(): string[] {
    const later = new Cluster('a');
    later.document = this.document;
    later.finish();
    return later.document.members.map(({ name }) => name).toSorted();
  }

  take(step: WantedStep): void {
    if (step.kind === 'invite') {
      this.#become(stageJoin(this.document, { ...info(step.name), ringSize: this.document.ringSize }));
    } else if (step.kind === 'carryOut') this.#carryOut();
    else if (step.request.kind === 'clear') this.#become(clearStaged(this.document));
    else if (step.request.kind === 'leave' || step.request.kind === 'replace')
      this.#become(stageChange(this.document, step.request));
    else throw new Error(`not expected: ${step.request.kind}`);
  }

  /** What was committed happens, and who has handed over everything goes. */
  finish(): void {
    const { pending, members } = this.document;
    const moved = pending.map((transfer) => ({ kind: 'transferComplete', transfer }) as const);
    this.#become(applyReports(encodeDocument(this.document), moved));
    const drained = members.map(({ id }) => ({ kind: 'drained', node: id }) as const);
    this.#become(applyReports(encodeDocument(this.document), drained));
  }

  get names(): string {
    return this.document.members
      .map(({ name, status }) => `${name} ${status}`)
      .toSorted()
      .join(', ');
  }

  #carryOut(): void {
    const current = encodeDocument(this.document);
    const plan = makePlan({
      current,
      claim,
      isUp: (node) => this.document.members.some((member) => member.id === node && member.status !== 'down'),
      servicesOf: () => undefined,
      partialOf: () => 0,
    });
    this.#become(isRefusal(plan) ? plan : commitPlan(current, plan, plan.planId));
  }

  #become(result: RingDocument | Refusal): void {
    if (!isRefusal(result)) this.document = result;
  }
}

const wantedOf = (text: string): WantedMember[] =>
  text.split(' ').map((word) => {
    const [name = '', replaces] = word.split('=');
    return { name, address: info(name).address, ...(replaces && { replaces }) };
  });

interface Throw {
  /** Which steps are carried out, a bit each. */
  readonly steps: number;
  /** Whether what moves has moved after them. */
  readonly finish: boolean;
  /** Who is called down in between, if anybody. */
  readonly down?: string | undefined;
  readonly back: boolean;
}

/** Rounds of `apply`; of each round's steps those are carried out that the dice let through. */
function rounds(cluster: Cluster, wanted: WantedMember[], dice: readonly Throw[]): void {
  for (const { steps: allowed, finish, down, back } of dice) {
    const { steps, done } = wayTo(cluster.document, wanted);
    if (done) expect(cluster.namesInTheEnd).toEqual(wanted.map(({ name }) => name).toSorted());
    steps.forEach((step, at) => {
      if ((allowed >> at) & 1) cluster.take(step);
    });
    if (down !== undefined) cluster.callDown(down);
    if (finish) cluster.finish();
    if (back) cluster.comeBack();
  }
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const names = fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 });
const dice = fc.array(
  fc.record({
    steps: fc.nat(255),
    finish: fc.boolean(),
    down: fc.option(fc.constantFrom(...NAMES), { nil: undefined, freq: 2 }),
    back: fc.boolean(),
  }),
  { minLength: 100, maxLength: 100 },
);
const allOfIt = (count: number): Throw[] =>
  Array.from({ length: count }, () => ({ steps: 255, finish: true, back: true }));

it('who is invited and has another name is not let in, and neither sent away nor invited again', () => {
  const document = ring('a b+');
  const { address } = info('b');
  expect(wayTo(document, [{ name: 'a' }, { name: 'c', address }])).toEqual({
    done: false,
    steps: [],
    waiting: [`at ${address} is b, not c: write that name, or start c there`],
  });
  expect(wayTo(document, [{ name: 'a' }, { name: 'c', address: info('c').address }]).steps).toHaveLength(2);
});

describe('the members become the wanted ones', () => {
  it('a hundred times, with steps lost on the way', () =>
    fc.assert(
      fc.property(names, names, dice, (before, after, throws) => {
        const cluster = new Cluster(before.join(' '));
        const wanted = wantedOf(after.join(' '));
        rounds(cluster, wanted, [...throws, ...allOfIt(20)]);
        expect(cluster.names).toBe(
          after
            .map((name) => `${name} valid`)
            .toSorted()
            .join(', '),
        );
        expect(wayTo(cluster.document, wanted)).toEqual({ done: true, steps: [], waiting: [] });
        const { document } = cluster;
        rounds(cluster, wanted, allOfIt(100));
        expect(cluster.document).toBe(document);
      }),
      { numRuns: 60 },
    ));
});

const kindsOf = (steps: readonly WantedStep[]): string =>
  steps
    .map((step) =>
      step.kind === 'invite' ? `invite ${step.name}` : step.kind === 'ask' ? step.what : 'carry out',
    )
    .join('; ');

describe('what comes next', () => {
  it.each([
    ['a b', '', 'a b', ''],
    ['a b', '', 'a b c', 'invite c'],
    ['a b c+', '', 'a b c', 'carry out'],
    ['a b c', '', 'a b', 'that c leave'],
    ['a b c', 'leave c', 'a b', 'carry out'],
    ['a b c', 'leave c', 'a b c', 'what is staged, c stays'],
    ['a b c+', '', 'a b', 'the join of c, back'],
    ['a b', '', 'a c=b', 'invite c'],
    ['a b c+', '', 'a c=b', 'that c replace b'],
    ['a b c', '', 'a c=b', 'that b leave'],
    ['a b c', '', 'a b d', 'invite d; that c leave'],
  ])('%s, staged %s, wanted %s: %s', (members, staged, wanted, next) => {
    expect(kindsOf(wayTo(ring(members, { staged }), wantedOf(wanted)).steps)).toBe(next);
  });

  it.each([
    ['a b! c', 'a c', 'b is down and can hand nothing over: start it, or cluster force-remove b'],
    ['a b! c', 'a c=b', 'b is down and can hand nothing over: start it, or cluster force-remove b'],
    ['a b! d+', 'a d=b', 'b is down and can hand nothing over: start it, or cluster force-replace b d'],
    ['a b!-', 'a', 'b is down and can hand nothing over: start it, or cluster force-remove b'],
    ['a b-', 'a b', 'b is leaving; once it is gone it can be started anew and let in'],
  ])('%s, wanted %s: %s', (members, wanted, reason) => {
    expect(wayTo(ring(members), wantedOf(wanted))).toEqual({ done: false, steps: [], waiting: [reason] });
  });

  it('one that replaces a member that is down is invited first, and then has to be told to by force', () => {
    const { steps, waiting } = wayTo(ring('a b!'), wantedOf('a d=b'));
    expect(kindsOf(steps)).toBe('invite d');
    expect(waiting).toEqual(['b is down and can hand nothing over: start it, or cluster force-replace b d']);
  });

  it('a member that was down while it left, and is back, hands over the rest by another plan', () => {
    const left = ring('a b c-', { owners: 'abcabcab' });
    expect(kindsOf(wayTo(left, wantedOf('a b')).steps)).toBe('carry out');
    expect(wayTo(left, wantedOf('a b c'))).toEqual({
      done: false,
      steps: [{ kind: 'carryOut' }],
      waiting: ['c is leaving; once it is gone it can be started anew and let in'],
    });
    const transfers = [2, 5].map((partition) => ({
      partition: partition as PartitionId,
      from: id('c'),
      to: id('a'),
    }));
    expect(wayTo({ ...left, pending: transfers.slice(1) }, wantedOf('a b'))).toEqual({
      done: false,
      steps: [],
      waiting: ['1 transfers of the last commit are not done; wait for them first'],
    });
    expect(wayTo({ ...left, pending: transfers }, wantedOf('a b')).done).toBe(true);
    const resize = { ringSize: 16, owners: [...'abababababababab'].map(id) };
    expect(wayTo({ ...left, resize }, wantedOf('a b')).done).toBe(true);
  });

  it('what is staged about a member that leaves already stays staged, wanted or not', () => {
    expect(kindsOf(wayTo(ring('a b!-', { staged: 'force-remove b' }), wantedOf('a b')).steps)).toBe('');
  });

  it('who is no member and has no address cannot be invited', () => {
    expect(wayTo(ring('a'), [{ name: 'a' }, { name: 'b' }])).toEqual({
      done: false,
      steps: [],
      waiting: ['b is no member: say its address, host:port'],
    });
  });

  it('a member that is down and wanted is as good as there', () => {
    expect(wayTo(ring('a b! c'), wantedOf('a b c')).done).toBe(true);
    expect(show(ring('a b! c'))).toContain('b!');
  });
});
