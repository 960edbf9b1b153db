import { describe, expect, it } from 'vitest';
import { holding } from '../../test/kv/entries.ts';
import type { Sent } from '../../test/kv/manual-port.ts';
import { dead, late, nothing, old, reading } from '../../test/kv/reading.ts';

describe('who answers after the read was answered', () => {
  /** c is asked as well, since b is slow; a and c suffice. */
  const answeredByTwo = (entry = late) => {
    const on = reading();
    on.hold('a', entry);
    on.port.host.advance(60);
    on.hold('c', entry);
    expect(on.outcomes).toEqual(['late']);
    on.port.news();
    return on;
  };

  it('is sent what was read when it has an older state, or nothing', () => {
    for (const held of [old, nothing]) {
      const { port, hold, readBytes } = answeredByTwo();
      hold('b', held);
      expect(port.news()).toEqual(['merge k 7:late at b']);
      expect(readBytes.bytes).toBe(0);
    }
  });

  it('is left alone when it has the same; and the request is over then', () => {
    const { port, hold, readBytes } = answeredByTwo();
    expect(port.table.open).toBe(1);
    expect(readBytes.bytes).toBe(late.length);
    hold('b', late);
    expect(port.news()).toEqual([]);
    expect([port.table.open, readBytes.bytes]).toEqual([0, 0]);
  });

  it('may have something later: those who answered are sent that', () => {
    const { port } = answeredByTwo();
    port.reply('b', holding(dead));
    expect(port.news()).toEqual(['merge k 9:- at a', 'merge k 9:- at c']);
  });

  it('so it is of a read of one: who answered is sent what is later', () => {
    const on = reading('abcabcab', { options: { r: 1 } });
    on.port.host.advance(60);
    on.hold('a', old);
    on.port.news();
    on.port.reply('b', holding(dead));
    expect(on.port.news()).toEqual(['merge k 9:- at a']);
  });

  it('is not waited for while reads hold much already', () => {
    const on = reading();
    on.readBytes.bytes = 16 * 1024 * 1024;
    on.hold('a', late);
    on.port.host.advance(60);
    on.hold('c', late);
    expect(on.outcomes).toEqual(['late']);
    expect([on.port.table.open, on.readBytes.bytes]).toEqual([0, 16 * 1024 * 1024]);
  });

  it('and is not waited for longer than the read was to take, nor when it fails', () => {
    for (const end of [
      (on: ReturnType<typeof reading>) => on.port.host.advance(1_000),
      (on: ReturnType<typeof reading>) => on.port.fail('b'),
      (on: ReturnType<typeof reading>) => on.port.refuse('b', 'overload'),
    ]) {
      const on = answeredByTwo();
      end(on);
      expect(on.port.news()).toEqual([]);
      expect([on.port.table.open, on.readBytes.bytes]).toEqual([0, 0]);
    }
  });

  it('and the request is over then, whatever the ring becomes', () => {
    const on = reading('bcdbcdbc', { options: { r: 1 } });
    on.port.host.advance(60);
    on.port.reply('c', holding(late, false));
    on.port.refuse(on.port.sent.at(-1) as Sent, 'moved');
    on.hold('b', late);
    expect(on.outcomes).toEqual(['late']);
    on.port.adopt('bcdbcdbc');
    on.port.host.advance(2_000);
    expect([on.port.table.open, on.readBytes.bytes]).toEqual([0, 0]);
  });

  it('with r=1 it is any of the others', () => {
    const on = reading('abcabcab', { options: { r: 1 } });
    on.port.host.advance(60);
    on.hold('a', late);
    expect(on.outcomes).toEqual(['late']);
    on.port.news();
    on.hold('b', old);
    on.hold('c', late);
    expect(on.port.news()).toEqual(['merge k 7:late at b']);
    expect(on.readBytes.bytes).toBe(0);
  });
});
