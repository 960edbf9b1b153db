/** One write and its replicas, on the stage of test/kv/writing.ts. */
import { stampMs, type Refusal } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { stampOf } from '../../test/kv/entries.ts';
import { coordinatorOn, type ManualPort, type Sent } from '../../test/kv/manual-port.ts';
import { ringFor } from '../../test/kv/ring-for.ts';
import { existed, laterAt, merged, tooLateAt, writing } from '../../test/kv/writing.ts';
import { expiryMs } from '../entry/layout.ts';
import type { RequestOptions } from './api.ts';
import type { KvReply } from './commands.ts';
import { WriteRequest } from './write-request.ts';

describe('a write', () => {
  it('goes to all replicas, the one on this node first, and is done when w count', () => {
    const { port, put } = writing('bcabcabc');
    put();
    expect(port.news()).toEqual(['merge k 1000:v at a', 'merge k 1000:v at b', 'merge k 1000:v at c']);
  });

  it('names who answered first, and whether something was there', () => {
    const { port, outcomes, put } = writing();
    put();
    port.reply('c', existed);
    expect(outcomes).toEqual([]);
    port.reply('b', merged);
    expect(outcomes).toEqual(['first c', 'written 1000, existed']);
    port.reply('a', merged);
    expect(outcomes).toHaveLength(2);
    expect(port.table.open).toBe(0);
  });

  it('of a delete is a tombstone', () => {
    const { port, remove } = writing();
    remove();
    expect(port.news()[0]).toBe('merge k 1000:- at a');
  });

  it('goes to all though this node answers at once and is enough', () => {
    const { port, outcomes, put } = writing();
    port.here = () => merged;
    put({ w: 1 });
    expect(port.news()).toHaveLength(3);
    expect(outcomes).toEqual(['first a', 'written 1000']);
  });

  it("counts distinct nodes: two copies on one machine are one machine's word", () => {
    const { port, outcomes, put } = writing('aabaabaa');
    port.here = () => merged;
    put();
    expect(outcomes).toEqual([]);
    port.reply('b', merged);
    expect(outcomes).toContain('written 1000');
  });

  it('is answered by stand-ins where primaries are down', () => {
    const { port, put } = writing('abcdabcd', { down: 'bc' });
    put();
    expect(port.news()).toEqual(['merge k 1000:v at a', 'merge k 1000:v at a!', 'merge k 1000:v at d!']);
  });

  it.each([
    ['three primaries of two that live', { down: 'b' }, { pw: 3 }, 'unreachable'],
    ['more replicas than there are', {}, { w: 4 }, 'bad_request'],
    ['more primaries than there are', {}, { w: 1, pw: 4 }, 'bad_request'],
    ['more disks than there are', {}, { w: 1, dw: 4 }, 'bad_request'],
  ])('that cannot succeed is refused at once, and surely did not happen: %s', (_, given, options, code) => {
    const { port, outcomes, put } = writing('abcdabcd', given);
    put(options);
    expect(outcomes).toEqual([`${code}, definite`]);
    expect(port.sent).toEqual([]);
    expect(port.table.open).toBe(0);
  });

  it('waits for primaries where they are asked for; a partial one is none', () => {
    const { port, outcomes, put } = writing('abcdabcd');
    put({ w: 2, pw: 2 });
    port.reply('a', merged);
    port.reply('b', merged, true);
    expect(outcomes).toEqual([]);
    port.reply('c', merged);
    expect(outcomes).toContain('written 1000');
  });

  it('with dw asks everybody to answer once it is flushed, and counts no fewer than dw', () => {
    const { port, outcomes, put } = writing();
    put({ w: 1, dw: 2 });
    expect(port.sent.map(({ command }) => command)).toMatchObject(
      Array.from({ length: 3 }, () => ({ flushed: true })),
    );
    port.reply('c', merged);
    expect(outcomes).toEqual([]);
    port.reply('b', merged);
    expect(outcomes).toContain('written 1000');
  });

  it('without dw asks nobody for that', () => {
    const { port, put } = writing();
    put({ w: 1, dw: 0 });
    expect(port.sent.map(({ command }) => command)).toMatchObject(
      Array.from({ length: 3 }, () => ({ flushed: false })),
    );
  });

  it.each<[string, RequestOptions, string]>([
    ['pw', { w: 1, pw: 2 }, 'on 2 nodes, 2 of them primary'],
    ['dw', { w: 1, dw: 2 }, 'on 2 nodes'],
  ])(
    'that fails of %s says how many were needed, who answered, and that it may be written',
    (_, options, words) => {
      const { port, failures, put } = writing('abcdabcd');
      put(options);
      port.reply('c', merged, options.pw !== undefined);
      port.fail('a');
      port.fail('b');
      expect(failures).toMatchObject([
        { code: 'unreachable', needed: 2, got: 1, from: ['node c'], definite: false },
      ]);
      expect(failures[0]?.message).toContain(words);
    },
  );

  it('whose primaries can no longer suffice fails at once, before the last has spoken', () => {
    const { port, outcomes, put } = writing('abcdabcd');
    put({ w: 1, pw: 3 });
    port.reply('a', merged);
    port.fail('b');
    expect(outcomes).toEqual(['unreachable']);
  });

  it('to nobody is no write: at least one replica answers', () => {
    const { port, outcomes, put } = writing();
    put({ w: 0 });
    expect(outcomes).toEqual([]);
    port.reply('c', merged);
    expect(outcomes).toContain('written 1000');
  });
});

