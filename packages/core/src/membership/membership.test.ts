/** Whole clusters of membership machines, messages delivered in order, time in ticks: the life cycle as plays. */
import { beforeEach, describe, expect, it } from 'vitest';
import { clusterOf, id, Play, preset } from '../../test/membership-play.ts';
import { Prng } from '../base/prng.ts';
import { memberOf } from '../ring/document.ts';
import { describeDocument } from './describe.ts';
import type { AdminRequest } from './events.ts';

describe('a lone node', () => {
  it('is born, saves its ring before it calls it one, and finds it again', () => {
    const play = new Play();
    play.start('a');
    expect(play.trace).toEqual(['a: save ring #1', 'a: adopted e1 a* owners a:16']);
    play.crash('a');
    play.start('a');
    expect(play.trace.at(-1)).toBe('a: adopted e1 a* owners a:16');
  });

  it('answers node_starting until its ring is saved', () => {
    const play = new Play();
    play.stuckDisks.add('a');
    play.start('a');
    expect(play.ask('a', { kind: 'plan' })).toMatchObject({ code: 'node_starting' });
    expect(play.join('a', 'a')).toMatchObject({ code: 'node_starting' });
  });

  it('has nothing to plan, commit or leave', () => {
    const play = new Play();
    play.start('a');
    expect(play.ask('a', { kind: 'plan' })).toMatchObject({ code: 'nothing_planned' });
    expect(play.ask('a', { kind: 'commit', planId: undefined })).toMatchObject({ code: 'nothing_planned' });
    expect(play.ask('a', { kind: 'leave', node: id('a') })).toMatchObject({ code: 'only_member' });
    expect(play.ask('a', { kind: 'clear' })).toMatchObject({ kind: 'cleared', epoch: 1 });
    expect(play.join('a', 'a')).toMatchObject({ code: 'self_join' });
  });

  it('goes by a new address once it is started with one', () => {
    const play = new Play();
    play.start('a');
    play.crash('a');
    play.start('a', { address: 'a:2' });
    play.run(200);
    expect(memberOf(play.machine('a').current().document, id('a'))?.address).toBe('a:2');
  });

  it('goes by a new name, place and store once it is started with them', () => {
    const play = clusterOf('a', 'b', 'c');
    const isOf = (name: string) => memberOf(play.machine(name).current().document, id('b'));
    play.crash('b');
    play.start('b', { name: 'bella', location: 'rack-2', storeId: 's2' });
    play.run(2_500);
    for (const name of ['a', 'b', 'c'])
      expect(isOf(name)).toMatchObject({ id: 'b', name: 'bella', location: 'rack-2', storeId: 's2' });
    play.crash('b');
    play.start('b', { name: 'c' });
    play.run(2_500);
    expect(isOf('a')?.name, 'a name that another bears stays his').toBe('bella');
    expect(isOf('a')?.storeId, 'what is not said anew stays').toBe('s2');
    expect(play.machine('a').actingClaimant(), 'names move nothing').toBe('a');
  });
});

