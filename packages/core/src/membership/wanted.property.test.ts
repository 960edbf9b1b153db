/**
 * Whatever steps are lost, come twice or are cut short by a crash: in the end the members are the wanted ones, each asked
 * for once, and then there is nothing left to do.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { info, ring, show } from '../../test/ring-text.ts';
import { claim } from '../claim/claim.ts';
import { encodeDocument, type RingDocument } from '../ring/document.ts';
import { commitPlan, makePlan } from './plan.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { applyReports } from './reports.ts';
import { clearStaged, stageChange, stageJoin } from './staging.ts';
import { wayTo, type WantedMember, type WantedStep } from './wanted.ts';

/** A cluster in which everybody is up and transfers take one round. */
class Cluster {
  document: RingDocument;

  constructor(members: string) {
    this.document = ring(members, { owners: (members[0] as string).repeat(16) });
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
      isUp: () => true,
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

/** Rounds of `apply`; of each round's steps those are carried out that the dice let through. */
function rounds(cluster: Cluster, wanted: WantedMember[], dice: readonly number[]): void {
  for (const throws of dice) {
    const { steps } = wayTo(cluster.document, wanted);
    steps.forEach((step, at) => {
      if ((throws >> at) & 1) cluster.take(step);
    });
    if (throws & 256) cluster.finish();
  }
}

const ALL_OF_IT = 511;
const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1 });

describe('the members become the wanted ones', () => {
  it('a hundred times, with steps lost on the way', () =>
    fc.assert(
      fc.property(
        names,
        names,
        fc.array(fc.nat(ALL_OF_IT), { minLength: 100, maxLength: 100 }),
        (before, after, dice) => {
          const cluster = new Cluster(before.join(' '));
          const wanted = wantedOf(after.join(' '));
          rounds(cluster, wanted, [...dice, ...new Array<number>(20).fill(ALL_OF_IT)]);
          expect(cluster.names).toBe(
            after
              .map((name) => `${name} valid`)
              .toSorted()
              .join(', '),
          );
          expect(wayTo(cluster.document, wanted)).toEqual({ done: true, steps: [], waiting: [] });
          const { epoch } = cluster.document;
          rounds(cluster, wanted, new Array<number>(100).fill(ALL_OF_IT));
          expect(cluster.document.epoch).toBe(epoch);
        },
      ),
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
    ['a b-', 'a b', 'b is leaving; once it is gone it can be started anew and let in'],
  ])('%s, wanted %s: %s', (members, wanted, reason) => {
    expect(wayTo(ring(members), wantedOf(wanted))).toEqual({ done: false, steps: [], waiting: [reason] });
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