describe('whether it surely did not happen', () => {
  const refuse = (why: Refusal) => (port: ManualPort, node: string) => port.refuse(node, why);
  const failUnsent = (port: ManualPort, node: string): void => port.fail(node, false);
  const failSent = (port: ManualPort, node: string): void => port.fail(node, true);
  const say = (reply: KvReply) => (port: ManualPort, node: string) => port.reply(node, reply);

  it.each<[string, string, RequestOptions, ((port: ManualPort, node: string) => void)[]]>([
    [
      'all refused',
      'overload, definite',
      { w: 1 },
      [refuse('overload'), refuse('overload'), refuse('overload')],
    ],
    [
      'refused or not sent',
      'read_only, definite',
      { w: 1 },
      [failUnsent, refuse('read_only'), refuse('read_only')],
    ],
    ['nobody was sent it', 'overload, definite', { w: 1 }, [failUnsent, failUnsent, failUnsent]],
    ['one may have got it', 'overload', { w: 1 }, [refuse('overload'), failSent, refuse('overload')]],
    ['one stored it', 'overload', { w: 2 }, [say(merged), refuse('overload'), refuse('overload')]],
    ['one holds a later version', 'overload', { w: 3 }, [say(merged), say(merged), refuse('overload')]],
    ['one has not answered yet', 'overload', { w: 2 }, [refuse('overload'), refuse('overload')]],
    ['a store failed under it', 'unreachable', { w: 1 }, [failSent, failSent, failSent]],
    [
      'an answer of another kind, and no room to the others',
      'overload',
      { w: 1 },
      [say({ kind: 'pong', n: 1 }), failUnsent, failUnsent],
    ],
  ])('%s: %s', (_, outcome, options, plays) => {
    const { port, outcomes, put } = writing();
    put(options);
    for (const node of 'abc') if (plays['abc'.indexOf(node)] === failUnsent) port.unreachable.add(node);
    plays.forEach((play, i) => play(port, 'abc'[i] as string));
    // Who was not sent it is tried again until the time is up.
    if (plays.includes(failUnsent)) port.host.advance(1_000);
    expect(outcomes.at(-1)).toBe(outcome);
  });

  it('too few in time: whoever was sent it may yet store it', () => {
    const { port, outcomes, put } = writing();
    put();
    port.reply('a', merged);
    port.host.advance(999);
    expect(outcomes).toEqual([]);
    port.host.advance(20);
    expect(outcomes).toEqual(['timeout']);
    expect(port.table.open).toBe(0);
  });

  it('says what it needed, what it got and from whom', () => {
    const { port, failures, put } = writing();
    put({ w: 3, timeoutMs: 100 });
    port.reply('b', merged);
    port.host.advance(200);
    expect(failures).toEqual([
      {
        code: 'timeout',
        needed: 3,
        got: 1,
        from: ['node b'],
        definite: false,
        message:
          'this write needs 3 replicas on 3 nodes, 1 answered (node b): not enough of them answered in time; it may have been written',
      },
    ]);
  });
});