describe('three nodes', () => {
  let play: Play;
  beforeEach(() => {
    play = clusterOf('a', 'b', 'c');
  });

  it('join, plan and commit at once, and move', () => {
    for (const name of ['a', 'b', 'c']) {
      expect(play.machine(name).current().digest).toBe(play.machine('a').current().digest);
      expect(play.ring(name)).toMatch(/^e\d+ a\* b c owners a:6 b:5 c:5$/);
    }
    expect(play.machine('b').prospect()).toBeUndefined();
    expect(play.machine('c').allLiveHave(play.machine('a').current().document.epoch)).toBe(true);
    expect(play.machine('a').unready()).toEqual([]);
    expect(play.errors()).toEqual([]);
  });

  it('send an operator to the claimant', () => {
    const claimant = { id: 'a', name: 'a', address: 'a:1' };
    expect(play.ask('b', { kind: 'plan' })).toEqual({ kind: 'not_claimant', claimant });
    play.start('d');
    expect(play.join('d', 'b')).toEqual({ kind: 'not_claimant', claimant });
    expect(play.join('d', 'a')).toMatchObject({ kind: 'staged', via: 'a' });
  });

  it('survive the claimant between stage and plan', () => {
    play.start('d');
    play.join('d', 'a');
    play.crash('a');
    expect(play.machine('b').actingClaimant()).toBe('b');
    expect(play.planAndCommit('b')).toMatchObject({ kind: 'committed' });
    expect(play.ring('d')).toMatch(/^e\d+ a\* b c d owners .* pending /);
    play.start('a');
    play.run(1_000);
    expect(play.ring('a')).toBe(play.ring('d'));
  });

  it('keep a plan over a restart of the claimant, and void it when the ring changes', () => {
    play.start('d');
    play.join('d', 'a');
    const planned = play.ask('a', { kind: 'plan' });
    play.crash('a');
    play.start('a');
    play.run(1_000);
    play.start('e');
    play.join('e', 'a');
    const planId = planned?.kind === 'planned' ? planned.plan.planId : '';
    expect(play.ask('a', { kind: 'commit', planId })).toMatchObject({ code: 'plan_changed' });
    expect(play.planAndCommit('a')).toMatchObject({ kind: 'committed' });
    expect(play.ask('a', { kind: 'commit', planId })).toMatchObject({ code: 'pending_changes' });
  });

  it('let a member leave: it hands over, is drained, and is gone; a claimant passes its duty on', () => {
    expect(play.ask('a', { kind: 'leave', node: id('a') })).toMatchObject({ kind: 'staged' });
    expect(play.planAndCommit('a')).toMatchObject({ kind: 'committed' });
    expect(play.machine('c').actingClaimant()).toBe('b');
    play.step('a', { kind: 'drained' });
    play.run(500);
    expect(play.player('a').removed, 'not while it owns anything').toBe(false);
    play.finishTransfers();
    play.run(500);
    expect(play.ring('b')).toMatch(/^e\d+ a- b\* c owners b:8 c:8$/);
    play.step('a', { kind: 'drained' });
    play.run(500);
    expect(play.ring('c')).toMatch(/^e\d+ b\* c owners b:8 c:8$/);
    expect(play.player('a').removed).toBe(true);
  });

  it('tell a member that was removed while it was away', () => {
    play.ask('a', { kind: 'leave', node: id('c') });
    play.planAndCommit('a');
    play.finishTransfers();
    play.step('c', { kind: 'drained' });
    play.settle();
    play.cut.add('c');
    play.run(5_000);
    expect(play.ring('a')).toMatch(/^e\d+ a\* b owners/);
    expect(play.player('c').removed).toBe(false);
    play.cut.delete('c');
    play.run(1_000);
    expect(play.player('c').removed).toBe(true);
    play.crash('c');
    play.start('c');
    expect(play.trace.at(-1)).toBe('c: removed');
  });

  it('bring completed transfers to the claimant however often that fails', () => {
    play.start('d');
    play.join('d', 'a');
    play.planAndCommit('a');
    play.cut.add('a');
    for (const name of ['b', 'c']) {
      const mine = play
        .machine(name)
        .current()
        .document.pending.filter(({ from }) => from === name);
      for (const transfer of mine) play.step(name, { kind: 'transferComplete', transfer });
    }
    play.run(8_000);
    expect(play.ring('b')).toBe(play.ring('c'));
    expect(
      play
        .machine('b')
        .current()
        .document.pending.every(({ from }) => from === 'a'),
    ).toBe(true);
  });

  it('answer at once when there is no majority in sight', () => {
    play.crash('b');
    play.crash('c');
    expect(play.ask('a', { kind: 'leave', node: id('c') })).toMatchObject({
      code: 'no_majority',
      definite: true,
    });
  });

  it('give up on a change when the majority goes away under way', () => {
    play.cut.add('b').add('c');
    expect(play.ask('a', { kind: 'leave', node: id('c') })).toBeUndefined();
    play.run(6_000);
    expect([...play.results.values()].at(-1)).toMatchObject({ code: 'no_majority' });
  });

  it('wait for a member that lags before they plan, and name it when it stays behind', () => {
    play.stuckDisks.add('c');
    play.ask('a', { kind: 'leave', node: id('b') });
    expect(play.ask('a', { kind: 'plan' })).toBeUndefined();
    play.run(preset.readyWaitMs + 100);
    expect([...play.results.values()].at(-1)).toMatchObject({
      code: 'ring_not_ready',
      message: expect.stringContaining('c'),
    });
    expect(play.ask('a', { kind: 'plan' })).toBeUndefined();
    play.stuckDisks.delete('c');
    play.run(1_000);
    expect([...play.results.values()].at(-1)).toMatchObject({ kind: 'planned' });
  });

  it('know who runs which service, from what each says of itself', () => {
    for (const name of ['a', 'b', 'c']) expect(play.machine(name).peers.runs(id('c'), 'kv')).toBe(true);
    expect(play.machine('a').peers.runs(id('c'), 'locks')).toBe(false);
    play.crash('c');
    expect(play.machine('a').peers.runs(id('c'), 'kv')).toBe(false);
    play.start('c', { services: ['kv', 'locks'] });
    play.run(1_000);
    expect(play.machine('a').peers.runs(id('c'), 'locks')).toBe(true);
    expect(play.machine('a').peers.servicesOf(id('c'))).toEqual(['kv', 'locks']);
    expect(play.machine('c').peers.runs(id('c'), 'locks')).toBe(true);
    expect(play.machine('c').peers.runs(id('a'), 'locks')).toBe(false);
  });

  it('tell it once more when one that never was away says another thing', () => {
    const heartbeat = (services: readonly string[] | undefined): void => {
      const { document, digest } = play.machine('c').current();
      const { clusterId, epoch } = document;
      play.trace.length = 0;
      play.step('a', {
        kind: 'message',
        from: id('c'),
        message: { kind: 'heartbeat', clusterId, epoch, digest, wallMs: 0, ...(services && { services }) },
      });
    };
    heartbeat(['kv']);
    expect(play.trace).toEqual([]);
    heartbeat(['locks']);
    expect(play.trace).toEqual(['a: c is up']);
    expect(play.machine('a').peers.runs(id('c'), 'kv')).toBe(false);
    heartbeat(undefined);
    expect(play.trace, 'a node that does not say runs all').toEqual(['a: c is up']);
    expect(play.machine('a').peers.runs(id('c'), 'whatever')).toBe(true);
  });

  it('warn in a plan of who does not run what others do', () => {
    for (const name of ['a', 'b', 'c']) {
      play.crash(name);
      play.start(name, { services: ['kv', 'locks'] });
    }
    play.run(1_000);
    play.start('d');
    play.join('d', 'a');
    play.run(1_000);
    const planned = play.ask('a', { kind: 'plan' });
    expect(planned?.kind === 'planned' && planned.plan.transitions[0].warnings).toContain(
      'd does not run locks: 4 transfers wait until it does',
    );
  });

  it('know how many vnodes of each are partial', () => {
    play.player('c').partial = 5;
    play.run(600);
    expect(['a', 'b', 'c'].map((name) => play.machine(name).peers.partialOf(id('c')))).toEqual([5, 5, 5]);
    play.player('c').partial = 0;
    play.run(600);
    expect(play.machine('a').peers.partialOf(id('c'))).toBe(0);
  });

  it('see who is silent go down and come back', () => {
    play.cut.add('c');
    play.run(3_000);
    expect(play.machine('a').isUp(id('c'))).toBe(false);
    expect(play.machine('a').peers.lowestClock(0), 'nobody knows what c would say').toBeUndefined();
    expect(play.trace).toContain('a: c is down');
    play.cut.delete('c');
    play.run(600);
    expect(play.machine('a').isUp(id('c'))).toBe(true);
    expect(play.machine('a').peers.lowestClock(0)).toBeDefined();
  });
});

