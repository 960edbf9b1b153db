/** Commands between two nodes, as `test/data-plane-stage.ts` plays them. */
import { describe, expect, it } from 'vitest';
import { MAILBOX, other, ring, SERVICE, Stage, type Frame } from '../../test/data-plane-stage.ts';
import { WireError, Writer } from '../base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import {
  FLAG_FALLBACK,
  MESSAGE,
  newHeader,
  REPLY_OK,
  REPLY_REFUSED,
  serviceNumber,
  writeHeader,
} from '../request/message.ts';

describe('a command to a vnode', () => {
  it.each([
    ['here', '0@a'],
    ['on another node', '4@b'],
  ])('%s is answered, refused or failed, each told by its place in the list', (_, replica) => {
    const stage = new Stage();
    const asker = stage.a.ask([replica, 'echo hello'], [replica, 'refuse overload'], [replica, 'fail']);
    stage.deliver();
    expect(asker.told).toEqual(['0: hello', '1 refused: overload', '2 failed']);
  });

  it('here needs no frame', () => {
    const stage = new Stage();
    expect(stage.a.ask(['0@a', 'echo hello']).told).toEqual(['0: hello']);
    expect(stage.frames).toEqual([]);
  });

  it('may be answered later, when the frame is long gone', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'later hello'], ['0@a', 'later hello']);
    stage.deliver();
    expect(asker.told).toEqual([]);
    for (const vnode of [stage.b.vnode(4), stage.a.vnode(0)]) vnode?.waiting.forEach((answer) => answer());
    stage.deliver();
    expect(asker.told).toEqual(['1: hello', '0: hello']);
  });

  it('here is answered once: a vnode that answers again reaches nobody else, and is told', () => {
    const stage = new Stage();
    expect(stage.a.ask(['0@a', 'twice one']).told).toEqual(['0: one']);
    const other = stage.a.ask(['0@a', 'later two']);
    expect(() => stage.a.vnode(0)?.waiting[0]?.()).toThrow('a vnode answers a command once');
    expect(other.told).toEqual([]);
    stage.a.vnode(0)?.waiting[1]?.();
    expect(other.told).toEqual(['0: two']);
  });

  it('that no connection takes was not sent', () => {
    const stage = new Stage();
    stage.cut = true;
    expect(stage.a.ask(['4@b', 'echo hello']).told).toEqual(['0 failed, not sent']);
  });

  it('whose answer finds no room is told so; it may have been acted on', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', `echo ${'x'.repeat(300)}`], ['4@b', 'echo hello'], ['4@b', 'fail']);
    stage.room = 256;
    stage.deliver();
    expect(asker.told).toEqual(['0 failed, crowded', '1: hello', '2 failed']);
  });

  it('is answered once, whatever comes later', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'later hello']);
    stage.deliver();
    const answer = stage.b.vnode(4)?.waiting[0];
    answer?.();
    expect(answer).toThrow('a vnode answers a command once');
    stage.frames.push({ ...(stage.frames[0] as Frame), bytes: (stage.frames[0] as Frame).bytes.slice() });
    stage.deliver();
    expect(asker.told).toEqual(['0: hello']);
  });

  it('its answer is taken from no other node', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'later hello']);
    stage.deliver();
    stage.b.vnode(4)?.waiting[0]?.();
    const [frame] = stage.frames.splice(0);
    stage.a.plane.onFrame('c' as NodeId, frame?.bytes as Uint8Array, 0, frame?.bytes.length ?? 0);
    expect(asker.told).toEqual([]);
  });

  it('a node that stops takes no more of them, but answers those it has', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'later hello']);
    stage.deliver();
    stage.b.plane.drain();
    const late = stage.a.ask(['4@b', 'echo hello']);
    stage.b.vnode(4)?.waiting[0]?.();
    stage.deliver();
    expect(asker.told).toEqual(['0: hello']);
    expect(late.told).toEqual(['0 refused: stopping']);
  });
});

