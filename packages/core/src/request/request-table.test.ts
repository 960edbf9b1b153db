import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { ReplicaRequest, RequestId } from './port.ts';
import { OPEN_REQUESTS_MAX, RequestTable } from './request-table.ts';

const [a, b] = ['a', 'b'] as [NodeId, NodeId];

/** A request that writes down what it is told. */
class Recorder implements ReplicaRequest<never> {
  readonly heard: string[] = [];
  whenFailed: () => void = () => {};
  whenRung: () => void = () => {};

  onReply(at: number): void {
    this.heard.push(`reply ${at}`);
  }
  onRefused(at: number, why: string): void {
    this.heard.push(`refused ${at}: ${why}`);
  }
  onFailed(at: number, sent: boolean): void {
    this.heard.push(`failed ${at}${sent ? '' : ', not sent'}`);
    this.whenFailed();
  }
  onAlarm(): void {
    this.heard.push('alarm');
    this.whenRung();
  }
  onRingChanged(): void {
    this.heard.push('ring');
  }
}

function stage(seed = 1) {
  const host = new ManualHost(seed);
  const table = new RequestTable(host);
  const open = (): { request: Recorder; id: RequestId } => {
    const request = new Recorder();
    return { request, id: table.add(request) };
  };
  return { host, table, open };
}

describe('numbers', () => {
  it('find the request that is open, and nobody once it has ended', () => {
    const { table, open } = stage();
    const { request, id } = open();
    expect(table.find(id)).toBe(request);
    expect(table.open).toBe(1);
    table.remove(id);
    table.remove(id);
    expect(table.find(id)).toBeUndefined();
    expect(table.open).toBe(0);
  });

  type AtTheEnd = (table: RequestTable, id: RequestId) => void;
  const unanswered: AtTheEnd = () => {};
  const answered: AtTheEnd = (table, id) => table.take(id, 0, a);
  const cutOff: AtTheEnd = (table) => table.failNode(a);

  /** The numbers of so many requests that ask one node, one after the other, and end like this. */
  const numbersOf = (count: number, atTheEnd: AtTheEnd, { table, open } = stage()): RequestId[] =>
    Array.from({ length: count }, () => {
      const { id } = open();
      table.expect(id, 0, a);
      atTheEnd(table, id);
      table.remove(id);
      return id;
    });
  const slotsOf = (ids: readonly RequestId[]): number => new Set(ids.map((id) => id & 0xfffff)).size;

  it.each([
    ['unanswered', unanswered],
    ['answered', answered],
    ['cut off', cutOff],
  ])('%s, use a slot again at once, and do not come again', (_, atTheEnd) => {
    const ids = numbersOf(20_000, atTheEnd);
    expect(ids.filter((id) => id !== id >>> 0)).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(slotsOf(ids)).toBe(5);
  });

  it('come again after a minute at the earliest: a late answer must not find another request under its number', () => {
    const staged = stage();
    const [old] = numbersOf(1, unanswered, staged) as [RequestId];
    // Those that follow are answered, so that nothing but the first one can be answered late.
    const soon = numbersOf(300_000, answered, staged);
    expect(soon).not.toContain(old);
    staged.host.advance(60_000);
    expect(numbersOf(4_096, answered, staged)).toContain(old);
  });

  it('of one life mean nothing in the next: answers to a former life may still be on their way', () => {
    const idsOf = (seed: number): RequestId[] => {
      const { open } = stage(seed);
      return Array.from({ length: 1_000 }, () => open().id);
    };
    const former = new Set(idsOf(1));
    expect(idsOf(2).filter((id) => former.has(id))).toEqual([]);
  });
});

describe('a table that has as many open as it takes', () => {
  it('says so, counts those that are refused, and has room again when one ends', () => {
    const { table, open } = stage();
    for (let i = 1; i < OPEN_REQUESTS_MAX; i++) open();
    expect(table.full).toBe(false);
    const { id } = open();
    expect([table.full, table.full]).toEqual([true, true]);
    const { limit, used, max, reached } = table.limit;
    expect([limit, used, max, reached]).toEqual(['open_requests', OPEN_REQUESTS_MAX, OPEN_REQUESTS_MAX, 2]);
    table.remove(id);
    expect(table.full).toBe(false);
  });
});

describe('an answer', () => {
  it('is taken once, and only from the node that was asked', () => {
    const { table, open } = stage();
    const { request, id } = open();
    table.expect(id, 1, a);
    expect(table.take(id, 1, b)).toBeUndefined();
    expect(table.take(id, 0, a)).toBeUndefined();
    expect(table.take(id, 1, a)).toBe(request);
    expect(table.take(id, 1, a)).toBeUndefined();
  });

  it('finds nobody when the request has ended, though its place is used again', () => {
    const { table, open } = stage();
    const { id } = open();
    table.expect(id, 0, a);
    table.remove(id);
    for (let i = 0; i < 5_000; i++) table.expect(open().id, 0, a);
    expect(table.take(id, 0, a)).toBeUndefined();
  });
});

