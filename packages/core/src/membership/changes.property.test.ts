/**
 * Operators who ask for anything at any time, members who go down and come back, transfers that arrive one by one: the ring
 * stays one that can be lived in, and once it is left in peace a few plans bring it to rest, balanced.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { id, info, ring, show } from '../../test/ring-text.ts';
import { claim } from '../claim/claim.ts';
import type { NodeId } from '../contracts/ids.ts';
import { encodeDocument, memberOf, type RingDocument, type StagedChange } from '../ring/document.ts';
import { markDown } from './down.ts';
import { commitPlan, makePlan } from './plan.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { applyReports, switchRing, type Report } from './reports.ts';
import { abortResize, clearStaged, stageChange, stageJoin } from './staging.ts';
import { readDocument } from './wire-document.ts';

type Step =
  | { readonly do: 'join' | 'down' | 'back'; readonly name: string }
  | { readonly do: 'stage'; readonly change: StagedChange }
  | { readonly do: 'commit' | 'clear' | 'abort' | 'arrive' | 'switch' | 'drain' };

function after(document: RingDocument, step: Step): RingDocument | Refusal {
  const report = (...reports: Report[]): RingDocument => applyReports(encodeDocument(document), reports);
  switch (step.do) {
    case 'join': {
      const ringSize = document.resize?.ringSize ?? document.ringSize;
      return stageJoin(document, { ...info(step.name), ringSize });
    }
    case 'down':
      return markDown(document, [id(step.name)]);
    case 'back':
      return report({ kind: 'back', node: id(step.name) });
    case 'stage':
      return stageChange(document, step.change);
    case 'commit': {
      const current = encodeDocument(document);
      const plan = makePlan({
        current,
        claim,
        isUp: () => true,
        servicesOf: () => undefined,
        partialOf: () => 0,
      });
      return isRefusal(plan) ? plan : commitPlan(current, plan, plan.planId);
    }
    case 'clear':
      return clearStaged(document);
    case 'abort':
      return abortResize(document);
    case 'arrive':
      return report(
        ...document.pending.slice(0, 5).map((transfer) => ({ kind: 'transferComplete', transfer }) as const),
      );
    case 'switch':
      return switchRing(document, document.resize?.ringSize ?? 0);
    case 'drain':
      return report(...document.members.map((member) => ({ kind: 'drained', node: member.id }) as const));
  }
}

function expectLivable(document: RingDocument): void {
  const { owners, pending, resize, staged, claimant } = document;
  const statusOf = (node: NodeId): string | undefined => memberOf(document, node)?.status;
  expect(readDocument(encodeDocument(document).bytes).document).toEqual(document);
  expect(statusOf(claimant)).toBe('valid');
  for (const owner of [...owners, ...(resize?.owners ?? [])])
    expect(statusOf(owner)).toMatch(/valid|leaving|down/);
  for (const { partition, from, to } of pending) {
    expect(owners[partition]).toBe(from);
    expect([statusOf(from), statusOf(to)].join()).toMatch(/^(valid|leaving),valid$/);
  }
  if (resize !== undefined) expect([pending, staged]).toEqual([[], []]);
  for (const change of staged) {
    if (change.kind === 'resize') expect(staged).toHaveLength(1);
    else expect(statusOf(change.node)).toMatch(/valid|leaving|down/);
    if ('by' in change) expect(statusOf(change.by)).toBe('joining');
  }
}

function bringToRest(document: RingDocument): RingDocument {
  let rested = document;
  for (let round = 0; round < 12; round++) {
    const before = rested;
    const back = rested.members.map(({ name }): Step => ({ do: 'back', name }));
    const arrive = Array.from({ length: 32 }, (): Step => ({ do: 'arrive' }));
    for (const step of [...back, { do: 'switch' }, ...arrive, { do: 'drain' }, { do: 'commit' }] as Step[]) {
      const next = after(rested, step);
      if (!isRefusal(next)) rested = next;
    }
    if (rested === before) break;
  }
  return rested;
}

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const nodes = names.map(id);
const change: fc.Arbitrary<StagedChange> = fc.oneof(
  fc.record({ kind: fc.constantFrom('leave', 'force-remove'), node: nodes }),
  fc.record({ kind: fc.constantFrom('replace', 'force-replace'), node: nodes, by: nodes }),
  fc.record({ kind: fc.constant('resize'), ringSize: fc.constantFrom(8, 16, 32) }),
) as fc.Arbitrary<StagedChange>;
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('join'), name: names }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constantFrom('down', 'back'), name: names }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('stage'), change }), weight: 4 },
  { arbitrary: fc.record({ do: fc.constant('commit') }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constantFrom('arrive', 'drain', 'switch') }), weight: 8 },
  { arbitrary: fc.record({ do: fc.constantFrom('clear', 'abort') }), weight: 1 },
) as fc.Arbitrary<Step>;

it('whatever is asked for, in any order', () => {
  let commits = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 80 }), (steps) => {
      let document = ring('a b c', { owners: 'abcabcabcabcabca' });
      for (const one of steps) {
        const next = after(document, one);
        if (isRefusal(next)) continue;
        if (one.do === 'commit') commits++;
        expectLivable(next);
        document = next;
      }
      const rested = bringToRest(document);
      expectLivable(rested);
      expect(show(rested)).not.toMatch(/[-+!]|pending|staged|resizing/);
      const counts = rested.members.map(
        ({ id: node }) => rested.owners.filter((owner) => owner === node).length,
      );
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 60 },
  );
  expect(commits, 'of which many were committed').toBeGreaterThan(60);
});