describe('a candidate', () => {
  let play: Play;
  beforeEach(() => {
    play = new Play();
    for (const name of ['a', 'b', 'c']) play.start(name);
  });

  it('keeps its lone ring until commit, over a restart too', () => {
    play.join('b', 'a');
    expect(play.ring('b')).toBe('e1 b* owners b:16');
    expect(describeDocument(play.machine('b').prospect()?.document as never)).toBe('e2 a* b+ owners a:16');
    play.crash('b');
    play.start('b');
    play.run(1_000);
    expect(play.planAndCommit('a')).toMatchObject({ kind: 'committed' });
    expect(play.ring('b')).toMatch(/^e3 a\* b owners a:16 pending 8/);
    play.crash('b');
    play.start('b');
    play.run(1_000);
    expect(play.ring('b')).toMatch(/^e3 a\* b owners/);
    expect(play.machine('b').prospect()).toBeUndefined();
    expect(play.errors()).toEqual([]);
  });

  it('stays alone when the join is cleared, and may ask again', () => {
    play.join('b', 'a');
    expect(play.ask('a', { kind: 'clear' })).toMatchObject({ kind: 'cleared' });
    expect(play.machine('b').prospect()).toBeUndefined();
    play.crash('b');
    play.start('b');
    expect(play.machine('b').prospect()).toBeUndefined();
    expect(play.join('b', 'c')).toMatchObject({ kind: 'staged' });
  });

  it('may ask its own cluster again, but no other, and nobody may join it', () => {
    expect(play.join('b', 'a')).toMatchObject({ kind: 'staged', epoch: 2 });
    expect(play.join('b', 'a')).toMatchObject({ kind: 'staged', epoch: 2 });
    expect(play.join('b', 'c')).toMatchObject({ code: 'joining_elsewhere' });
    expect(play.ring('c')).toBe('e1 c* owners c:16');
    expect(play.join('c', 'b')).toMatchObject({ code: 'joining_elsewhere' });
  });

  it('cannot come from a cluster of its own', () => {
    play.join('b', 'a');
    play.planAndCommit('a');
    play.finishTransfers();
    expect(play.join('b', 'c')).toMatchObject({ code: 'not_single_node' });
    expect(play.join('a', 'c')).toMatchObject({ code: 'not_single_node' });
  });

  it('that went away holds up the commit, which would need its vote', () => {
    play.join('b', 'a');
    const planned = play.ask('a', { kind: 'plan' });
    play.crash('b');
    play.ask('a', { kind: 'commit', planId: undefined });
    play.run(preset.readyWaitMs + 100);
    expect(planned).toMatchObject({ kind: 'planned' });
    expect([...play.results.values()].at(-1)).toMatchObject({ code: 'ring_not_ready' });
  });

  it('is told when no answer comes', () => {
    play.cut.add('a');
    play.join('b', 'a');
    play.run(preset.joinTimeoutMs + 100);
    expect([...play.results.values()].at(-1)).toMatchObject({ code: 'not_reachable', definite: false });
    play.cut.delete('a');
    expect(play.join('b', 'a')).toMatchObject({ kind: 'staged' });
  });
});

