/**
 * A claimant that dies within one step: after its k-th message or save, for every k, with what was on the way to its disk
 * lost or kept. What it began is then done or not done, there is one ring, and what an operator was told is so.
 *
 * commit.paper.test.ts has deaths between steps; here a step may have said something to one member and not to the next.
 */
import { describe, expect, it } from 'vitest';
import { id, Play, preset } from '../../test/membership-play.ts';
import { eraOf } from '../ring/era.ts';
import type { MembershipEffect, RequestResult } from './events.ts';

class Mortal extends Play {
  mortal = '';
  /** Messages and saves until it dies. */
  left = Infinity;
  keepsSaves = false;

  override perform(name: string, effects: readonly MembershipEffect[]): void {
    if (name !== this.mortal || this.left === Infinity) return super.perform(name, effects);
    const done: MembershipEffect[] = [];
    for (const effect of effects) {
      done.push(effect);
      if ((effect.kind === 'send' || effect.kind === 'save') && --this.left === 0) break;
    }
    super.perform(name, done);
    if (this.left === 0) this.#die();
  }

  #die(): void {
    const player = this.player(this.mortal);
    if (this.keepsSaves) for (const { name, bytes } of player.saves) player.disk[name] = bytes;
    this.left = Infinity;
    this.lastWords.add(this.mortal);
    this.crash(this.mortal);
  }
}

interface Death {
  readonly died: boolean;
  readonly happened: boolean;
  readonly result: RequestResult | undefined;
}

function cluster(...names: string[]): Mortal {
  const play = new Mortal();
  for (const name of names) play.start(name);
  for (const name of names.slice(1)) play.join(name, 'a');
  play.planAndCommit('a');
  play.finishTransfers();
  return play;
}

function expectOneRing(play: Play, ...names: string[]): void {
  for (const name of names) expect(play.ring(name), name).toBe(play.ring(names[0] as string));
  expect(play.errors()).toEqual([]);
}

function dieInCommit(k: number, keepsSaves: boolean): Death {
  const play = cluster('a', 'b', 'c');
  play.start('d');
  play.join('d', 'a');
  Object.assign(play, { mortal: 'a', left: k, keepsSaves });
  const result = play.planAndCommit('a');
  const died = !play.player('a').alive;
  play.left = Infinity;
  play.run(8_000);
  expectOneRing(play, 'b', 'c');
  if (died) play.start('a');
  play.run(8_000);
  expectOneRing(play, 'a', 'b', 'c');
  const isIn = (): boolean =>
    play.machine('b').current().document.members.at(-1)?.status === 'valid' &&
    play.ring('d') === play.ring('b');
  const happened = isIn();
  if (!happened)
    expect(play.planAndCommit(play.machine('b').actingClaimant())).toMatchObject({ kind: 'committed' });
  play.run(2_000);
  expect(isIn(), 'it can be done after all').toBe(true);
  return { died, happened, result };
}

function dieInForce(k: number, keepsSaves: boolean): Death {
  const play = cluster('a', 'b', 'c', 'd', 'e');
  play.cutBetween(['a', 'b', 'c'], ['d', 'e']);
  play.run(preset.suspectMostMs + 500);
  Object.assign(play, { mortal: 'd', left: k, keepsSaves });
  const nodes = ['a', 'b', 'c'].map(id);
  const result = play.ask('d', { kind: 'down', nodes, force: true });
  const died = !play.player('d').alive;
  play.left = Infinity;
  play.ask('a', { kind: 'leave', node: id('b') });
  if (died) play.start('d');
  play.heal();
  play.run(8_000);
  expectOneRing(play, 'a', 'b', 'c', 'd', 'e');
  const { document } = play.machine('a').current();
  expect(document.members.map(({ status }) => status)).toEqual(Array(5).fill('valid'));
  return { died, happened: eraOf(document.epoch) === 1, result };
}

describe.each([
  ['commits', dieInCommit, 'committed'],
  ['forces a ring', dieInForce, 'done'],
] as const)('a claimant that dies after any message or save while it %s', (_, dieAt, toldAs) => {
  it.each([
    ['and loses what was on its way to disk', false],
    ['and keeps it', true],
  ])('%s', (__, keepsSaves) => {
    let [done, undone] = [0, 0];
    for (let k = 1; ; k++) {
      const { died, happened, result } = dieAt(k, keepsSaves);
      if (result?.kind === toldAs) expect(happened, `k=${k}: what the operator was told is so`).toBe(true);
      if (!died) break;
      if (happened) done++;
      else undone++;
      expect(k).toBeLessThan(100);
    }
    expect(done, 'some deaths come when it is done').toBeGreaterThan(0);
    expect(undone + done).toBeGreaterThan(2);
  });
});
