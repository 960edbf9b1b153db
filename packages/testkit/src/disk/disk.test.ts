import type { PartitionId, RecordKey, StableStore, Store, StoreRecord } from '@rkv/core';
import { storeSuite } from '@rkv/core/testing';
import { describe, expect, it } from 'vitest';
import { Life, type Ending } from '../life/life.ts';
import { World } from '../world/world.ts';
import { SimDisk, type DiskTimings, type SimDiskInit } from './disk.ts';

let seed = 0;

storeSuite({ describe, it }, { persistent: true, commitsAtOnce: false }, () => {
  const world = new World({ seed: seed++ });
  const disk = new SimDisk({ world, machine: 'n1' });
  let life: Life | undefined;
  return {
    open() {
      life?.end('crash');
      life = new Life(world, 'n1', 1);
      return disk.store(life);
    },
    crash: () => life?.end('crash'),
    settle: () => world.runFor(2),
  };
});

const HERE = { ringBits: 4, partition: 3 as PartitionId };

function key(number: number): RecordKey {
  return { hashHi: number, hashLo: 0, key: `key ${number}` };
}

function record(number: number, text: string): StoreRecord {
  return {
    space: 0,
    place: HERE,
    ...key(number),
    value: Uint8Array.from(text, (char) => char.charCodeAt(0)),
  };
}

class Machine {
  readonly world: World;
  readonly disk: SimDisk;
  readonly failures: string[] = [];
  life: Life;
  store!: Store;
  stable!: StableStore;
  progress = 0;

  constructor(seed = 1, timings: Partial<DiskTimings> = {}, onCommit: SimDiskInit['onCommit'] = () => {}) {
    this.world = new World({ seed });
    this.disk = new SimDisk({ world: this.world, machine: 'n1', timings, onCommit });
    this.life = this.boot();
  }

  boot(): Life {
    this.life = new Life(this.world, 'n1', 1);
    this.store = this.disk.store(this.life);
    this.stable = this.disk.stable(this.life);
    this.store.start({
      onProgress: () => this.progress++,
      onFailure: (fromSeq, { code }) => this.failures.push(`${code} from ${fromSeq}`),
    });
    return this.life;
  }

  crash(how: Ending): void {
    this.life.end(how);
    this.boot();
  }

  text(number: number): string | undefined {
    const value = this.store.get(0, HERE, key(number));
    return value && String.fromCharCode(...value);
  }

  /** How many of these came through, and that none came through after one that did not. */
  prefixOf(count: number): number {
    const kept = Array.from({ length: count }, (_, i) => this.text(i) !== undefined);
    expect(kept).toEqual(kept.toSorted((a, b) => Number(b) - Number(a)));
    return kept.filter(Boolean).length;
  }
}

const SLOW_FLUSH: Partial<DiskTimings> = { commitMs: [1, 2], flushMs: [50, 60] };

