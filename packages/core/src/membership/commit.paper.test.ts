/**
 * What plan and commit promise whatever happens in between: a claimant that dies before any one message or save, two
 * operators at once, changes in any order one after another (rules 1.5, 2).
 */
import { describe, expect, it } from 'vitest';
import { clusterOf, id, Play } from '../../test/membership-play.ts';
import { Prng } from '../base/prng.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { StagedChange } from '../ring/document.ts';
import type { RequestResult } from './events.ts';

/** A play in which the claimant dies after so many messages and saves, its own and others'. */
class MortalPlay extends Play {
  stepsLeft = Infinity;
  mortal = 'a';

  override finishSave(...save: Parameters<Play['finishSave']>): void {
    super.finishSave(...save);
    this.#countDown();
  }

  override deliver(at = 0): boolean {
    const delivered = super.deliver(at);
    if (delivered) this.#countDown();
    return delivered;
  }

  #countDown(): void {
    if (--this.stepsLeft === 0) this.crash(this.mortal);
  }
}

const namesIn = (play: Play, name: string): string =>
  play
    .machine(name)
    .current()
    .document.members.map((member) => `${member.name} ${member.status}`)
    .join(', ');

/**
 * d asks to join a, b, c, and maybe something is staged about one of them; a plans and commits, and dies after so many
 * steps. `hasty`: the next claimant is asked at once to clear it all.
 */
function dieAfter(
  steps: number,
  change: StagedChange | undefined,
  hasty: boolean,
): { died: boolean; result: RequestResult | undefined } {
  const play = new MortalPlay();
  for (const name of ['a', 'b', 'c', 'd']) play.start(name);
  for (const name of ['b', 'c']) play.join(name, 'a');
  play.planAndCommit('a');
  play.finishTransfers();
  play.join('d', 'a');
  if (change !== undefined) expect(play.ask('a', change)).toMatchObject({ kind: 'staged' });
  const before = namesIn(play, 'b');
  play.stepsLeft = steps;
  const planned = play.ask('a', { kind: 'plan' });
  const planId = planned?.kind === 'planned' ? planned.plan.planId : undefined;
  const result = play.player('a').alive ? play.ask('a', { kind: 'commit', planId }) : undefined;
  const died = !play.player('a').alive;
  play.stepsLeft = Infinity;

  // The others get on without it: what was agreed stands, and what was not can be done again.
  if (hasty && died) play.step('b', { kind: 'request', requestId: 99, request: { kind: 'clear' } });
  play.run(8_000);
  expect(play.ring('b'), `after ${steps} steps`).toBe(play.ring('c'));
  const committed = namesIn(play, 'b') !== before;
  if (result?.kind === 'committed') expect(committed, 'what the operator was told is so').toBe(true);
  if (!committed && died && !hasty) {
    const acting = play.machine('b').actingClaimant();
    expect(acting).toBe('b');
    expect(play.ask('b', { kind: 'commit', planId }), 'its plan died with it').toMatchObject({
      code: 'nothing_planned',
    });
    expect(play.planAndCommit('b')).toMatchObject({ kind: 'committed' });
  }
  if (died) play.start('a');
  play.run(3_000);
  const { members } = play.machine('a').current().document;
  for (const { name } of members) expect(play.ring(name), `after ${steps} steps`).toBe(play.ring('a'));
  if (committed && !hasty) {
    const { owners, pending } = play.machine('a').current().document;
    if (change?.kind.startsWith('force') === true) expect(owners, 'at once').not.toContain('c');
    else expect(pending.length).toBeGreaterThan(0);
  }
  expect(play.errors()).toEqual([]);
  return { died, result };
}

describe('a claimant that dies between any two steps of plan and commit', () => {
  it.each([
    ['letting a node in', undefined, false],
    ['letting one in while another leaves', { kind: 'leave', node: id('c') }, false],
    ['while it leaves itself', { kind: 'leave', node: id('a') }, false],
    ['replacing one by another', { kind: 'replace', node: id('c'), by: id('d') }, false],
    ['while it is replaced itself', { kind: 'replace', node: id('a'), by: id('d') }, false],
    ['removing one by force', { kind: 'force-remove', node: id('c') }, false],
    ['replacing one by force', { kind: 'force-replace', node: id('c'), by: id('d') }, false],
    [
      'and the next claimant is asked to clear what was staged before it knows more',
      { kind: 'leave', node: id('c') },
      true,
    ],
  ] as const)('%s', (_, change, hasty) => {
    let deaths = 0;
    let told = 0;
    for (let steps = 1; ; steps++) {
      const { died, result } = dieAfter(steps, change, hasty);
      if (!died) break;
      deaths++;
      if (result?.kind === 'committed') told++;
      expect(steps).toBeLessThan(200);
    }
    expect(deaths).toBeGreaterThan(20);
    expect(told, 'some die after they have told the operator').toBeGreaterThan(0);
  });
});

