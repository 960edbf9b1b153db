/** The ring takes another size while clients go on: whatever they were told is written is there, during and after. */
import type { RequestResult } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

const NAMES = ['n1', 'n2', 'n3'] as const;
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `key${i}`);

class Resizing {
  readonly cluster: KvCluster;
  /** What was last acknowledged of each key. */
  readonly written = new Map<string, string>();
  problems: string[] = [];
  writes = 0;
  #number = 0;

  constructor(seed = 1) {
    this.cluster = new KvCluster({ seed });
    this.cluster.form(...NAMES);
  }

  fill(keys: readonly string[]): void {
    for (const key of keys) {
      expect(this.cluster.put('n1', key, 'v0')).toBe('written');
      this.written.set(key, 'v0');
    }
  }

  ask(name: string, request: Parameters<ReturnType<KvCluster['node']>['request']>[0]): RequestResult {
    let result: RequestResult | undefined;
    this.cluster.within(() => this.cluster.node(name).request(request, (answer) => (result = answer)));
    this.cluster.until('the claimant has answered', () => result !== undefined);
    return result as RequestResult;
  }

  /** As an operator does it, who looks again when it could not be done at once. */
  begin(ringSize: number): void {
    this.cluster.until(
      'the resize is staged',
      () => this.ask('n1', { kind: 'resize', ringSize }).kind === 'staged',
    );
    this.cluster.until('the plan is committed', () => {
      this.cluster.world.runFor(100);
      const plan = this.ask('n1', { kind: 'plan' });
      return (
        plan.kind === 'planned' &&
        this.ask('n1', { kind: 'commit', planId: plan.plan.planId }).kind === 'committed'
      );
    });
  }

  resizedTo(ringSize: number): boolean {
    return NAMES.every((name) => {
      const { document } = this.cluster.node(name);
      return document.ringSize === ringSize && document.resize === undefined;
    });
  }

  /** Nothing of a ring of another size is left, and nothing moves. */
  get isSettled(): boolean {
    return (
      this.cluster.isSettled(...NAMES) &&
      NAMES.every((name) => {
        const bits = Math.log2(this.cluster.node(name).document.ringSize);
        const store = this.cluster.machines.disk(name);
        return store !== undefined && this.places(name).every((place) => place === bits);
      })
    );
  }

  /** Ring sizes, as powers of two, of which a node still has vnodes. */
  places(name: string): number[] {
    return this.cluster.node(name).places.map(({ ringBits }) => ringBits);
  }

  /** One key after another is written by one node after another, and read by the next, until told otherwise. */
  keepBusy(keys: readonly string[], everyMs: number): () => void {
    let going = true;
    const step = (): void => {
      if (!going) return;
      this.cluster.world.schedule(everyMs, step, 'client');
      const number = ++this.#number;
      const key = keys[number % keys.length] as string;
      const [writer, reader] = [NAMES[number % 3], NAMES[(number + 1) % 3]] as [string, string];
      this.cluster.beginPut(writer, key, `v${number}`, (outcome) => {
        if (outcome !== 'written') return void this.problems.push(`${key}: ${outcome}`);
        this.writes++;
        const known = Number(this.written.get(key)?.slice(1));
        if (number > known) this.written.set(key, `v${number}`);
        this.#read(reader, key, number);
      });
    };
    this.cluster.within(step);
    return () => (going = false);
  }

  #read(name: string, key: string, atLeast: number): void {
    this.cluster.citizen(name).kv?.get(key, undefined, {
      onValue: (bytes, start, end) => {
        const number = Number(new TextDecoder().decode(bytes.subarray(start, end)).slice(1));
        if (number < atLeast) this.problems.push(`${key}: read v${number} after v${atLeast} was written`);
      },
      onMissing: () => this.problems.push(`${key}: missing after v${atLeast} was written`),
      onFailure: ({ code }) => this.problems.push(`${key}: read ${code}`),
    });
  }

  expectAllThere(): void {
    for (const name of NAMES)
      for (const [key, value] of this.written)
        expect(`${name} ${key} ${this.cluster.get(name, key)}`).toBe(`${name} ${key} value ${value}`);
  }
}

describe('a ring of 16', () => {
  it.each([
    [64, 3],
    [8, 3],
    [32, 7],
  ])('becomes one of %i and 16 again, under writes and reads', (ringSize, seed) => {
    const play = new Resizing(seed);
    const keys = keysOf(200);
    play.fill(keys);
    const rest = play.keepBusy(keys, 2);
    for (const size of [ringSize, 16]) {
      play.begin(size);
      play.cluster.until(`the ring has ${size} partitions`, () => play.resizedTo(size));
      play.cluster.world.runFor(500);
    }
    rest();
    play.cluster.until('all has settled', () => play.isSettled);
    expect(play.writes).toBeGreaterThan(500);
    expect(play.problems).toEqual([]);
    play.expectAllThere();
    expect(play.cluster.count('n2')).toBe('200');
    expect(play.cluster.scan('n3').toSorted()).toEqual(keys.toSorted());
  });

  it('changes its size under one walk, whose cursor goes on at any node: each key is in it once', () => {
    const play = new Resizing(5);
    const keys = keysOf(200);
    play.fill(keys);
    play.begin(64);
    const found: string[] = [];
    const sizes = new Set<number>();
    let turn = 0;
    for (let cursor: bigint | undefined = 0n; cursor !== undefined; turn++) {
      const name = NAMES[turn % 3] as string;
      const page = play.cluster.page(name, cursor, 5);
      found.push(...page.keys);
      sizes.add(play.cluster.node(name).document.ringSize);
      cursor = page.next === 0n ? undefined : page.next;
      play.cluster.world.runFor(25);
    }
    expect(sizes).toEqual(new Set([16, 64]));
    expect(found.toSorted()).toEqual(keys.toSorted());
  });

  it('is aborted at any moment, and what was copied goes', () => {
    for (const afterMs of [0, 20, 60, 150, 300]) {
      const play = new Resizing(afterMs + 1);
      play.fill(keysOf(100));
      const rest = play.keepBusy(keysOf(100), 3);
      play.begin(64);
      play.cluster.world.runFor(afterMs);
      const { kind } = play.ask('n2', { kind: 'abortResize' });
      rest();
      const size = kind === 'done' ? 16 : 64;
      play.cluster.until('all has settled', () => play.resizedTo(size) && play.isSettled);
      expect(play.problems).toEqual([]);
      play.expectAllThere();
    }
  });

  it.each([1, 2, 3, 4, 5, 6])('changes its size though machines die and come back: seed %i', (seed) => {
    const play = new Resizing(seed);
    const keys = keysOf(150);
    play.fill(keys);
    const dice = play.cluster.world.prng('deaths');
    play.begin(64);
    for (let deaths = 0; deaths < 4; deaths++) {
      const victim = dice.pick(NAMES);
      play.cluster.world.runFor(dice.between(5, 300));
      play.cluster.machines.crash(victim);
      for (const key of keys.slice(deaths * 20, deaths * 20 + 20)) {
        const through = NAMES.find((name) => name !== victim) as string;
        const value = `v${deaths + 1}`;
        if (play.cluster.put(through, key, value) === 'written') play.written.set(key, value);
        else play.written.delete(key);
      }
      play.cluster.machines.restart(victim);
      play.cluster.until('it is back', () => play.cluster.citizen(victim)?.kv !== undefined);
    }
    play.cluster.until('all has settled', () => play.resizedTo(64) && play.isSettled, 120_000);
    play.expectAllThere();
  });
});