describe('a crash', () => {
  it('of the process may lose what was not committed, and nothing else', () => {
    const kept = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const machine = new Machine(seed, SLOW_FLUSH);
      for (let i = 0; i < 4; i++) machine.store.submit([record(i, 'x')]);
      machine.world.runFor(5);
      expect(machine.store.committedSeq).toBe(4);
      for (let i = 4; i < 8; i++) machine.store.submit([record(i, 'x')]);
      machine.crash('crash');
      kept.add(machine.prefixOf(8));
    }
    expect([...kept].toSorted()).toEqual([4, 5, 6, 7, 8]);
  });

  it('of the machine may lose what was not flushed, and puts back what that had replaced', () => {
    const kept = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const machine = new Machine(seed, SLOW_FLUSH);
      machine.store.submit([record(0, 'old'), record(9, 'old')]);
      machine.world.runFor(100);
      expect(machine.store.flushedSeq).toBe(1);
      machine.store.submit([record(1, 'x'), record(9, 'new'), { ...record(0, ''), value: undefined }]);
      machine.store.submit([record(2, 'x'), record(0, 'again')]);
      machine.world.runFor(10);
      expect(machine.store.committedSeq).toBe(3);
      machine.crash('powerCut');
      const present = [1, 2].filter((number) => machine.text(number) !== undefined).length;
      expect(machine.text(9)).toBe(present === 0 ? 'old' : 'new');
      expect(machine.text(0)).toBe(['old', undefined, 'again'][present]);
      kept.add(present);
    }
    expect([...kept].toSorted()).toEqual([0, 1, 2]);
  });

  it('of the machine takes what an earlier life committed, unless it was flushed since', () => {
    const lost = new Set<boolean>();
    for (let seed = 0; seed < 30; seed++) {
      const machine = new Machine(seed, SLOW_FLUSH);
      machine.store.submit([record(0, 'x')]);
      machine.world.runFor(5);
      machine.crash('crash');
      expect(machine.text(0)).toBe('x');
      if (seed % 2 === 0) machine.world.runFor(200);
      machine.crash('powerCut');
      if (seed % 2 === 0) expect(machine.text(0)).toBe('x');
      else lost.add(machine.text(0) === undefined);
    }
    expect(lost).toEqual(new Set([true, false]));
  });

  it('drops what the dead process was waiting for', () => {
    const machine = new Machine();
    machine.store.submit([record(0, 'x')]);
    machine.stable.save('ring', Uint8Array.of(1), () => expect.unreachable());
    machine.life.end('crash');
    machine.world.runToQuiescence();
    expect(machine.progress).toBe(0);
  });

  it('while a document is saved leaves the old one or the new one', () => {
    const found = new Set<number | undefined>();
    for (let seed = 0; seed < 50; seed++) {
      const machine = new Machine(seed);
      machine.stable.save('ring', Uint8Array.of(1), () => {});
      machine.world.runToQuiescence();
      machine.stable.save('ring', Uint8Array.of(2), () => {});
      machine.stable.save('ring', Uint8Array.of(3), () => {});
      machine.crash(seed % 2 === 0 ? 'crash' : 'powerCut');
      const left = machine.stable.load('ring')?.[0];
      machine.world.runToQuiescence();
      expect(machine.stable.load('ring')?.[0]).toBe(left);
      found.add(left);
    }
    expect([...found].toSorted()).toEqual([1, 2, 3]);
  });
});

