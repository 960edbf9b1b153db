/**
 * The desk of node a, whose keys lie on partitions that it owns all: `k`, `l` eventual, `s` strict, one replica each. A
 * change of an eventual key reads, then writes; the replica says what the test says.
 */
import { latin1Decode, latin1Encode, type Refusal, type ReplyToken } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { holding, stampOf, tombstoneAt, valueAt } from '../../test/kv/entries.ts';
import { coordinatorOn, ManualPort, type Sent } from '../../test/kv/manual-port.ts';
import type { Change } from '../entry/change.ts';
import { merge } from '../entry/merge.ts';
import { ChangeDesk } from './change-desk.ts';
import type { ChangeCommand, ChangeResult, KvCommand, KvReply, MergeCommand } from './commands.ts';
import { placeKey } from './coordinator.ts';

const LINE_MAX = 1_000;
const READ: Change = { kind: 'read' };
const NOTHING = holding(undefined);
const MERGED: KvReply = { kind: 'merged', existed: false, untilMs: 0, later: undefined };

function changing(key: string, change: Change = READ, timeoutMs = 500): ChangeCommand {
  return { kind: 'change', ...placeKey(key), change, strict: key.startsWith('s'), timeoutMs };
}
const appending = (text: string): Change => ({ kind: 'append', value: latin1Encode(text) });

class Desk {
  readonly port = new ManualPort('aaaaaaaa', 1);
  readonly desk = new ChangeDesk();
  /** `one: 3 bytes`, in the order that they were told. */
  readonly told: string[] = [];
  readonly results: ChangeResult[] = [];
  /** What the replica here holds of the strict key. */
  held: Uint8Array | undefined;

  constructor() {
    this.port.setBuckets({ prefix: 's', n: 1, level: 'strict' });
    this.desk.attach(coordinatorOn(this.port));
  }

  run(name: string, command: ChangeCommand): void {
    const tell = (what: string): unknown => this.told.push(`${name}: ${what}`);
    const token: ReplyToken<KvReply> = {
      reply: (reply) => {
        tell(describeReply(reply));
        if (reply.kind === 'changed') this.results.push(reply.result);
      },
      refuse: (why: Refusal) => tell(`refused ${why}`),
      fail: (why) => tell(`failed ${why}`),
    };
    this.desk.run(command, () => this.held, token);
  }

  /** What the one that is run asks for next. */
  answer(reply: KvReply): void {
    this.port.reply('a', reply);
    this.port.host.endTurn();
  }
}

function describeReply(reply: KvReply): string {
  if (reply.kind !== 'changed') return reply.kind;
  const { result } = reply;
  if (result.kind === 'failure')
    return `${result.failure.code}${result.failure.definite ? ', nothing done' : ''}`;
  const { value, length } = result.answer;
  return value === undefined ? `${length} bytes` : latin1Decode(value);
}

describe('changes of one key', () => {
  it('are run one after the other, in the order they came', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('one', changing('k'));
    on.run('two', changing('k'));
    on.run('three', changing('k'));
    expect(port.news()).toEqual(['get k from a']);
    on.answer(NOTHING);
    expect(told).toEqual(['one: 0 bytes']);
    expect(port.news()).toEqual(['get k from a']);
    on.answer(NOTHING);
    on.answer(NOTHING);
    expect(told).toEqual(['one: 0 bytes', 'two: 0 bytes', 'three: 0 bytes']);
  });

  it('the next begins when the one before has written, not only read', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('one', changing('k', appending('v')));
    on.run('two', changing('k'));
    on.answer(NOTHING);
    expect(port.news()).toEqual(['get k from a', expect.stringMatching(/^merge k .*:v at a$/)]);
    on.answer(MERGED);
    expect(told).toEqual(['one: 1 bytes']);
    expect(port.news()).toEqual(['get k from a']);
  });

  it('that fail let the next one go on', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('one', changing('k'));
    on.run('two', changing('k'));
    port.fail('a');
    port.host.endTurn();
    on.answer(NOTHING);
    expect(told).toEqual(['one: unreachable, nothing done', 'two: 0 bytes']);
  });

  it('of another key wait for none of them', () => {
    const on = new Desk();
    const { port } = on;
    on.run('one', changing('k'));
    on.run('two', changing('l'));
    expect(port.news()).toEqual(['get k from a', 'get l from a']);
  });

  it('begin anew once the line was empty', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('one', changing('k'));
    on.answer(NOTHING);
    on.run('two', changing('k'));
    on.answer(NOTHING);
    expect([told, port.news().length]).toEqual([['one: 0 bytes', 'two: 0 bytes'], 2]);
  });

  it('a full line of them that is answered at once is answered in order, on a stack that does not grow', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('0', changing('k'));
    for (let i = 1; i < LINE_MAX; i++) on.run(String(i), changing('k'));
    const before = stackDepth();
    let frames = 0;
    port.here = () => {
      frames = Math.max(frames, stackDepth() - before);
      return NOTHING;
    };
    on.answer(NOTHING);
    expect(told).toEqual(Array.from({ length: LINE_MAX }, (_, i) => `${i}: 0 bytes`));
    expect(frames).toBeLessThan(50);
  });
});

