/** A minority that goes on, and what becomes of the others: whole clusters of membership machines. */
import { describe, expect, it } from 'vitest';
import { clusterOf, id, preset, type Play } from '../../test/membership-play.ts';
import { eraOf } from '../ring/era.ts';
import type { RequestResult } from './events.ts';

const AWAY_MS = preset.suspectMostMs + 500;

const force = (play: Play, at: string, ...names: string[]): RequestResult | undefined =>
  play.ask(at, { kind: 'down', nodes: names.map(id), force: true });
const statusOf = (play: Play, at: string): string =>
  play
    .machine(at)
    .current()
    .document.members.map(({ name, status }) => `${name} ${status}`)
    .join(', ');
const epochOf = (play: Play, at: string): number => play.machine(at).current().document.epoch;
const expectOneRing = (play: Play, ...names: string[]): void => {
  for (const name of names) expect(play.ring(name), name).toBe(play.ring(names[0] as string));
};

describe('a node that sees no majority', () => {
  it('goes on alone when it is told to, and the others are back in its ring once they hear of it', () => {
    const play = clusterOf('a', 'b', 'c');
    play.cutBetween(['a', 'b'], ['c', 'd']);
    play.run(AWAY_MS);
    const owners = play.machine('c').current().document.owners;
    const forced = force(play, 'c', 'a', 'b');
    expect(forced).toMatchObject({ kind: 'done', epoch: epochOf(play, 'c') });
    expect(statusOf(play, 'c')).toBe('a down, b down, c valid');
    expect(play.machine('c').current().document.owners, 'nothing is given away').toEqual(owners);
    expect(play.machine('c').actingClaimant()).toBe('c');

    play.start('d');
    expect(play.join('d', 'c')).toMatchObject({ kind: 'staged' });
    expect(play.ask('a', { kind: 'leave', node: id('b') }), 'the majority goes on as well').toMatchObject({
      kind: 'staged',
    });
    play.heal();
    play.run(3_000);
    expectOneRing(play, 'a', 'b', 'c');
    expect(statusOf(play, 'a')).toBe('a valid, b valid, c valid, d joining');
    expect(play.machine('a').current().document.staged, 'what the others agreed upon is undone').toEqual([]);
    expect(eraOf(epochOf(play, 'a'))).toBe(1);
    expect(play.planAndCommit('c')).toMatchObject({ kind: 'committed' });
    play.finishTransfers();
    expectOneRing(play, 'a', 'b', 'c', 'd');
    expect(play.errors()).toEqual([]);
  });

  it('tells who was put aside and what may be lost, to the operator and in the log of all who take the ring', () => {
    const play = clusterOf('a', 'b', 'c');
    play.cutBetween(['a', 'b'], ['c']);
    play.run(AWAY_MS);
    const forced = force(play, 'c', 'a', 'b');
    const warnings = forced?.kind === 'done' ? (forced.warnings ?? []) : [];
    expect(warnings).toEqual([
      'the ring was forced without a majority: a, b put aside until they can be reached again',
      'what a, b acknowledged and no other member holds is missing until then',
      expect.stringMatching(/^what a, b agreed upon .* is undone when they hear of it/),
    ]);
    expect(play.warnings('c')).toEqual(warnings);
    const before = epochOf(play, 'a') + 1;
    play.ask('a', { kind: 'leave', node: id('b') });
    play.heal();
    play.run(3_000);
    expect(play.warnings('a')).toContain(
      `what was agreed upon up to epoch ${before} and is not in this ring is undone`,
    );
    expect(play.warnings('b')[0]).toMatch(/^the ring was forced without a majority/);
  });

  it('is refused while somebody who would have a vote is away, and names all that are', () => {
    const play = clusterOf('a', 'b', 'c', 'd', 'e');
    play.cutBetween(['a', 'b', 'c'], ['d', 'e']);
    play.run(AWAY_MS);
    expect(force(play, 'd', 'a')).toMatchObject({
      code: 'no_majority',
      message: expect.stringMatching(/^b, c cannot be reached/),
      definite: true,
    });
    expect(force(play, 'd', 'a', 'b', 'c', 'd')).toMatchObject({ code: 'not_member' });
    expect(force(play, 'd', 'a', 'b', 'c', 'z')).toMatchObject({ code: 'not_member' });
    expect(force(play, 'e', 'a', 'b', 'c'), 'one in a half forces').toMatchObject({ kind: 'not_claimant' });
    expect(eraOf(epochOf(play, 'd'))).toBe(0);
    expect(force(play, 'd', 'a', 'b', 'c')).toMatchObject({ kind: 'done' });
    expectOneRing(play, 'd', 'e');
    expect(play.ask('d', { kind: 'leave', node: id('e') }), 'two of two agree').toMatchObject({
      kind: 'staged',
    });
  });

  it('is refused while one that stays has not its ring', () => {
    const play = clusterOf('a', 'b', 'c', 'd', 'e');
    play.stuckDisks.add('e');
    play.ask('a', { kind: 'leave', node: id('b') });
    play.cutBetween(['a', 'b', 'c'], ['d', 'e']);
    play.run(AWAY_MS);
    expect(force(play, 'd', 'a', 'b', 'c')).toMatchObject({ code: 'ring_not_ready' });
    play.stuckDisks.delete('e');
    play.run(1_000);
    expect(force(play, 'd', 'a', 'b', 'c')).toMatchObject({ kind: 'done' });
  });

  it('says nothing before its ring is saved, and is what it was when it dies until then', () => {
    const play = clusterOf('a', 'b', 'c');
    play.cutBetween(['a', 'b'], ['c']);
    play.run(AWAY_MS);
    play.stuckDisks.add('c');
    expect(force(play, 'c', 'a', 'b')).toBe(undefined);
    expect(force(play, 'c', 'a', 'b'), 'one at a time').toMatchObject({ code: 'ring_not_ready' });
    play.heal();
    play.run(600);
    expect(eraOf(epochOf(play, 'a'))).toBe(0);
    play.crash('c');
    play.stuckDisks.clear();
    play.start('c');
    play.run(1_000);
    expectOneRing(play, 'a', 'b', 'c');
    expect(statusOf(play, 'c')).toBe('a valid, b valid, c valid');
    expect(eraOf(epochOf(play, 'c'))).toBe(0);
  });

  it('forces again, and each time a later era', () => {
    const play = clusterOf('a', 'b', 'c');
    play.cutBetween(['a'], ['b'], ['c']);
    play.run(AWAY_MS);
    expect(force(play, 'b', 'a', 'c')).toMatchObject({ kind: 'done' });
    play.heal();
    play.run(3_000);
    play.cutBetween(['a', 'b'], ['c']);
    play.run(AWAY_MS);
    expect(force(play, 'c', 'a', 'b')).toMatchObject({ kind: 'done' });
    expect(eraOf(epochOf(play, 'c'))).toBe(2);
    play.heal();
    play.run(3_000);
    expectOneRing(play, 'a', 'b', 'c');
  });

  it('is not needed with a majority in sight: the members agree', () => {
    const play = clusterOf('a', 'b', 'c');
    play.crash('c');
    expect(force(play, 'a', 'c')).toMatchObject({ kind: 'done' });
    expect(eraOf(epochOf(play, 'a'))).toBe(0);
    expect(statusOf(play, 'b')).toBe('a valid, b valid, c down');
    play.start('c');
    play.run(2_000);
    expect(statusOf(play, 'b')).toBe('a valid, b valid, c valid');
  });

  it('does not wait for a claimant that is down, and hears it when it is back', () => {
    const play = clusterOf('a', 'b', 'c');
    play.crash('a');
    expect(force(play, 'b', 'a')).toMatchObject({ kind: 'done' });
    play.start('a');
    play.run(2_000);
    expect(statusOf(play, 'b')).toBe('a valid, b valid, c valid');
    expect(play.machine('c').actingClaimant()).toBe('b');
  });
});

