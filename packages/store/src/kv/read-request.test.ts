/** One read and its replicas, which say what the test says (test/kv/reading.ts). */
import { describe, expect, it } from 'vitest';
import { holding, valueAt } from '../../test/kv/entries.ts';
import type { Sent } from '../../test/kv/manual-port.ts';
import { dead, late, nothing, old, reading } from '../../test/kv/reading.ts';
import { ringFor } from '../../test/kv/ring-for.ts';

describe('a read', () => {
  it('asks the replica on this node for the value, and another for its state', () => {
    const { port, outcomes, hold } = reading('bcabcabc');
    expect(port.news()).toEqual(['get k from a', 'state of k from c']);
    hold('a', late);
    hold('c', late);
    expect(outcomes).toEqual(['late']);
    expect(port.news()).toEqual([]);
    expect(port.table.open).toBe(0);
  });

  it.each<[string, Uint8Array | undefined, Uint8Array | undefined, string]>([
    ['both hold nothing', nothing, nothing, 'missing'],
    ['both hold a tombstone', dead, dead, 'missing'],
    ['the other one has a later tombstone', late, dead, 'missing'],
    ['only this one holds it', late, nothing, 'late'],
    ['the other one is behind', late, old, 'late'],
  ])('%s', (_, mine, other, outcome) => {
    const { outcomes, hold } = reading();
    hold('a', mine);
    hold('b', other);
    expect(outcomes).toEqual([outcome]);
  });

  it('fetches the value where the other one holds a later state', () => {
    const { port, outcomes, hold } = reading();
    hold('a', old);
    hold('b', late);
    port.news();
    expect(outcomes).toEqual([]);
    hold('b', late);
    expect(outcomes).toEqual(['late']);
  });

  it('asks a third when one fails, or refuses', () => {
    const { port, outcomes, hold } = reading();
    port.refuse('b', 'overload');
    expect(port.news().at(-1)).toBe('state of k from c');
    hold('a', late);
    port.fail('c');
    expect(outcomes).toEqual(['overload']);
  });

  it('whose value found no room asks for states, and then one of those that hold it for the value', () => {
    const { port, outcomes, hold } = reading('bcdabcda');
    expect(port.news()).toEqual(['get k from b', 'state of k from c']);
    hold('c', late);
    port.fail('b', true, true);
    expect(port.news()).toEqual(['state of k from d']);
    hold('d', late);
    expect(port.news()).toEqual(['get k from c']);
    port.fail('c', true, true);
    expect(port.news()).toEqual(['get k from d']);
    hold('d', late);
    expect(outcomes).toEqual(['late']);
  });

  it('says at once that there was no room anywhere', () => {
    const { port, outcomes, hold } = reading('bcdabcda');
    hold('c', late);
    port.fail('b', true, true);
    hold('d', late);
    port.fail('c', true, true);
    port.fail('d', true, true);
    expect(outcomes).toEqual(['overload']);
  });

  it('with r=1 is answered by the first', () => {
    const { port, outcomes } = reading('abcabcab', { options: { r: 1 }, here: holding(late) });
    expect(port.news()).toEqual(['get k from a']);
    expect(outcomes).toEqual(['late']);
  });

  it("with r=0 too: nobody's word is none", () => {
    const { outcomes, hold } = reading('abcabcab', { options: { r: 0 } });
    expect(outcomes).toEqual([]);
    hold('a', late);
    expect(outcomes).toEqual(['late']);
  });

  it.each([
    ['r', { r: 4 }],
    ['pr', { r: 1, pr: 4 }],
  ])('of more replicas than there are is refused: %s', (_, options) => {
    const { port, failures } = reading('abcabcab', { options });
    expect(failures).toMatchObject([{ code: 'bad_request', needed: 4, got: 0, definite: true }]);
    expect(port.sent).toEqual([]);
    expect(port.table.open).toBe(0);
  });

  it('of more primaries than live fails at once and asks nobody', () => {
    const { port, failures } = reading('abcdabcd', { down: 'b', options: { r: 1, pr: 3 } });
    expect(failures).toMatchObject([{ code: 'unreachable', needed: 3, got: 0, from: [] }]);
    expect(port.sent).toEqual([]);
  });

  it('that two have failed is over, though the third has not spoken', () => {
    const { port, outcomes } = reading();
    port.fail('b');
    expect(outcomes).toEqual([]);
    port.fail('c');
    expect(outcomes).toEqual(['unreachable']);
    expect(port.table.open).toBe(0);
  });

  it('of primaries is not answered by partial ones: it fails as soon as too few others are left', () => {
    const { failures, hold } = reading('abcabcab', { options: { r: 2, pr: 2 } });
    for (const node of 'abc') hold(node, late, true);
    expect(failures).toMatchObject([{ code: 'unreachable', needed: 2, got: 2 }]);
  });

  it('that takes no "not found" for an answer asks on until somebody holds something', () => {
    const { port, outcomes, hold } = reading('abcabcab', { options: { r: 1, notfoundOk: false } });
    expect(port.news()).toEqual(['get k from a']);
    hold('a', nothing);
    expect(port.news()).toEqual(['state of k from b']);
    hold('b', nothing);
    expect(outcomes).toEqual([]);
    hold('c', late);
    hold('c', late);
    expect(outcomes).toEqual(['late']);
    expect(port.news()).toContain('merge k 7:late at a');
  });

  it.each<[string, Uint8Array | undefined, string]>([
    ['nothing', nothing, 'missing'],
    ['a value, though fewer than r do', late, 'late'],
    ['a tombstone', dead, 'missing'],
  ])('and is content with %s when everybody was asked', (_, held, outcome) => {
    const { outcomes, hold } = reading('abcabcab', { options: { r: 2, notfoundOk: false } });
    hold('a', nothing);
    hold('b', nothing);
    expect(outcomes).toEqual([]);
    hold('c', held);
    if (outcomes.length === 0) hold('c', held);
    expect(outcomes).toEqual([outcome]);
  });

  it('and is answered where one is dead and the others hold nothing', () => {
    const { port, outcomes, hold } = reading('abcabcab', { options: { r: 2, notfoundOk: false } });
    hold('a', nothing);
    hold('b', nothing);
    port.fail('c');
    expect(outcomes).toEqual(['missing']);
  });

  it('with r=1 and pr=1 not by a stand-in', () => {
    const { outcomes, hold } = reading('bcdabcda', { down: 'b', options: { r: 1, pr: 1 } });
    hold('a', late, true);
    expect(outcomes).toEqual([]);
    hold('d', late);
    expect(outcomes).toEqual(['late']);
  });

  it("takes the node's default, and no more than there are", () => {
    expect(reading('abcabcab', { defaults: { r: 3 } }).port.news()).toHaveLength(3);
    expect(reading('abcabcab', { defaults: { r: 8 } }).port.news()).toHaveLength(3);
  });

  it('asks distinct nodes', () => {
    expect(reading('aabaabaa').port.news()).toEqual(['get k from a', 'state of k from b']);
  });

  it('is borrowed bytes to whoever reads them, and may be answered by those of a store', () => {
    const lent = late.slice();
    const { outcomes } = reading('abcabcab', { options: { r: 1 }, here: holding(lent) });
    lent.fill(0xdd);
    expect(outcomes).toEqual(['late']);
  });

  it('a value that has expired is missing', () => {
    const { port, outcomes, hold } = reading();
    port.host.advance(20);
    hold('a', valueAt('k', 3, 'v', 1_020));
    hold('b', valueAt('k', 3, 'v', 1_020));
    expect(outcomes).toEqual(['missing']);
  });

  it('expires by the time of the cluster, whatever this node thinks that it is', () => {
    for (const [time, outcome] of [
      [1_019, 'v until 1020 at 1019'],
      [1_020, 'missing'],
    ] as const) {
      const { port, outcomes, hold } = reading('abcabcab', { clusterTime: time });
      port.host.advance(500);
      for (const node of 'ab') hold(node, valueAt('k', 3, 'v', 1_020));
      expect(outcomes).toEqual([outcome]);
    }
  });

  it('asks for that time only where something expires', () => {
    const { outcomes, hold } = reading('abcabcab', { clusterTime: -1 });
    for (const node of 'ab') hold(node, late);
    expect(outcomes).toEqual(['late']);
  });
});

