import { expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { claim } from '../claim/claim.ts';
import type { ClaimInput } from '../claim/problem.ts';
import type { NodeId } from '../contracts/ids.ts';
import { ClaimAhead } from './claim-ahead.ts';

/** The first of so many members has all of a ring of 64. */
function shared(among: number): ClaimInput {
  const members = Array.from({ length: among }, (_, i) => `n${i + 1}` as NodeId);
  return { owners: new Array<NodeId>(64).fill(members[0] as NodeId), members };
}

function stage(): { host: ManualHost; ahead: ClaimAhead; done: string[]; prepare: (among: number) => void } {
  const host = new ManualHost();
  const ahead = new ClaimAhead(host);
  const done: string[] = [];
  return { host, ahead, done, prepare: (n) => ahead.prepare(shared(n), () => done.push(`${n} members`)) };
}

it('computes with pauses, and then a plan has it at once', () => {
  const { host, ahead, done, prepare } = stage();
  prepare(5);
  host.advance(0);
  expect([done, host.timers], 'not all of it in one slice').toEqual([[], 1]);
  host.advance(10_000);
  expect([done, host.timers]).toEqual([['5 members'], 0]);
  const result = ahead.claim(shared(5));
  expect(ahead.claim(shared(5)), 'not computed anew').toBe(result);
  expect(result).toEqual(claim(shared(5)));
  prepare(5);
  expect(done).toEqual(['5 members', '5 members']);
});

it('asked twice about one ring it computes once, and both are told at the end', () => {
  const { host, done, prepare } = stage();
  prepare(5);
  host.advance(0);
  prepare(5);
  expect([done, host.timers]).toEqual([[], 1]);
  host.advance(10_000);
  expect(done).toEqual(['5 members', '5 members']);
});

it('asked about another ring it begins anew, and whoever waited waits for that: it is the ring of all of them', () => {
  const { host, ahead, done, prepare } = stage();
  prepare(5);
  host.advance(0);
  prepare(4);
  expect(done).toEqual([]);
  host.advance(10_000);
  expect([done, host.timers]).toEqual([['5 members', '4 members'], 0]);
  expect(ahead.claim(shared(4))).toBe(ahead.claim(shared(4)));
  expect(ahead.claim(shared(5)), 'was given up').not.toBe(ahead.claim(shared(5)));
});

it('who asks about another ring as soon as it is told is told of that too', () => {
  const { host, ahead, done, prepare } = stage();
  ahead.prepare(shared(5), () => prepare(4));
  host.advance(10_000);
  expect(done).toEqual(['4 members']);
});

it('has nothing to do where claim is not asked', () => {
  const { host, ahead } = stage();
  let done = 0;
  ahead.prepare(undefined, () => done++);
  expect([done, host.timers]).toEqual([1, 0]);
});

it('stopped it does no more, and calls nobody', () => {
  const { host, ahead, done, prepare } = stage();
  prepare(5);
  ahead.stop();
  prepare(4);
  host.advance(10_000);
  expect([done, host.timers]).toEqual([[], 0]);
});
