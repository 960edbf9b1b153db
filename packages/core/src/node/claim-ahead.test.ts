import { expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { claim } from '../claim/claim.ts';
import type { NodeId } from '../contracts/ids.ts';
import { claimAskedFor } from '../membership/planned-ring.ts';
import { birthDocument, type Member, type RingDocument } from '../ring/document.ts';
import { ClaimAhead } from './claim-ahead.ts';

const [n1, ...joiners] = ['n1', 'n2', 'n3', 'n4', 'n5'].map(
  (name) => ({ id: name as NodeId, name, address: '', location: '', storeId: name }) as Member,
) as [Member, ...Member[]];

/** A ring of one that so many others ask to join. */
function ringWith(joining: number): RingDocument {
  const born = birthDocument({ clusterId: 'c', ringSize: 16, self: n1, n: 3, level: 'eventual' });
  const others = joiners.slice(0, joining).map((member) => ({ ...member, status: 'joining' as const }));
  return { ...born, members: [...born.members, ...others] };
}

function asked(document: RingDocument): NonNullable<ReturnType<typeof claimAskedFor>> {
  return claimAskedFor(document) as NonNullable<ReturnType<typeof claimAskedFor>>;
}

function prepared(): {
  host: ManualHost;
  ahead: ClaimAhead;
  done: string[];
  prepare: (joining: number) => void;
} {
  const host = new ManualHost();
  const ahead = new ClaimAhead(host);
  const done: string[] = [];
  return { host, ahead, done, prepare: (n) => ahead.prepare(ringWith(n), () => done.push(`${n} joiners`)) };
}

it('computes with pauses, and then a plan has it at once', () => {
  const { host, ahead, done, prepare } = prepared();
  prepare(4);
  expect([done, host.timers]).toEqual([[], 1]);
  host.advance(10_000);
  expect([done, host.timers]).toEqual([['4 joiners'], 0]);
  const result = ahead.claim(asked(ringWith(4)));
  expect(result).toEqual(claim(asked(ringWith(4))));
  expect(ahead.claim(asked(ringWith(4))), 'not computed anew').toBe(result);
  prepare(4);
  expect(done).toEqual(['4 joiners', '4 joiners']);
});

it('asked twice about one ring it computes once, and all are told', () => {
  const { host, done, prepare } = prepared();
  prepare(4);
  prepare(4);
  expect(host.timers).toBe(1);
  host.advance(10_000);
  expect(done).toEqual(['4 joiners', '4 joiners']);
});

it('asked about another ring it tells those who waited, whose plan computes for itself', () => {
  const { host, ahead, done, prepare } = prepared();
  prepare(4);
  prepare(3);
  expect(done).toEqual(['4 joiners']);
  host.advance(10_000);
  expect(done).toEqual(['4 joiners', '3 joiners']);
  expect(ahead.claim(asked(ringWith(4)))).toEqual(claim(asked(ringWith(4))));
});

it('has nothing to do where claim is not asked', () => {
  const { host, ahead } = prepared();
  const document = {
    ...ringWith(0),
    staged: [{ kind: 'replace' as const, node: n1.id, by: 'n2' as NodeId }],
  };
  const replacing = { ...document, members: [...document.members, { ...joiners[0], status: 'joining' }] };
  let done = 0;
  ahead.prepare(replacing as RingDocument, () => done++);
  expect([done, host.timers]).toEqual([1, 0]);
});

it('stopped it does no more, and calls nobody', () => {
  const { host, ahead, done, prepare } = prepared();
  prepare(4);
  ahead.stop();
  host.advance(10_000);
  expect([done, host.timers]).toEqual([[], 0]);
});