describe('two operators', () => {
  const staged = (): Play => {
    const play = clusterOf('a', 'b', 'c');
    play.start('d');
    play.join('d', 'a');
    return play;
  };
  const ask = (play: Play, requestId: number, request: Parameters<Play['ask']>[1]): void =>
    play.step('a', { kind: 'request', requestId, request });

  it('who plan at one moment see one plan, and one of two commits is carried out', () => {
    const play = staged();
    for (const requestId of [91, 92]) ask(play, requestId, { kind: 'plan' });
    play.settle();
    const [one, other] = [play.results.get(91), play.results.get(92)];
    expect(one).toEqual(other);
    const planId = one?.kind === 'planned' ? one.plan.planId : '';
    for (const requestId of [93, 94]) ask(play, requestId, { kind: 'commit', planId });
    play.settle();
    expect(play.results.get(93)).toMatchObject({ kind: 'committed' });
    expect(play.results.get(94)).toMatchObject({ code: 'pending_changes', definite: true });
  });

  it('of whom one changes what the other has planned: the other is refused, whichever is first', () => {
    for (const first of ['commit', 'leave'] as const) {
      const play = staged();
      const planned = play.ask('a', { kind: 'plan' });
      const planId = planned?.kind === 'planned' ? planned.plan.planId : '';
      const requests = {
        commit: () => ask(play, 93, { kind: 'commit', planId }),
        leave: () => ask(play, 94, { kind: 'leave', node: id('b') }),
      };
      requests[first]();
      requests[first === 'commit' ? 'leave' : 'commit']();
      play.settle();
      if (first === 'commit') {
        expect(play.results.get(93)).toMatchObject({ kind: 'committed' });
        expect(namesIn(play, 'c')).toBe('a valid, b valid, c valid, d valid');
      } else {
        expect(play.results.get(93)).toMatchObject({ code: 'plan_changed', definite: true });
        expect(namesIn(play, 'c')).toBe('a valid, b valid, c valid, d joining');
      }
      expect(play.results.get(94), 'a wish is staged either way').toMatchObject({ kind: 'staged' });
    }
  });

  it('of whom one clears: the plan of the other is void', () => {
    const play = staged();
    const planned = play.ask('a', { kind: 'plan' });
    const planId = planned?.kind === 'planned' ? planned.plan.planId : '';
    expect(play.ask('a', { kind: 'clear' })).toMatchObject({ kind: 'cleared' });
    expect(play.ask('a', { kind: 'commit', planId })).toMatchObject({ code: 'nothing_planned' });
    play.join('d', 'a');
    expect(play.ask('a', { kind: 'commit', planId }), 'the same wishes, another ring').toMatchObject({
      code: 'plan_changed',
    });
  });
});

describe('joins and leaves in any order, commit after commit', () => {
  it('end in just the members that were asked for, each change refused while the last one moves', () => {
    let commits = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const dice = new Prng(seed);
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      const play = new Play();
      for (const name of names) play.start(name);
      let members = ['a'];
      for (let round = 0; round < 6; round++) {
        const via = dice.pick(members);
        const claimant = play.machine(via).actingClaimant();
        const wanted = new Set(members);
        for (let changes = dice.between(1, 3); changes > 0; changes--) {
          const name = dice.pick(names);
          if (!members.includes(name)) {
            if (play.join(name, claimant)?.kind === 'staged') wanted.add(name);
          } else if (play.ask(claimant, { kind: 'leave', node: name as NodeId })?.kind === 'staged') {
            wanted.delete(name);
          }
        }
        if (dice.chance(0.2)) {
          expect(play.ask(claimant, { kind: 'clear' })?.kind).toBe('cleared');
          continue;
        }
        const result = play.planAndCommit(claimant);
        if (result?.kind !== 'committed') {
          expect([...wanted], `seed ${seed}: ${JSON.stringify(result)}`).toEqual(members);
          continue;
        }
        commits++;
        const acting = play.machine(via).actingClaimant();
        if (play.machine(via).current().document.pending.length > 0)
          expect(play.ask(acting, { kind: 'plan' })).toMatchObject({ code: 'pending_changes' });
        play.finishTransfers();
        for (let i = 0; i < 3; i++) {
          for (const name of members) if (!play.player(name).removed) play.step(name, { kind: 'drained' });
          play.run(1_500);
        }
        for (const name of members.filter((one) => !wanted.has(one))) {
          expect(play.player(name).removed, `seed ${seed}: ${name} is told that it has left`).toBe(true);
          // Whoever left comes back, if ever, as a new node.
          play.players.delete(name);
          names.splice(names.indexOf(name), 1);
        }
        members = [...wanted];
        for (const name of members)
          expect(
            play
              .machine(name)
              .current()
              .document.members.map((member) => member.name)
              .toSorted(),
            `seed ${seed} round ${round}`,
          ).toEqual(members.toSorted());
        if (names.length < 4) break;
      }
      expect(play.errors()).toEqual([]);
    }
    expect(commits).toBeGreaterThan(40);
  });
});