/** A play in which nothing is in order: each message, save and request takes its chance, and nodes die. */
class Storm extends Play {
  isOver = false;
  readonly names = ['a', 'b', 'c', 'd'];
  readonly weather: Prng;

  constructor(seed: number) {
    super();
    this.weather = new Prng(seed);
    for (const name of this.names) this.start(name);
  }

  override settle(): void {
    if (this.isOver) super.settle();
  }

  stir(): void {
    const { weather } = this;
    const name = weather.pick(this.names);
    const player = this.player(name);
    const luck = weather.below(1_000);
    if (luck < 450) {
      if (this.messages.length > 0) this.#deliverAny();
    } else if (luck < 850) {
      if (player.saves.length > 0) this.finishSave(name, player);
    } else if (luck < 880) this.join(name, weather.pick(['a', 'a', 'a', ...this.names]));
    else if (luck < 930) this.ask(weather.pick(['a', name]), this.#anyRequest());
    else if (luck < 950) this.#report(name);
    else if (luck < 960) this.#restart(name);
    else this.run(weather.pick([50, 50, 500, 1_500]));
  }

  #deliverAny(): void {
    const at = this.weather.below(this.messages.length);
    if (this.weather.chance(0.05)) this.messages.push(this.messages[at] as (typeof this.messages)[number]);
    if (this.weather.chance(0.05)) this.messages.splice(at, 1);
    else this.deliver(at);
  }

  #anyRequest(): AdminRequest {
    const kind = this.weather.pick([
      'leave',
      'plan',
      'plan',
      'plan',
      'commit',
      'commit',
      'commit',
      'commit',
      this.weather.chance(0.3) ? 'clear' : 'plan',
    ] as const);
    if (kind === 'leave') return { kind, node: id(this.weather.pick(this.names)) };
    return kind === 'commit' ? { kind, planId: undefined } : { kind };
  }

  #report(name: string): void {
    const { pending } = this.machine(name).current().document;
    for (const transfer of pending) this.step(name, { kind: 'transferComplete', transfer });
    this.step(name, { kind: 'drained' });
  }

  #restart(name: string): void {
    const player = this.player(name);
    for (const save of player.saves.slice(0, this.weather.below(player.saves.length + 1))) {
      player.disk[save.name] = save.bytes;
    }
    this.crash(name);
    this.start(name);
  }

  calm(): void {
    this.isOver = true;
    this.settle();
    this.run(15_000);
  }
}

describe('through a storm', () => {
  it('clusters form and change, one document per epoch, and all who share a ring end with the same', () => {
    let epochs = 0;
    let largest = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const storm = new Storm(seed);
      for (let i = 0; i < 3_000; i++) storm.stir();
      storm.calm();
      expect(storm.errors(), `seed ${seed}`).toEqual([]);
      for (const name of storm.names.filter((other) => !storm.player(other).removed)) {
        const { document, digest } = storm.machine(name).current();
        epochs += document.epoch;
        largest = Math.max(largest, document.members.filter(({ status }) => status === 'valid').length);
        for (const member of document.members.filter(({ status }) => status !== 'joining')) {
          const held = storm.machine(member.name).current();
          expect(held.digest, `seed ${seed}: ${name} and ${member.name}`).toBe(digest);
        }
      }
    }
    expect(largest).toBe(4);
    expect(epochs).toBeGreaterThan(600);
  });
});