describe('stand-ins and partial replicas', () => {
  it('their "not found" is none: the next is asked', () => {
    const { port, outcomes, hold } = reading();
    hold('a', nothing, true);
    expect(port.news().at(-1)).toBe('state of k from c');
    hold('b', nothing);
    expect(outcomes).toEqual([]);
    hold('c', nothing);
    expect(outcomes).toEqual(['missing']);
  });

  it('their value is one', () => {
    const { outcomes, hold } = reading('bcdabcda', { down: 'b' });
    hold('a', late, true);
    hold('d', old);
    expect(outcomes).toEqual(['late']);
  });

  it("but not as a primary's", () => {
    const { outcomes, hold } = reading('abcabcab', { options: { pr: 2 } });
    hold('a', late, true);
    hold('b', late);
    expect(outcomes).toEqual([]);
    hold('c', late);
    expect(outcomes).toEqual(['late']);
  });

  it('when all primaries have spoken and none is sure, there is nobody who could know better', () => {
    const { outcomes, hold } = reading();
    for (const node of 'abc') hold(node, nothing, true);
    expect(outcomes).toEqual(['missing']);
  });

  it('but a stand-in in the list may stand for one who does', () => {
    const { outcomes, hold } = reading('abcdabcd', { down: 'c' });
    for (const node of 'abd') hold(node, nothing, true);
    expect(outcomes).toEqual(['unreachable']);
  });
});