describe('a later version', () => {
  it('held by a replica: the write is stamped above it and sent anew', () => {
    const { port, outcomes, put } = writing();
    put();
    port.news();
    port.reply('b', laterAt(5_000));
    expect(port.news()).toEqual(['merge k 5000:v at a', 'merge k 5000:v at b', 'merge k 5000:v at c']);
    port.reply('a', merged);
    port.reply('b', merged);
    expect(outcomes).toEqual(['first a', 'written 5000']);
  });

  it('held here: nobody else hears of the first stamp', () => {
    const { port, put } = writing();
    let first = true;
    port.here = () => {
      const reply = first ? laterAt(5_000) : merged;
      first = false;
      return reply;
    };
    put();
    expect(port.news()).toEqual([
      'merge k 1000:v at a',
      'merge k 5000:v at a',
      'merge k 5000:v at b',
      'merge k 5000:v at c',
    ]);
  });

  it('answers to the first stamp count for nothing', () => {
    const { port, outcomes, put } = writing();
    put();
    const old = port.to('c');
    port.reply('b', laterAt(5_000));
    port.reply(old, merged);
    port.reply('a', merged);
    expect(outcomes).toEqual([]);
    port.reply('c', merged);
    expect(outcomes).toContain('written 5000');
  });

  it('is outrun at most twice, then the write stands as it is: the other writer came second', () => {
    const { port, outcomes, put } = writing();
    put();
    for (const time of [5_000, 6_000, 7_000]) port.reply('b', laterAt(time));
    expect(port.news().filter((line) => line.endsWith('at b'))).toEqual([
      'merge k 1000:v at b',
      'merge k 5000:v at b',
      'merge k 6000:v at b',
    ]);
    port.reply('a', laterAt(7_000));
    expect(outcomes).toEqual(['first b', 'written 6000']);
  });

  it('of a replica that did not take it makes no write, however often it was stamped anew', () => {
    const { port, outcomes, put } = writing('bcabcabc');
    put();
    port.reply('b', laterAt(2_000));
    port.reply('c', laterAt(3_000));
    port.reply('b', tooLateAt(5_000));
    expect(port.news().at(-1)).toBe('merge k 5000:v at c');
    for (const time of [6_000, 7_000]) port.reply('b', tooLateAt(time));
    port.news();
    port.reply('b', tooLateAt(8_000));
    expect(outcomes).toEqual([]);
    port.reply('c', tooLateAt(8_000));
    expect(outcomes).toEqual(['unreachable']);
  });

  it('of a late copy that was not taken is left with another replica', () => {
    const { port } = writing();
    const sink = { onWritten: () => {}, onFailure: () => {} };
    new WriteRequest(coordinatorOn(port)).put('k', Uint8Array.of(118), undefined, sink);
    port.reply('a', merged);
    port.reply('b', merged);
    port.news();
    port.reply('c', tooLateAt(5_000));
    expect(port.news()).toEqual(['merge k 1000:v at a!']);
  });

  it("beyond the clock's limit is outrun all the same, and does not drag the clock along", () => {
    const { port, coordinator, put } = writing();
    put();
    port.news();
    port.reply('b', laterAt(90_000_000));
    expect(port.news()[0]).toBe('merge k 90000000:v at a');
    const next = new Uint8Array(16);
    coordinator.clock.write(next, 0);
    expect(stampMs(next, 0)).toBeLessThan(2_000);
  });

  it('of a delete as of a value', () => {
    const { port, remove } = writing();
    remove();
    port.news();
    port.reply('b', laterAt(5_000));
    expect(port.news()[0]).toBe('merge k 5000:- at a');
  });

  it('the deadline stays', () => {
    const { port, outcomes, put } = writing();
    put();
    port.host.advance(600);
    port.reply('b', laterAt(5_000));
    port.host.advance(390);
    expect(outcomes).toEqual([]);
    port.host.advance(30);
    expect(outcomes).toEqual(['timeout']);
  });

  it('what was there before is not the write itself', () => {
    const { port, outcomes, put } = writing();
    put();
    port.reply('a', merged);
    port.reply('b', laterAt(5_000));
    port.reply('a', existed);
    port.reply('b', existed);
    expect(outcomes.at(-1)).toBe('written 5000');
  });
});