describe('a mailbox', () => {
  it.each([
    ['here', '0@a', 'a', 0],
    ['on another node', '4@b', 'b', 4],
  ] as const)('%s that is full: the next are refused, until answers come', (_, replica, node, partition) => {
    const stage = new Stage();
    const fill = Array.from({ length: MAILBOX }, () => [replica, 'later hello'] as [string, string]);
    const first = stage.a.ask(...fill);
    const refused = stage.a.ask([replica, 'echo more']);
    stage.deliver();
    expect(refused.told).toEqual(['0 refused: overload']);
    expect(stage[node].vnode(partition)?.heard).not.toContain('echo more');
    stage[node].vnode(partition)?.waiting[1]?.();
    const taken = stage.a.ask([replica, 'echo more']);
    stage.deliver();
    expect(first.told).toEqual(['1: hello']);
    expect(taken.told).toEqual(['0: more']);
    expect(stage[node].vnodes.limits()).toContainEqual({
      limit: 'vnode_mailbox',
      used: MAILBOX - 1,
      max: MAILBOX,
      reached: 1,
    });
  });

  it('whose vnode never answers has room again once nobody waits any more', () => {
    const stage = new Stage();
    stage.a.ask(...Array.from({ length: MAILBOX }, () => ['0@a', 'later hello'] as [string, string]));
    stage.host.advance(900);
    expect(stage.a.ask(['0@a', 'echo more']).told).toEqual(['0 refused: overload']);
    stage.host.advance(2_000);
    expect(stage.a.ask(['0@a', 'echo more']).told).toEqual(['0: more']);
    // The late answer is nobody's, and frees no place a second time.
    for (const answer of stage.a.vnode(0)?.waiting ?? []) answer();
    stage.a.ask(...Array.from({ length: MAILBOX }, () => ['0@a', 'later hello'] as [string, string]));
    expect(stage.a.ask(['0@a', 'echo more']).told).toEqual(['0 refused: overload']);
  });
});

describe('an asker who would wait for ever', () => {
  it.each([
    ['here', '0@a'],
    ['on another node', '4@b'],
  ])('%s, finds his command given up after a minute', (_, replica) => {
    const stage = new Stage();
    stage.a.patienceMs = 0xffffffff;
    stage.a.ask(...Array.from({ length: MAILBOX }, () => [replica, 'later hello'] as [string, string]));
    stage.deliver();
    stage.host.advance(59_000);
    const refused = stage.a.ask([replica, 'echo more']);
    stage.deliver();
    expect(refused.told).toEqual(['0 refused: overload']);
    stage.host.advance(3_000);
    const taken = stage.a.ask([replica, 'echo more']);
    stage.deliver();
    expect(taken.told).toEqual(['0: more']);
  });
});