describe('a change whose outcome a replica holds for too low', () => {
  const LATE: KvReply = { ...MERGED, later: stampOf(5_000), tooLate: true };
  /** What the change wrote last, as a replica that took it answers a read. */
  const taken = ({ port }: Desk): KvReply => {
    const { command } = port.sent.findLast((sent) => sent.command.kind === 'merge') as Sent;
    return holding((command as MergeCommand).entry);
  };

  it('is not made twice where that outcome is found: it is written again, above', () => {
    const on = new Desk();
    on.run('one', changing('k', appending('v')));
    on.answer(NOTHING);
    on.answer(LATE);
    on.answer(taken(on));
    expect(on.port.news()).toEqual([
      'get k from a',
      'merge k 1000:v at a',
      'get k from a',
      'merge k 5000:v at a',
    ]);
    on.answer(LATE);
    on.answer(taken(on));
    on.answer(MERGED);
    expect(on.told).toEqual(['one: 1 bytes']);
  });

  it('says that it was made, though what it wanted absent is there by then: its own value', () => {
    const on = new Desk();
    const claim: Change = {
      kind: 'set',
      value: latin1Encode('v'),
      when: { kind: 'absent' },
      until: 0,
      returns: false,
    };
    on.run('one', changing('k', claim));
    on.answer(NOTHING);
    on.answer(LATE);
    on.answer(taken(on));
    on.answer(MERGED);
    expect(on.results.map((result) => result.kind === 'answer' && result.answer.applied)).toEqual([true]);
  });

  it('is written again where only what it replaced is found, which has expired by then', () => {
    const on = new Desk();
    const replacing: Change = {
      kind: 'set',
      value: latin1Encode('v'),
      when: { kind: 'present' },
      until: 0,
      returns: false,
    };
    on.run('one', changing('k', replacing));
    const replaced = holding(valueAt('k', 500, 'a', 1_200));
    on.answer(replaced);
    on.answer(LATE);
    on.port.host.wallOffset = 1_300;
    on.answer(replaced);
    expect(on.port.news().at(-1)).toBe('merge k 5000:v at a');
    on.answer(MERGED);
    expect(on.results.map((result) => result.kind === 'answer' && result.answer.applied)).toEqual([true]);
  });

  it('is not made where somebody else has deleted what it wanted there', () => {
    const on = new Desk();
    on.run('one', changing('k', { kind: 'delete', when: { kind: 'always' }, returns: false }));
    on.answer(holding(valueAt('k', 500, 'a')));
    on.answer(LATE);
    on.answer(holding(tombstoneAt('k', 6_000)));
    expect(on.results.map((result) => result.kind === 'answer' && result.answer.applied)).toEqual([false]);
  });

  it('is made anew to what somebody else wrote meanwhile', () => {
    const on = new Desk();
    on.run('one', changing('k', appending('v')));
    on.answer(NOTHING);
    on.answer(LATE);
    on.answer(holding(valueAt('k', 6_000, 'ab')));
    on.answer(MERGED);
    expect(on.told).toEqual(['one: 3 bytes']);
    expect(on.port.news().at(-1)).toMatch(/^merge k 6000:abv at a$/);
  });

  it('and then fails is in doubt', () => {
    const on = new Desk();
    on.run('one', changing('k', appending('v')));
    on.answer(NOTHING);
    on.answer(LATE);
    on.port.fail('a');
    on.port.host.endTurn();
    expect(on.told).toEqual(['one: unreachable']);
  });
});

describe('a line', () => {
  it('that is full takes no more, until one of it is done', () => {
    const on = new Desk();
    const { told } = on;
    for (let i = 0; i < LINE_MAX; i++) on.run(`${i}`, changing('k'));
    on.run('more', changing('k'));
    on.run('other', changing('l'));
    expect(told).toEqual(['more: refused overload']);
    on.port.reply(on.port.sent[0] as never, NOTHING);
    on.run('again', changing('k'));
    on.run('more', changing('k'));
    expect(told.slice(1)).toEqual(['0: 0 bytes', 'more: refused overload']);
  });

  it('in which one has waited too long: it is told that nothing was done, and the next goes on', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('one', changing('k', READ, 2_000));
    on.run('two', changing('k', appending('v'), 500));
    on.run('three', changing('k', READ, 2_000));
    port.host.advance(500);
    expect(told).toEqual([]);
    on.answer(NOTHING);
    expect(told).toEqual(['one: 0 bytes', 'two: timeout, nothing done']);
    expect(port.news()).toEqual(['get k from a', 'get k from a']);
    on.answer(NOTHING);
    expect(told[2]).toBe('three: 0 bytes');
  });

  it('in which one has waited a part of its time: it has the rest', () => {
    const on = new Desk();
    const { port, told } = on;
    on.run('one', changing('k', READ, 2_000));
    on.run('two', changing('k', READ, 500));
    port.host.advance(400);
    on.answer(NOTHING);
    port.host.advance(200);
    expect(told).toEqual(['one: 0 bytes', 'two: timeout, nothing done']);
  });
});