describe('a write on a key that has expired', () => {
  const until = (untilMs: number): KvReply => ({ ...existed, untilMs });

  it('found nothing there; on one that has not yet, it did', () => {
    for (const [untilMs, outcome] of [
      [1_000, 'written 1000'],
      [1_001, 'written 1000, existed'],
    ] as const) {
      const { port, outcomes, put } = writing();
      put();
      for (const node of 'ab') port.reply(node, until(untilMs));
      expect(outcomes.at(-1)).toBe(outcome);
    }
  });

  it('by a slow clock is stamped above the moment', () => {
    const { port, outcomes, put } = writing('abcabcab', { clusterTime: 9_000 });
    put();
    port.news();
    port.reply('b', until(8_000));
    expect(port.news()).toEqual(['merge k 8000:v at a', 'merge k 8000:v at b', 'merge k 8000:v at c']);
    for (const node of 'ab') port.reply(node, until(8_000));
    expect(outcomes.at(-1)).toBe('written 8000');
  });

  it.each([
    [5_000, 8_000],
    [8_500, 8_500],
  ])('and a later version at %i held there: one new stamp, %i, is above both', (time, above) => {
    const { port, put } = writing('abcabcab', { clusterTime: 9_000 });
    put();
    port.news();
    port.reply('b', { ...until(8_000), later: stampOf(time) } as KvReply);
    expect(port.news()[0]).toBe(`merge k ${above}:v at a`);
  });

  it('is a delete like any other', () => {
    const { port, remove } = writing('abcabcab', { clusterTime: 9_000 });
    remove();
    port.news();
    port.reply('b', until(8_000));
    expect(port.news()[0]).toBe('merge k 8000:- at a');
  });

  it('by a slow clock, before the moment by that of the cluster, stays', () => {
    const { port, put } = writing('abcabcab', { clusterTime: 7_999 });
    put();
    port.news();
    port.reply('b', until(8_000));
    expect(port.news()).toEqual([]);
  });
});

describe('an expiry', () => {
  it('goes with the value, and with it again under another stamp', () => {
    const { port, put } = writing();
    put({ untilMs: 2_000 });
    const momentsSent = (): number[] =>
      port.sent.map(({ command }) => (command.kind === 'merge' ? expiryMs(command.entry) : -1));
    expect(momentsSent()).toEqual([2_000, 2_000, 2_000]);
    port.news();
    port.reply('b', laterAt(5_000));
    expect(port.news()[0]).toBe('merge k 5000:v at a');
    expect(new Set(momentsSent())).toEqual(new Set([2_000]));
  });
});

describe('a partition that moves', () => {
  it('is followed to the new ring, under the same stamp', () => {
    const { port, outcomes, put } = writing('abcdabcd');
    put();
    port.refuse('b', 'moved');
    port.refuse('c', 'moved');
    expect(outcomes).toEqual([]);
    port.news();
    port.host.advance(50);
    port.adopt(ringFor('k', 'adcbadcb'));
    expect(port.news()).toEqual(['merge k 1000:v at a', 'merge k 1000:v at d', 'merge k 1000:v at c']);
    port.reply('d', merged);
    port.reply('c', merged);
    expect(outcomes).toContain('written 1000');
  });

  it('a hint kept for the new owner counts for nothing, and makes the outcome unsure', () => {
    const { port, outcomes, put } = writing();
    put({ w: 1 });
    for (const node of 'ab') port.refuse(node, 'moved');
    port.keep('c');
    expect(outcomes).toEqual([]);
    port.host.advance(1_050);
    expect(outcomes).toEqual(['timeout']);
  });

  it('whatever the last of the old ring say while the new one is waited for', () => {
    const { port, outcomes, put } = writing('abcdabcd');
    put();
    port.refuse('b', 'moved');
    port.refuse('c', 'moved');
    port.reply('a', merged);
    expect(outcomes).toEqual([]);
    port.adopt(ringFor('k', 'adcbadcb'));
    port.reply('d', merged);
    port.reply('c', merged);
    expect(outcomes).toContain('written 1000');
  });

  it('an answer under the old ring is none under the new one', () => {
    // While d is down the list is 1@b 2@b 0@c!, then 0@d 1@b 2@b: in second place stands b, with another partition.
    const { port, outcomes, put } = writing('dbbcdbbc', { down: 'd' });
    put({ w: 3 });
    const [first, second] = port.sent as [Sent, Sent];
    port.refuse(first, 'moved');
    port.down.clear();
    port.table.ringChanged();
    port.reply(second, merged);
    port.reply('d', merged);
    port.reply('b', merged);
    expect(outcomes).toEqual([]);
  });

  it('as long as there is time, and if nothing was stored anywhere that is sure', () => {
    const { port, outcomes, put } = writing();
    put({ w: 1 });
    for (const node of 'abc') port.refuse(node, 'moved');
    port.host.advance(999);
    expect(outcomes).toEqual([]);
    port.host.advance(20);
    expect(outcomes).toEqual(['timeout, definite']);
  });

  it('a node that comes or goes is a reason to look again', () => {
    const { port, outcomes, put } = writing('abcdabcd');
    put();
    port.refuse('b', 'moved');
    port.refuse('c', 'moved');
    port.down.add('b');
    port.news();
    port.table.ringChanged();
    expect(port.news()).toEqual(['merge k 1000:v at a', 'merge k 1000:v at c', 'merge k 1000:v at d!']);
    expect(outcomes).toEqual([]);
  });

  it('does not matter where the others are enough', () => {
    const { port, outcomes, put } = writing();
    put();
    port.refuse('b', 'moved');
    port.reply('a', merged);
    port.reply('c', merged);
    expect(outcomes).toContain('written 1000');
  });
});