describe('a service that a node does not run', () => {
  it('is refused there at once', () => {
    const stage = new Stage();
    const asker = stage.a.askOf(other, ['4@b', 'echo hello'], ['0@a', 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['1: hello', '0 refused: no_service']);
  });
});

describe('who answers', () => {
  it.each([
    ['here', '4@a!'],
    ['elsewhere', '0@b!'],
  ])('a stand-in %s says that it is one', (_, replica) => {
    const stage = new Stage();
    const asker = stage.a.ask([replica, 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['0: hello, standing in']);
  });

  it.each([
    ['here', '0@a'],
    ['elsewhere', '4@b'],
  ])('and so does an owner %s that is partial', (_, replica) => {
    const stage = new Stage();
    for (const [node, partition] of [
      [stage.a, 0],
      [stage.b, 4],
    ] as const) {
      node.vnodes.find(SERVICE, partition as PartitionId)?.become('owner', 2 as Epoch, 'partial');
    }
    const asker = stage.a.ask([replica, 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['0: hello, standing in']);
  });

  it('whoever is asked to stand in for a partition that it owns answers as its owner', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b!', 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['0: hello']);
  });
});

describe('rings that differ', () => {
  it('a partition that was given away has moved', () => {
    const stage = new Stage();
    stage.b.adopt(ring(3, 'aaaaabbb'));
    const asker = stage.a.ask(['4@b', 'echo hello'], ['5@b', 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: moved', '1: hello']);
    expect(stage.b.vnode(4)?.heard).toEqual([]);
  });

  it('but what only merges is taken there as by a stand-in: who sent it may listen no more', () => {
    const stage = new Stage();
    stage.b.adopt(ring(3, 'aaaaabbb'));
    const asker = stage.a.ask(['4@b', 'merge kept']);
    stage.deliver();
    expect(asker.told).toEqual(['0 kept']);
    expect(stage.b.vnode(4)?.heard).toEqual(['merge kept']);
    expect(stage.b.vnodes.find(SERVICE, 4 as PartitionId)?.standing).toBe('hint');
  });

  it('likewise under a ring that has another size now', () => {
    const stage = new Stage();
    const owners = [...'aaaaaaaabbbbbbbb'] as NodeId[];
    stage.b.adopt({ ...ring(3, 'aaaaabbb'), ringSize: 16, owners });
    const asker = stage.a.ask(['5@b', 'merge kept'], ['6@b', 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['0 kept', '1 refused: moved']);
    const place = { ringBits: 3, partition: 5 as PartitionId };
    expect(stage.b.vnodes.findAt(SERVICE, place)?.standing).toBe('hint');
  });

  it('under the present ring whoever sends it to the wrong node is told', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['3@b', 'merge lost']);
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: moved']);
    expect(stage.b.vnode(3)).toBeUndefined();
  });

  // In these rings partition 3 is given away without a transfer, so that its new owner is partial.
  it('a frame of a later ring waits for it', () => {
    const stage = new Stage();
    stage.a.adopt(ring(3, 'aaabbbbb'));
    const asker = stage.a.ask(['3@b', 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual([]);
    stage.b.adopt(ring(3, 'aaabbbbb'));
    stage.deliver();
    expect(asker.told).toEqual(['0: hello, standing in']);
  });

  it('through rings in between', () => {
    const stage = new Stage();
    stage.a.adopt(ring(4, 'aaabbbbb'));
    const asker = stage.a.ask(['3@b', 'echo hello']);
    stage.deliver();
    stage.b.adopt(ring(3, 'aaaabbbb'));
    stage.deliver();
    expect(asker.told).toEqual([]);
    stage.b.adopt(ring(4, 'aaabbbbb'));
    stage.deliver();
    expect(asker.told).toEqual(['0: hello, standing in']);
  });

  it('but no longer than its asker: who was told that it timed out is not to be surprised', () => {
    const stage = new Stage();
    stage.a.adopt(ring(4, 'aaabbbbb'));
    stage.a.ask(['3@b', 'echo hello']);
    stage.deliver();
    stage.host.advance(600);
    stage.b.adopt(ring(3, 'aaaabbbb'));
    stage.host.advance(600);
    stage.b.adopt(ring(4, 'aaabbbbb'));
    expect(stage.b.vnode(3)?.heard).toEqual([]);
  });

  it('and only so many: more are refused, until those at the head have waited in vain', () => {
    const stage = new Stage();
    stage.a.adopt(ring(3, 'aaabbbbb'));
    for (let i = 0; i < 1_000; i++) stage.a.ask(['3@b', 'echo hello']);
    stage.deliver();
    const refused = stage.a.ask(['3@b', 'echo hello']);
    stage.deliver();
    expect(refused.told).toEqual(['0 refused: overload']);
    stage.host.advance(1_001);
    const taken = stage.a.ask(['3@b', 'echo hello']);
    stage.deliver();
    expect(taken.told).toEqual([]);
  });

  it('a ring of another size is another ring', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'echo hello']);
    const frame = stage.frames[0]?.bytes as Uint8Array;
    frame[3] = 4;
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: moved']);
  });
});

describe('bytes that make no sense', () => {
  it('in a command are refused', () => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'echo hello']);
    const frame = stage.frames[0];
    stage.frames[0] = { ...(frame as Frame), bytes: (frame as Frame).bytes.slice(0, -1) };
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: bad_request']);
  });

  it.each([
    ['without a status', []],
    ['refused without a reason', [REPLY_REFUSED]],
    ['whose reply is cut short', [REPLY_OK, 0, 0, 0, 9]],
    ['of a status that nobody knows', [77]],
  ])('in an answer, %s: no answer will come, and it may have been done', (_, body) => {
    const stage = new Stage();
    const asker = stage.a.ask(['4@b', 'later hello']);
    stage.deliver();
    stage.b.vnode(4)?.waiting[0]?.();
    const [answer] = stage.frames.splice(0);
    const bytes = Uint8Array.of(...(answer?.bytes.slice(0, 20) ?? []), ...body);
    stage.a.plane.onFrame('b' as NodeId, bytes, 0, bytes.length);
    expect(asker.told).toEqual(['0 failed']);
  });

  it.each([
    ['a message of another lane', { type: MESSAGE.handoffItems, service: serviceNumber(SERVICE) }],
    ['an answer of a service that nobody knows', { type: MESSAGE.reply, service: 1 }],
  ])('%s is the fault of the sender', (_, wrong) => {
    const stage = new Stage();
    const out = new Writer();
    writeHeader(out, { ...newHeader(), ...wrong });
    expect(() => stage.a.plane.onFrame('b' as NodeId, out.buffer, 0, out.length)).toThrow(WireError);
  });

  it('a partition beyond the ring has moved, whoever should stand in', () => {
    const stage = new Stage();
    const out = new Writer();
    const header = {
      ...newHeader(),
      type: MESSAGE.command,
      service: serviceNumber(SERVICE),
      ringBits: 3,
      flags: FLAG_FALLBACK,
    };
    writeHeader(out, { ...header, partition: 8 as PartitionId });
    stage.a.plane.onFrame('b' as NodeId, out.buffer, 0, out.length);
    const refusal = stage.frames[0]?.bytes.slice(20);
    expect(refusal).toEqual(Uint8Array.of(REPLY_REFUSED, 0));
    expect(stage.a.vnode(8)).toBeUndefined();
  });
});