describe('a disk', () => {
  it('commits before it flushes, and says so outside of submit', () => {
    const machine = new Machine(1, SLOW_FLUSH);
    machine.store.submit([record(0, 'x')]);
    expect([machine.progress, machine.text(0)]).toEqual([0, undefined]);
    machine.world.runFor(10);
    expect([machine.progress, machine.store.committedSeq, machine.store.flushedSeq]).toEqual([1, 1, 0]);
    machine.world.runFor(100);
    expect([machine.progress, machine.store.flushedSeq]).toEqual([2, 1]);
  });

  it.each([
    ['full', 'store_full'],
    ['failing', 'store_io'],
  ] as const)(
    'that is %s fails what is not committed, then takes nothing until it is well',
    (health, code) => {
      const machine = new Machine();
      machine.store.submit([record(0, 'x')]);
      machine.world.runFor(100);
      machine.disk.fall(health);
      expect(machine.store.submit([record(1, 'x')])).toBe(2);
      expect(machine.store.submit([record(2, 'x')])).toBe(3);
      machine.world.runFor(100);
      expect(machine.failures).toEqual([`${code} from 2`]);
      expect(machine.store.submit([record(3, 'x')])).toBeUndefined();
      expect([machine.text(0), machine.text(1)]).toEqual(['x', undefined]);
      let saved: string | undefined = 'not yet';
      machine.stable.save('ring', Uint8Array.of(1), (error) => (saved = error));
      machine.world.runFor(100);
      expect(saved).toContain('disk');
      expect(machine.stable.load('ring')).toBeUndefined();
      machine.disk.heal();
      expect(machine.store.submit([record(4, 'x')])).toBe(4);
      machine.world.runFor(100);
      expect([machine.store.flushedSeq, machine.text(4), machine.text(1)]).toEqual([4, 'x', undefined]);
    },
  );

  it('that is flaky fails some saves and lets others through', () => {
    const machine = new Machine();
    machine.disk.fall('flaky');
    const outcomes: boolean[] = [];
    for (let i = 0; i < 50; i++) {
      machine.stable.save('ring', Uint8Array.of(i), (error) => outcomes.push(error === undefined));
    }
    machine.world.runToQuiescence();
    expect(new Set(outcomes)).toEqual(new Set([true, false]));
    expect(machine.stable.load('ring')).toEqual(Uint8Array.of(outcomes.lastIndexOf(true)));
  });

  it('tells once of a document that begins to be saved', () => {
    const machine = new Machine();
    let told = 0;
    machine.disk.whenSaving('ring', () => told++);
    machine.stable.save('plan', Uint8Array.of(1), () => {});
    machine.world.runToQuiescence();
    expect(told).toBe(0);
    machine.stable.save('ring', Uint8Array.of(1), () => expect(told).toBe(1));
    machine.stable.save('ring', Uint8Array.of(2), () => {});
    machine.world.runToQuiescence();
    expect(told).toBe(1);
  });

  it('that is slow is slow', () => {
    const machine = new Machine(1, { commitMs: [1, 1] });
    machine.disk.slowDown(100);
    machine.store.submit([record(0, 'x')]);
    machine.world.runFor(99);
    expect(machine.store.committedSeq).toBe(0);
    machine.world.runFor(2);
    expect(machine.store.committedSeq).toBe(1);
  });

  it('knows what would survive, shows what it commits, and counts what is lost', () => {
    const shown: string[] = [];
    const machine = new Machine(0, SLOW_FLUSH, (name, records) =>
      shown.push(...records.map(({ value }) => `${name} ${String.fromCharCode(...(value ?? []))}`)),
    );
    const survivor = (durability: 'process' | 'power'): string =>
      String.fromCharCode(...(machine.disk.survivor(durability, 0, HERE, key(0)) ?? []));
    machine.store.submit([record(0, 'old')]);
    machine.world.runToQuiescence();
    machine.store.submit([record(0, 'new')]);
    expect([survivor('process'), survivor('power')]).toEqual(['old', 'old']);
    machine.world.runFor(5);
    expect([survivor('process'), survivor('power')]).toEqual(['new', 'old']);
    machine.store.submit([record(0, 'newer')]);
    machine.world.runFor(5);
    expect([survivor('process'), survivor('power')]).toEqual(['newer', 'old']);
    machine.world.runToQuiescence();
    expect([survivor('process'), survivor('power')]).toEqual(['newer', 'newer']);
    expect(shown).toEqual(['n1 old', 'n1 new', 'n1 newer']);
    for (let i = 1; i < 9; i++) machine.store.submit([record(i, 'x')]);
    machine.crash('crash');
    const lost = 9 - machine.prefixOf(9);
    expect(machine.world.toll.of('batch lost in a crash')).toBe(lost);
  });

  it('that was wiped is another one', () => {
    const machine = new Machine();
    const { storeId } = machine.store;
    machine.store.submit([record(0, 'x')]);
    machine.stable.save('identity', Uint8Array.of(1), () => {});
    machine.world.runToQuiescence();
    machine.life.end('crash');
    machine.disk.wipe({ keepDocuments: true });
    machine.boot();
    expect(machine.store.storeId).not.toBe(storeId);
    expect([machine.text(0), machine.stable.load('identity')?.[0]]).toEqual([undefined, 1]);
    machine.life.end('crash');
    machine.disk.wipe();
    machine.boot();
    expect(machine.stable.load('identity')).toBeUndefined();
  });

  it('lacks the documents that somebody removed, and no others', () => {
    const machine = new Machine();
    for (const name of ['identity', 'ring'] as const) machine.stable.save(name, Uint8Array.of(1), () => {});
    machine.world.runToQuiescence();
    machine.life.end('crash');
    machine.disk.removeDocuments('ring', 'plan');
    machine.boot();
    expect([machine.stable.load('identity')?.[0], machine.stable.load('ring')]).toEqual([1, undefined]);
  });

  it('lends values for as long as promised and no longer', () => {
    const machine = new Machine();
    machine.store.submit([record(0, 'first'), record(1, 'other')]);
    machine.world.runToQuiescence();
    const borrowed = machine.store.get(0, HERE, key(0)) as Uint8Array;
    expect(String.fromCharCode(...borrowed)).toBe('first');
    machine.store.get(0, HERE, key(1));
    expect(String.fromCharCode(...borrowed)).toBe('other');
  });
});