describe('where a dead node took several copies with it', () => {
  it('all copies of the others suffice', () => {
    const { port, outcomes, hold } = reading('bbabbabb', { down: 'b' });
    for (const sent of [...port.sent]) {
      const isPrimary = sent.replica.role === 'primary';
      hold(sent, isPrimary ? late : nothing, !isPrimary);
    }
    expect(outcomes).toEqual(['late']);
  });

  it('half of the copies of a node that lives do not: a write may lie in the other half', () => {
    const { port, outcomes } = reading('aabaabaa', { down: 'b' });
    const [first, second] = port.sent as [Sent, Sent];
    port.refuse(first, 'overload');
    port.reply(second, holding(nothing, second.command.kind === 'get' && second.command.whole));
    for (const sent of port.sent.slice(2)) port.reply(sent, holding(nothing, false), true);
    expect(outcomes).toEqual(['overload']);
  });
});

describe('a replica that is slow', () => {
  it('is not waited for alone: after a while all are asked', () => {
    const { port, outcomes, hold } = reading();
    hold('a', late);
    port.host.advance(40);
    port.news();
    port.host.advance(25);
    expect(port.news()).toEqual(['state of k from c']);
    hold('c', late);
    expect(outcomes).toEqual(['late']);
  });

  it('fails the read when time is up, and says what it got', () => {
    const { port, failures, hold } = reading();
    hold('a', late);
    port.host.advance(1_030);
    expect(failures).toMatchObject([
      { code: 'timeout', needed: 2, got: 1, from: ['node a'], definite: true },
    ]);
    expect(port.table.open).toBe(0);
  });

  it('a short time is kept', () => {
    const { port, outcomes } = reading('abcabcab', { options: { timeoutMs: 20 } });
    port.host.advance(19);
    expect(outcomes).toEqual([]);
    port.host.advance(12);
    expect(outcomes).toEqual(['timeout']);
  });
});

describe('the copies that a read holds', () => {
  it('count in bytes until it is answered', () => {
    const { outcomes, hold, readBytes } = reading();
    hold('a', late);
    expect(readBytes.bytes).toBe(late.length);
    hold('b', late);
    expect([outcomes, readBytes.bytes]).toEqual([['late'], 0]);
  });

  it('count until it fails, or begins anew under a newer ring', () => {
    const { port, hold, readBytes } = reading();
    hold('a', late);
    port.refuse('b', 'moved');
    port.refuse('c', 'moved');
    port.adopt(ringFor('k', 'abcabcab'));
    expect(readBytes.bytes).toBe(0);
    hold('a', late);
    expect(readBytes.bytes).toBe(late.length);
    port.fail('b');
    port.fail('c');
    expect(readBytes.bytes).toBe(0);
  });

  it('count with a value that had to be fetched', () => {
    const { outcomes, hold, readBytes } = reading();
    hold('a', old);
    hold('b', late);
    expect(readBytes.bytes).toBe(old.length);
    hold('b', late);
    expect([outcomes, readBytes.bytes]).toEqual([['late'], 0]);
  });

  it('that would be too many for this node end it at once', () => {
    const { port, outcomes, hold, readBytes } = reading();
    readBytes.bytes = readBytes.max;
    hold('a', late);
    expect(outcomes).toEqual(['overload']);
    expect([port.table.open, readBytes.bytes, readBytes.limit.reached]).toEqual([0, readBytes.max, 1]);
  });
});