describe('a line that was left behind', () => {
  const moved = (on: Desk): void => {
    on.run('one', changing('k', appending('v')));
    on.run('two', changing('k', appending('w')));
    on.run('three', changing('k'));
    on.port.adopt('bbbbbbbb');
    on.port.fail(on.port.sent[0] as Sent);
    on.port.host.endTurn();
  };

  it('is run no more: others run what comes now, and of two at one time one would be lost', () => {
    const on = new Desk();
    moved(on);
    expect(on.told).toEqual([expect.stringMatching(/^one: /), 'two: refused moved']);
  });

  it('is run when it comes here all the same: who asks knows no better', () => {
    const on = new Desk();
    on.port.adopt('bbbbbbbb');
    on.run('one', changing('k', appending('v')));
    on.run('two', changing('k', appending('w')));
    on.port.fail(on.port.sent[0] as Sent);
    on.port.host.endTurn();
    expect(on.port.sent).toHaveLength(2);
  });
});

describe('a change is refused', () => {
  it('before the node is up', () => {
    const on = new Desk();
    const desk = new ChangeDesk();
    const told: string[] = [];
    const refuse = (why: Refusal): unknown => told.push(why);
    desk.run(changing('k'), () => undefined, { reply() {}, refuse, fail() {} });
    expect([told, desk.isStrict('s')]).toEqual([['no_service'], false]);
    expect(on.desk.isStrict('s')).toBe(true);
  });

  it.each(['k', 's'])(
    'when its sender has another ring, under which the key is not what it is here: %s',
    (key) => {
      const on = new Desk();
      const { port, told } = on;
      const command = changing(key);
      on.run('one', { ...command, strict: !command.strict });
      expect([told, port.news()]).toEqual([['one: refused moved'], []]);
    },
  );

  it('when this node takes no more requests', () => {
    const on = new Desk();
    const { port, told } = on;
    port.full = true;
    on.run('one', changing('k'));
    expect([told, port.news()]).toEqual([['one: refused overload'], []]);
  });
});

describe('changes of a strict key', () => {
  /** As an acceptor that refuses nothing. */
  const accepting =
    (on: Desk) =>
    (command: KvCommand): KvReply | undefined => {
      if (command.kind === 'prepare')
        return { kind: 'promised', granted: true, ballot: command.ballot, entry: on.held, whole: true };
      if (command.kind !== 'accept') return undefined;
      on.held = merge(command.key, on.held, command.entry);
      return { kind: 'accepted', accepted: true, ballot: command.entry.slice(8, 24) };
    };

  it('need promises once, and then none as long as nobody comes between', () => {
    const on = new Desk();
    on.port.here = accepting(on);
    on.run('one', changing('s', appending('v')));
    on.run('two', changing('s', appending('w')));
    on.port.host.endTurn();
    expect(on.port.news()).toEqual(['prepare from a', 'accept from a', 'accept from a']);
    expect(on.told).toEqual(['one: 1 bytes', 'two: 2 bytes']);
    on.held = undefined;
    on.run('three', changing('s', appending('x')));
    expect(on.port.news()).toEqual(['prepare from a', 'accept from a']);
  });

  it('need them again under another ring', () => {
    const on = new Desk();
    on.port.here = accepting(on);
    on.run('one', changing('s', appending('v')));
    on.port.adopt('aaaaaaaa');
    on.run('two', changing('s', appending('w')));
    expect(on.port.news()).toEqual(['prepare from a', 'accept from a', 'prepare from a', 'accept from a']);
  });
});

function stackDepth(): number {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Infinity;
  const lines = new Error('where').stack?.split('\n').length ?? 0;
  Error.stackTraceLimit = limit;
  return lines;
}

it('a change reads and writes at the levels that it came with', () => {
  const port = new ManualPort('aabcbcbc');
  const desk = new ChangeDesk();
  desk.attach(coordinatorOn(port));
  const told: string[] = [];
  const token: ReplyToken<KvReply> = {
    reply: (reply) => told.push(reply.kind),
    refuse: (why) => told.push(why),
    fail: (why) => told.push(why),
  };
  const { length } = port.sent;
  desk.run({ ...changing('k', appending('x')), levels: { r: 3, w: 3 } }, () => undefined, token);
  for (const sent of port.sent.slice(length)) port.reply(sent, NOTHING);
  const writes = port.sent.filter(({ command }) => command.kind === 'merge');
  expect(writes).toHaveLength(3);
  for (const sent of writes.slice(0, 2)) port.reply(sent, MERGED);
  expect(told).toEqual([]);
  port.reply(writes[2] as Sent, MERGED);
  expect(told).toEqual(['changed']);
});