describe('two halves that both force', () => {
  it.each([
    ['from one ring', false],
    ['when one has agreed upon more than the other knows', true],
  ])('have two rings until they meet, and then the higher one: %s', (_, goesOn) => {
    const play = clusterOf('a', 'b', 'c', 'd');
    if (goesOn) {
      play.cutBetween(['a', 'b', 'c'], ['d']);
      play.ask('a', { kind: 'leave', node: id('b') });
    }
    play.cutBetween(['a', 'b'], ['c', 'd']);
    play.run(AWAY_MS);
    if (goesOn) play.cutBetween(['c'], ['d']);
    play.run(AWAY_MS);
    expect(force(play, 'a', 'c', 'd')).toMatchObject({ kind: 'done' });
    const other = goesOn ? 'd' : 'c';
    expect(
      force(
        play,
        other,
        ...['a', 'b', 'c', 'd'].filter((name) => !['c', 'd'].includes(name)),
        ...(goesOn ? ['c'] : []),
      ),
    ).toMatchObject({ kind: 'done' });
    play.ask('a', { kind: 'leave', node: id('b') });
    expect(epochOf(play, other)).not.toBe(epochOf(play, 'a'));
    const winner = Math.max(epochOf(play, other), epochOf(play, 'a'));
    play.heal();
    play.run(3_000);
    expectOneRing(play, 'a', 'b', 'c', 'd');
    expect(epochOf(play, 'a')).toBeGreaterThanOrEqual(winner);
    expect(statusOf(play, 'a')).toBe('a valid, b valid, c valid, d valid');
    expect(play.errors()).toEqual([]);
  });
});

describe('a node that was let in by the half whose ring was undone', () => {
  it('learns that it is in no ring', () => {
    const play = clusterOf('a', 'b', 'c');
    play.cutBetween(['a', 'b', 'd'], ['c']);
    play.run(AWAY_MS);
    play.start('d');
    play.join('d', 'a');
    expect(play.planAndCommit('a')).toMatchObject({ kind: 'committed' });
    play.finishTransfers();
    expect(force(play, 'c', 'a', 'b')).toMatchObject({ kind: 'done' });
    play.heal();
    play.run(5_000);
    expectOneRing(play, 'a', 'b', 'c');
    expect(statusOf(play, 'c')).toBe('a valid, b valid, c valid');
    expect(play.player('d').removed).toBe(true);
  });

  it('stays a lone node when it was only staged', () => {
    const play = clusterOf('a', 'b', 'c');
    play.cutBetween(['a', 'b', 'd'], ['c']);
    play.run(AWAY_MS);
    play.start('d');
    play.join('d', 'a');
    force(play, 'c', 'a', 'b');
    play.heal();
    play.run(5_000);
    expect(play.ring('d')).toBe('e1 d* owners d:16');
    expect(play.machine('d').prospect()).toBe(undefined);
    expect(play.join('d', 'c')).toMatchObject({ kind: 'staged' });
  });
});
