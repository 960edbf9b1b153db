/** A write whose copies find no room on the way (write-request.ts). This node is a. */
import { describe, expect, it } from 'vitest';
import { merged, writing } from '../../test/kv/writing.ts';

describe('a copy that finds no room on the way', () => {
  const crowded = (...nodes: string[]) => {
    const play = writing();
    for (const node of nodes) play.port.unreachable.add(node);
    play.put();
    play.port.news();
    return play;
  };

  it('is sent once there is room, where the write cannot do without it', () => {
    const { port, outcomes } = crowded('b', 'c');
    port.reply('a', merged);
    port.unreachable.clear();
    port.host.advance(20);
    expect(port.news()).toEqual(['merge k 1000:v at b', 'merge k 1000:v at c']);
    port.reply('c', merged);
    expect(outcomes).toEqual(['first a', 'written 1000']);
  });

  it('is not, where others suffice: it is left as a hint', () => {
    const { port, outcomes } = crowded('c');
    port.reply('a', merged);
    port.reply('b', merged);
    expect(outcomes).toEqual(['first a', 'written 1000']);
    expect(port.news()).toEqual(['merge k 1000:v at a!']);
  });

  it('is waited for no longer than the request lasts, which still has the rest of its time for answers', () => {
    const { port, outcomes } = crowded('b', 'c');
    port.host.advance(500);
    port.unreachable.clear();
    port.host.advance(20);
    port.host.advance(400);
    expect(outcomes).toEqual([]);
    port.host.advance(100);
    expect(outcomes).toEqual(['timeout']);
    expect(port.table.open).toBe(0);
  });

  it('is waited for no longer when it would not help, and it surely did not happen if all others have refused', () => {
    const { port, outcomes } = crowded('b');
    port.refuse('a', 'overload');
    expect(outcomes).toEqual([]);
    port.refuse('c', 'overload');
    expect(outcomes).toEqual(['overload, definite']);
  });

  it('goes to whoever stands in when its node is down by then', () => {
    const { port } = crowded('b', 'c');
    port.reply('a', merged);
    port.unreachable.clear();
    port.down.add('b');
    port.table.ringChanged();
    expect(port.news()).toEqual(['merge k 1000:v at a', 'merge k 1000:v at a!', 'merge k 1000:v at c']);
  });
});
