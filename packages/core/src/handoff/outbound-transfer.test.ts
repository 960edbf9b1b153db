/** What a transfer may have under way, and so in memory. */
import { describe, expect, it } from 'vitest';
import { ALL_HASHES } from '../ring/ranges.ts';
import type { TransferKind } from './duties.ts';
import {
  OutboundTransfer,
  PASSED_ON_BYTES_MAX,
  type TransferEffect,
  type TransferEvent,
} from './outbound-transfer.ts';

const MIB = 1024 * 1024;

/** Accepted, and asked for its first page. */
function walking() {
  const machine = new OutboundTransfer({ kind: 'ownership', ranges: [ALL_HASHES], now: 0 });
  machine.begin();
  machine.step({ kind: 'accepted', compare: false }, 0);
  return machine;
}

const kindsOf = (effects: readonly TransferEffect[]): string[] => effects.map(({ kind }) => kind);
const pageOf = (bytes: number): TransferEvent => ({
  kind: 'page',
  page: { items: [new Uint8Array(bytes)], next: new Uint8Array(1) },
});

describe('under way at one time', () => {
  it('are so many frames of the walk, however small', () => {
    const machine = walking();
    for (let frame = 1; frame < 64; frame++)
      expect(kindsOf(machine.step(pageOf(100), 0))).toEqual(['items', 'walk']);
    expect(kindsOf(machine.step(pageOf(100), 0))).toEqual(['items']);
    expect(kindsOf(machine.step({ kind: 'acked', seq: 0, stored: true }, 0))).toEqual(['walk']);
  });

  it('are fewer where values are large, and one of any size', () => {
    const machine = walking();
    expect(kindsOf(machine.step(pageOf(16 * MIB), 0))).toEqual(['items']);
    expect(kindsOf(machine.step({ kind: 'acked', seq: 0, stored: true }, 0))).toEqual(['walk']);
    expect(kindsOf(machine.step(pageOf(0.3 * MIB), 0))).toEqual(['items', 'walk']);
    expect(kindsOf(machine.step(pageOf(0.3 * MIB), 0))).toEqual(['items']);
  });

  it('is what is passed on up to its limit: a receiver that stores nothing does not fill its sender', () => {
    const machine = walking();
    const passOn = () => machine.step({ kind: 'passOn', item: new Uint8Array(MIB) }, 0);
    let sent = 0;
    while (kindsOf(passOn())[0] === 'items') sent++;
    expect(machine.state).toBe('failed');
    expect(sent).toBe(PASSED_ON_BYTES_MAX / MIB - 1);
    expect(machine.passedOnBytes).toBe(0);
  });

  it('is what is passed on, as long as it is acknowledged, without end', () => {
    const machine = walking();
    for (let seq = 0; seq < 100; seq++) {
      expect(kindsOf(machine.step({ kind: 'passOn', item: new Uint8Array(MIB) }, 0))).toEqual(['items']);
      if (seq >= 10) machine.step({ kind: 'acked', seq: seq - 10, stored: true }, 0);
    }
    expect(machine.passedOnBytes).toBeLessThan(11 * MIB);
    expect(machine.passedOnBytes).toBeGreaterThan(10 * MIB);
  });
});

describe('the seal', () => {
  const END: TransferEvent = { kind: 'page', page: { items: [new Uint8Array(100)], next: undefined } };
  const acked = (seq: number): TransferEvent => ({ kind: 'acked', seq, stored: true });
  const begun = (kind: TransferKind) => {
    const machine = new OutboundTransfer({ kind, ranges: [ALL_HASHES], now: 0 });
    machine.begin();
    machine.step({ kind: 'accepted', compare: false }, 0);
    return machine;
  };
  /** All is sent and acknowledged, and the seal asked for. */
  function sealing() {
    const machine = begun('ownership');
    machine.step(END, 0);
    machine.step(acked(0), 0);
    expect(machine.state).toBe('sealing');
    return machine;
  }

  it.each(['ownership', 'resize'] as const)(
    '%s: comes once all of the walk is acknowledged, and the last frame once it is durable',
    (kind) => {
      const machine = begun(kind);
      expect(kindsOf(machine.step(END, 0))).toEqual(['items']);
      expect(kindsOf(machine.step(acked(0), 0))).toEqual(['seal']);
      expect(machine.step({ kind: 'sealed' }, 0)).toEqual([{ kind: 'items', seq: 1, items: [], last: true }]);
      expect(kindsOf(machine.step(acked(1), 0))).toEqual(['complete']);
    },
  );

  it.each(['hinted', 'repair'] as const)('%s: has none, for nothing is given away', (kind) => {
    const machine = begun(kind);
    machine.step(END, 0);
    const effects = machine.step(acked(0), 0);
    expect(effects.filter((effect) => effect.kind !== 'forget')).toEqual([
      { kind: 'items', seq: 1, items: [], last: true },
    ]);
  });

  it('is asked for once, and its answer counts once', () => {
    const machine = sealing();
    const item = new Uint8Array(1);
    expect(kindsOf(machine.step({ kind: 'passOn', item }, 0))).toEqual(['items']);
    expect(machine.step(acked(1), 0)).toEqual([]);
    expect(kindsOf(machine.step({ kind: 'sealed' }, 0))).toEqual(['items']);
    expect(machine.step({ kind: 'sealed' }, 0)).toEqual([]);
  });

  it('has before it what changed under it: the last frame goes out behind, and waits for it', () => {
    const machine = sealing();
    machine.step({ kind: 'passOn', item: new Uint8Array(1) }, 0);
    expect(machine.step({ kind: 'sealed' }, 0)).toMatchObject([{ seq: 2, last: true }]);
    expect(machine.step(acked(2), 0)).toEqual([]);
    expect(kindsOf(machine.step(acked(1), 0))).toEqual(['complete']);
  });

  it('that nobody asked for is no seal', () => {
    const machine = walking();
    expect(machine.step({ kind: 'sealed' }, 0)).toEqual([]);
    expect(machine.state).toBe('walking');
  });

  it('that the store does not take ends the transfer', () => {
    const machine = sealing();
    expect(machine.tick(14_999)).toEqual([]);
    expect(machine.tick(15_000)).toEqual([{ kind: 'failed', reason: 'the store does not take the seal' }]);
    expect(machine.step({ kind: 'sealed' }, 15_000)).toEqual([]);
  });
});

describe('time', () => {
  it('is given for what is under way: a slow link moves 16 MiB in half a minute', () => {
    const machine = walking();
    machine.step(pageOf(16 * MIB), 0);
    expect(machine.tick(60_000)).toEqual([]);
    expect(kindsOf(machine.tick(15_000 + (16 * MIB) / 256 + 1))).toEqual(['failed']);
  });

  it('does not run while nothing is under way: whoever waits for bandwidth is not stuck', () => {
    const machine = walking();
    expect(machine.tick(3_600_000)).toEqual([]);
    expect(kindsOf(machine.step(pageOf(100), 3_600_000))).toEqual(['items', 'walk']);
    expect(machine.tick(3_614_000)).toEqual([]);
  });
});