describe('fetching', () => {
  /** b holds the latest state, and is asked for the value. */
  function fetching() {
    const read = reading('abcabcab', { options: { r: 3 } });
    read.hold('a', old);
    read.hold('c', late);
    read.hold('b', late);
    expect(read.port.news().at(-1)).toBe('get k from b');
    return read;
  }

  it('goes on elsewhere when the one that was asked is gone', () => {
    const { port, outcomes, hold } = fetching();
    port.fail('b');
    expect(port.news()).toEqual(['get k from c']);
    hold('c', late);
    expect(outcomes).toEqual(['late']);
  });

  it('never settles for an older state', () => {
    const { port, outcomes } = fetching();
    port.fail('b');
    port.fail('c');
    expect(outcomes).toEqual(['unreachable']);
  });

  it('takes a still later one', () => {
    const { outcomes, hold } = fetching();
    hold('b', valueAt('k', 8, 'later still'));
    expect(outcomes).toEqual(['later still']);
  });

  it.each([
    ['nothing any more', nothing],
    ['an older state', old],
  ])('begins anew when it finds %s: a hint went home meanwhile', (_, entry) => {
    const { port, outcomes, hold } = fetching();
    hold('b', entry);
    expect(outcomes).toEqual([]);
    expect(port.news()).toHaveLength(3);
    for (const node of 'abc') hold(node, late);
    expect(outcomes).toEqual(['late']);
  });

  it('but not for ever', () => {
    const { port, outcomes, hold } = fetching();
    for (let i = 0; i < 20 && outcomes.length === 0; i++) {
      hold('b', nothing);
      hold('a', old);
      hold('c', nothing);
      hold('b', late);
    }
    expect(outcomes).toEqual(['unreachable']);
    expect(port.table.open).toBe(0);
  });
});

describe('repair', () => {
  it('primaries that are behind are sent what was read, after the answer', () => {
    const { port, outcomes, hold } = reading('abcabcab', { options: { r: 3 } });
    hold('a', late);
    hold('b', old);
    hold('c', nothing);
    expect(outcomes).toEqual(['late']);
    expect(port.news().slice(3)).toEqual(['merge k 7:late at b', 'merge k 7:late at c']);
  });

  it('a delete is repaired as well, though nobody was asked for the tombstone', () => {
    const { port, outcomes, hold } = reading();
    hold('a', late);
    hold('b', dead);
    expect(outcomes).toEqual(['missing']);
    expect(port.news().at(-1)).toBe('merge k 9:- at a');
  });

  it('stand-ins are not: they are on their way out', () => {
    const { port, hold } = reading('bcdabcda', { down: 'b' });
    hold('a', old, true);
    hold('d', late);
    hold('d', late);
    expect(port.news().filter((line) => line.startsWith('merge'))).toEqual([]);
  });

  it('with what it was answered, though the answer was borrowed', () => {
    const lent = late.slice();
    const { port, outcomes } = reading('abcabcab', { options: { r: 1 } });
    port.reply('a', holding(nothing), true);
    port.reply('b', holding(lent));
    lent.fill(0xdd);
    expect(outcomes).toEqual(['late']);
    expect(port.news().at(-1)).toBe('merge k 7:late at a');
  });

  it('leaves nothing open, whatever comes of it', () => {
    const { port, hold } = reading('abcabcab', { options: { r: 3 } });
    hold('a', late);
    hold('b', old);
    hold('c', nothing);
    port.fail('b');
    expect(port.table.open).toBe(1);
    port.host.advance(1_100);
    expect(port.table.open).toBe(0);
  });
});

describe('a partition that moves', () => {
  it('is followed to the new ring', () => {
    const { port, outcomes, hold } = reading('abcdabcd');
    for (const node of 'abc') port.refuse(node, 'moved');
    expect(outcomes).toEqual([]);
    port.news();
    port.adopt(ringFor('k', 'dabcdabc'));
    expect(port.news()).toEqual(['get k from a', 'state of k from d']);
    hold('a', late);
    hold('d', late);
    expect(outcomes).toEqual(['late']);
  });

  it('at once when the new ring was here before the refusals', () => {
    const { port } = reading('abcdabcd');
    port.adopt(ringFor('k', 'dabcdabc'));
    port.news();
    for (const node of 'abc') port.refuse(node, 'moved');
    expect(port.news().slice(-2)).toEqual(['get k from a', 'state of k from d']);
  });

  it('as long as there is time', () => {
    const { port, outcomes } = reading();
    for (const node of 'abc') port.refuse(node, 'moved');
    port.host.advance(1_030);
    expect(outcomes).toEqual(['timeout']);
  });
});