describe('a copy that does not come after the others sufficed', () => {
  function written(owners = 'abcdabcd') {
    const play = writing(owners);
    play.port.here = (_, { role }) => (role === 'primary' ? merged : undefined);
    play.put();
    play.port.reply('b', merged);
    expect(play.outcomes).toEqual(['first a', 'written 1000']);
    play.port.news();
    return play;
  }

  it.each([
    ['fails', (port: ManualPort) => port.fail('c')],
    ['was never sent', (port: ManualPort) => port.fail('c', false)],
    ['is refused', (port: ManualPort) => port.refuse('c', 'overload')],
    ['has moved', (port: ManualPort) => port.refuse('c', 'moved')],
    ['is not heard of', (port: ManualPort) => port.host.advance(1_000)],
  ])('is left as a hint with this node: it %s', (_, happens) => {
    const { port, outcomes } = written();
    happens(port);
    expect(port.news()).toEqual(['merge k 1000:v at a!']);
    expect(port.to('a').replica.partition).toBe(port.sent[2]?.replica.partition);
    port.reply('a', merged);
    expect(outcomes).toHaveLength(2);
    expect(port.table.open).toBe(0);
  });

  it('is left with another replica where it is this node that failed', () => {
    const { port, outcomes, put } = writing('abcdabcd');
    put();
    port.reply('b', merged);
    port.reply('c', merged);
    expect(outcomes).toEqual(['first b', 'written 1000']);
    port.news();
    port.refuse('a', 'read_only');
    expect(port.news()).toEqual(['merge k 1000:v at b!']);
  });

  it('is left with a node that has taken a copy, not with one that has not', () => {
    const { port, put } = writing('bcdbcdbc');
    put();
    port.reply('b', merged);
    port.reply('c', merged);
    port.news();
    port.fail('d');
    expect(port.news()).toEqual(['merge k 1000:v at b!']);
  });

  it('is looked for no further when it was kept where it came', () => {
    const { port } = written();
    port.keep('c');
    expect(port.news()).toEqual([]);
    expect(port.table.open).toBe(0);
  });

  it('goes to whoever should have one under a newer ring', () => {
    const { port } = written();
    port.adopt(ringFor('k', 'abdcabdc'));
    port.fail('c');
    expect(port.news()).toEqual(['merge k 1000:v at a', 'merge k 1000:v at b', 'merge k 1000:v at d']);
  });

  it('that comes late changes nothing, whatever it says', () => {
    const { port, outcomes } = written();
    port.reply('c', laterAt(2_000));
    expect(port.news()).toEqual([]);
    expect(outcomes).toHaveLength(2);
    expect(port.table.open).toBe(0);
  });
});
