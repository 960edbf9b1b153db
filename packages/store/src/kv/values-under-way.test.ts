/** What open writes and changes hold of values, counted as long as somebody waits for them. The key `k` lies on a, b and c. */
import { describe, expect, it } from 'vitest';
import { stampOf } from '../../test/kv/entries.ts';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import { ringFor } from '../../test/kv/ring-for.ts';
import { ALWAYS } from '../entry/change.ts';
import { ChangeRequest } from './change-request.ts';
import type { KvReply } from './commands.ts';
import { ValuesUnderWay } from './values-under-way.ts';
import { WriteRequest, type WriteWatcher } from './write-request.ts';

const MEBIBYTE = 1024 * 1024;
const merged: KvReply = { kind: 'merged', existed: false, untilMs: 0, later: undefined };
const replaced: KvReply = { ...merged, later: stampOf(5_000) };
const deaf: WriteWatcher = { onWritten: () => undefined, onFailure: () => undefined };

function stage() {
  const port = new ManualPort(ringFor('k', 'abcabcab'));
  const coordinator = coordinatorOn(port);
  return { port, coordinator, values: coordinator.values };
}

describe('a write', () => {
  const put = (watcher: WriteWatcher = deaf) => {
    const parts = stage();
    new WriteRequest(parts.coordinator).put('k', new Uint8Array(900), undefined, watcher);
    expect(parts.values.writeBytes).toBeGreaterThan(900);
    return parts;
  };

  it('counts once for all its copies, until it is acknowledged', () => {
    const { port, values } = put();
    expect(values.writeBytes).toBeLessThan(1_000);
    port.reply('a', merged);
    expect(values.writeBytes).toBeGreaterThan(900);
    port.reply('b', merged);
    expect(values.writeBytes).toBe(0);
    port.reply('c', merged);
    expect(values.writeBytes).toBe(0);
  });

  it('counts no more when it has failed', () => {
    const { port, values } = put();
    port.host.advance(1_000);
    expect(values.writeBytes).toBe(0);
    port.reply('b', merged);
    expect(values.writeBytes).toBe(0);
  });

  it('counts once however often it is stamped anew, and no more when its asker gives it up', () => {
    const anew = put();
    const { writeBytes } = anew.values;
    anew.port.reply('a', replaced);
    expect(anew.values.writeBytes).toBe(writeBytes);
    const given = put({ ...deaf, onLater: () => undefined });
    given.port.reply('a', replaced);
    expect(given.values.writeBytes).toBe(0);
  });

  it('that is refused before it is begun counts for nothing', () => {
    const { coordinator, values } = stage();
    new WriteRequest(coordinator).put('k', new Uint8Array(900), { w: 9 }, deaf);
    expect(values.writeBytes).toBe(0);
  });
});

it('a change counts what it brings until its proposer has answered', () => {
  const { port, coordinator, values } = stage();
  const change = {
    kind: 'set' as const,
    value: new Uint8Array(900),
    when: ALWAYS,
    until: 0,
    returns: false,
  };
  const sink = { onChanged: () => undefined, onFailure: () => undefined };
  new ChangeRequest(coordinator, 'k', change, undefined, sink).begin();
  expect(values.writeBytes).toBe(900);
  port.host.advance(1_000);
  expect(values.writeBytes).toBe(0);
});

describe('they are crowded', () => {
  it('by more than eight mebibytes of writes', () => {
    const values = new ValuesUnderWay();
    values.beginWrite(8 * MEBIBYTE);
    expect(values.crowded).toBe(false);
    values.beginWrite(1);
    expect(values.crowded).toBe(true);
  });

  it('by more than sixty-four of reads', () => {
    const values = new ValuesUnderWay();
    values.reads.bytes = 64 * MEBIBYTE;
    expect(values.crowded).toBe(false);
    values.reads.bytes++;
    expect(values.crowded).toBe(true);
  });
});

describe('who would write', () => {
  it('waits while writes are crowded, and is woken once, when they are not any more', () => {
    const values = new ValuesUnderWay();
    const woken: string[] = [];
    const awaits = (name: string): boolean => values.awaitsRoom(() => woken.push(name));
    values.beginWrite(8 * MEBIBYTE);
    expect(awaits('nobody')).toBe(false);
    values.beginWrite(100);
    values.beginWrite(50);
    expect([awaits('one'), awaits('two')]).toEqual([true, true]);
    values.endWrite(50);
    expect(woken).toEqual([]);
    values.endWrite(100);
    expect(woken).toEqual(['one', 'two']);
    values.endWrite(8 * MEBIBYTE);
    expect(woken).toHaveLength(2);
  });

  it('does not wait for reads', () => {
    const values = new ValuesUnderWay();
    values.reads.bytes = 100 * MEBIBYTE;
    expect(values.awaitsRoom(() => undefined)).toBe(false);
  });
});