describe('a node that went away', () => {
  it('fails what waits for it and nothing else', () => {
    const { table, open } = stage();
    const [one, two] = [open(), open()];
    table.expect(one.id, 0, a);
    table.expect(one.id, 1, b);
    table.expect(one.id, 2, a);
    table.expect(two.id, 0, a);
    table.take(two.id, 0, a);
    table.failNode(a);
    expect(one.request.heard).toEqual(['failed 0', 'failed 2']);
    expect(two.request.heard).toEqual([]);
    table.failNode(a);
    expect(one.request.heard).toHaveLength(2);
  });

  it('says no more to a request that ends meanwhile', () => {
    const { table, open } = stage();
    const { request, id } = open();
    table.expect(id, 0, a);
    table.expect(id, 1, a);
    request.whenFailed = () => table.remove(id);
    table.failNode(a);
    expect(request.heard).toEqual(['failed 0']);
  });
});

describe('a new ring', () => {
  it('is told to those that are open, not to those that begin or end on hearing of it', () => {
    const { table, open } = stage();
    const [first, second] = [open(), open()];
    let later: Recorder | undefined;
    first.request.onRingChanged = () => {
      table.remove(second.id);
      later = open().request;
    };
    table.ringChanged();
    expect(second.request.heard).toEqual([]);
    expect(later?.heard).toEqual([]);
  });
});

describe('an alarm', () => {
  it('rings once, when its time has come and soon after', () => {
    const { host, table, open } = stage();
    const { request, id } = open();
    table.alarm(id, 100);
    host.advance(99);
    expect(request.heard).toEqual([]);
    host.advance(12);
    expect(request.heard).toEqual(['alarm']);
    host.advance(1_000);
    expect(request.heard).toEqual(['alarm']);
    expect(host.timers).toBe(0);
  });

  it.each([
    ['a shorter one', 20],
    ['a longer one', 300],
    ['one as long', 100],
  ])('is replaced by %s', (_, delayMs) => {
    const { host, table, open } = stage();
    const { request, id } = open();
    table.alarm(id, 100);
    host.advance(10);
    table.alarm(id, delayMs);
    host.advance(delayMs - 1);
    expect(request.heard).toEqual([]);
    host.advance(1_000);
    expect(request.heard).toEqual(['alarm']);
  });

  it('does not ring for a request that has ended, nor for the one that has its place now', () => {
    const { host, table, open } = stage();
    const { request, id } = open();
    table.alarm(id, 100);
    table.remove(id);
    const others = Array.from({ length: 5_000 }, () => open().request);
    host.advance(200);
    expect(request.heard).toEqual([]);
    expect(others.every(({ heard }) => heard.length === 0)).toBe(true);
  });

  it('is nowhere once its request has ended, however long that might have lasted', () => {
    const { host, table, open } = stage();
    for (let i = 0; i < 1_000; i++) {
      const { id } = open();
      table.alarm(id, 30_000 + i);
      table.remove(id);
    }
    host.advance(20);
    expect(host.timers).toBe(0);
  });

  it('rings in time for one that waits long, and for one whose table has been idle', () => {
    const { host, table, open } = stage();
    const { request, id } = open();
    table.alarm(id, 60_000);
    host.advance(59_999);
    expect(request.heard).toEqual([]);
    host.advance(12);
    expect(request.heard).toEqual(['alarm']);
    host.advance(1_000_000);
    table.alarm(id, 30);
    host.advance(29);
    expect(request.heard).toEqual(['alarm']);
    host.advance(12);
    expect(request.heard).toEqual(['alarm', 'alarm']);
  });

  it('may be set again as it rings', () => {
    const { host, table, open } = stage();
    const { request, id } = open();
    request.whenRung = () => request.heard.length < 3 && table.alarm(id, 50);
    table.alarm(id, 50);
    host.advance(1_000);
    expect(request.heard).toEqual(['alarm', 'alarm', 'alarm']);
  });

  it('rings for thousands in the order of their time, whatever ended in between', () => {
    const { host, table, open } = stage();
    const rung: number[] = [];
    for (let i = 0; i < 5_000; i++) {
      const { request, id } = open();
      request.whenRung = () => rung.push(i);
      table.alarm(id, 100);
      if (i % 5 !== 0) table.remove(id);
      if (i % 50 === 0) host.advance(1);
    }
    host.advance(1_000);
    expect(rung).toEqual(Array.from({ length: 1_000 }, (_, i) => i * 5));
  });

  it('is silent once the table has stopped', () => {
    const { host, table, open } = stage();
    const { request, id } = open();
    table.alarm(id, 10);
    table.stop();
    host.advance(100);
    expect(request.heard).toEqual([]);
  });
});
