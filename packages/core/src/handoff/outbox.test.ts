import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import type { NodeId } from '../contracts/ids.ts';
import { Outbox } from './outbox.ts';

const [a, b] = ['a', 'b'] as [NodeId, NodeId];

/** An outbox, and lanes with room for so many frames. */
function stage() {
  const host = new ManualHost();
  const outbox = new Outbox(host);
  const room = new Map([
    [a, 0],
    [b, 0],
  ]);
  const sent: string[] = [];
  const unwanted = new Set<string>();
  const put = (to: NodeId, name: string): void =>
    outbox.put(to, {
      send: () => {
        const left = room.get(to) ?? 0;
        if (left > 0) sent.push(name);
        room.set(to, Math.max(0, left - 1));
        return left > 0;
      },
      isWanted: () => !unwanted.has(name),
    });
  return { host, outbox, room, sent, unwanted, put };
}

describe('frames', () => {
  it('leave at once where there is room', () => {
    const { room, put, sent, outbox } = stage();
    room.set(a, 1);
    put(a, 'a1');
    expect(sent).toEqual(['a1']);
    expect(outbox.size).toBe(0);
  });

  it('wait where there is none, and leave in order, also when room comes between', () => {
    const { room, put, sent, host, outbox } = stage();
    put(a, 'a1');
    room.set(a, 2);
    put(a, 'a2');
    put(a, 'a3');
    expect(sent).toEqual([]);
    host.advance(20);
    expect(sent).toEqual(['a1', 'a2']);
    expect(outbox.size).toBe(1);
    room.set(a, 1);
    host.advance(20);
    expect(sent).toEqual(['a1', 'a2', 'a3']);
  });

  it('to one peer do not wait for those to another', () => {
    const { room, put, sent, host } = stage();
    put(a, 'a1');
    room.set(b, 1);
    put(b, 'b1');
    host.advance(20);
    expect(sent).toEqual(['b1']);
  });

  it('that nobody wants any more are dropped, and hold up nobody', () => {
    const { room, put, sent, host, unwanted, outbox } = stage();
    put(a, 'a1');
    put(a, 'a2');
    unwanted.add('a1');
    room.set(a, 5);
    host.advance(20);
    expect(sent).toEqual(['a2']);
    expect(outbox.size).toBe(0);
  });

  it('are gone when it stops', () => {
    const { room, put, sent, host, outbox } = stage();
    put(a, 'a1');
    outbox.stop();
    room.set(a, 1);
    host.advance(1_000);
    expect(sent).toEqual([]);
  });
});
