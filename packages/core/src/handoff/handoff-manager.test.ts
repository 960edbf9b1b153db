/**
 * Partition 0 of a ring of eight is the one that moves. Rings are drawn by owner, `aaaaaaaa`, and transfers `0 a b`.
 */
import { describe, expect, it } from 'vitest';
import { HandoffStage } from '../../test/handoff-stage.ts';
import { latin1Encode, Reader, WireError, Writer } from '../base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { MESSAGE, newHeader } from '../request/message.ts';
import { writeItems } from './handoff-wire.ts';

const AT_A = 'aaaaaaaa';
const AT_B = 'baaaaaaa';
const five = ['k1=v', 'k2=v', 'k3=v', 'k4=v', 'k5=v'];

/** a hands partition 0 to b. */
function moving(items = five) {
  const stage = new HandoffStage('ab');
  const [a, b] = [stage.node('a'), stage.node('b')];
  const [source, target] = [a.open(0, 'owner', items), b.open(0, 'receiving')];
  for (const node of [a, b]) {
    node.document = stage.ring(2, AT_A, '0 a b');
    node.manager.start();
  }
  return { stage, a, b, source, target };
}

/** a holds hints for b's partition 0. */
function hinting(items = five) {
  const stage = new HandoffStage('ab');
  const [a, b] = [stage.node('a'), stage.node('b')];
  const [source, target] = [a.open(0, 'hint', items), b.open(0, 'owner')];
  for (const node of [a, b]) {
    node.document = stage.ring(2, AT_B);
    node.manager.start();
  }
  return { stage, a, b, source, target };
}

describe('ownership', () => {
  it('everything arrives, the receiver is whole before it says so, and the claimant is told', () => {
    const { stage, a, source, target } = moving();
    expect(a.manager.active()).toMatchObject([{ kind: 'ownership', partition: 0, to: 'b', items: 0 }]);
    stage.deliver();
    expect(target).toMatchObject({ content: source.content, standing: 'receiving', whole: true });
    expect(a.reported).toEqual(['0 to b']);
    expect(a.waiting()).toEqual(['ownership 0 to b: all items are there; waiting for the ring to switch']);
  });

  it('it is not complete before the receiver has it on disk that it is whole', () => {
    const { stage, a, b } = moving();
    b.storing = [];
    stage.run(1_000);
    expect(a.reported).toEqual([]);
    for (const done of b.storing.splice(0)) done();
    stage.deliver();
    expect(a.reported).toEqual(['0 to b']);
  });

  it('nor before that is flushed, whatever an acknowledged write waits for', () => {
    const { stage, a, b } = moving();
    const flushed = (b.flushing = []) as ((ok: boolean) => void)[];
    stage.run(1_000);
    for (const done of flushed.splice(0)) done(true);
    stage.run(1_000);
    expect(a.reported).toEqual([]);
    for (const done of flushed.splice(0)) done(true);
    stage.deliver();
    expect(a.reported).toEqual(['0 to b']);
  });

  it('begins anew when the store of the receiver fails: what was found there may be lost', () => {
    const { stage, a, b } = moving();
    b.storing = [];
    stage.run(1_000);
    b.manager.receiver.onStoreFailure();
    b.storing = undefined;
    stage.deliver();
    expect(a.waiting()).toEqual(['ownership 0 to b: b has given it up, next try in 1 s']);
    stage.run(2_000);
    expect(a.reported).toEqual(['0 to b']);
    b.manager.receiver.onStoreFailure();
    stage.run(2_000);
    expect(a.reported, 'what is flushed stays so').toEqual(['0 to b']);
  });

  it('an offer that comes twice begins nothing anew', () => {
    const { stage, a, b, source, target } = moving();
    stage.deliver();
    stage.repeat(MESSAGE.handoffOffer);
    stage.deliver();
    expect(b.manager.inbound()).toEqual([]);
    source.write('k9=v');
    stage.deliver();
    expect(target.content).toBe(source.content);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('one that was given up unheard is found out, though nothing is passed on, and begins anew', () => {
    const { stage, a, b } = moving();
    stage.deliver();
    b.manager.onUpChanged('a' as NodeId, false);
    b.manager.onUpChanged('a' as NodeId, true);
    stage.run(8_000);
    expect(stage.wire.filter((line) => line.includes('Offer') || line.includes('offer'))).toHaveLength(2);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('what is written meanwhile is passed on, until the ring has switched', () => {
    const { stage, source, target } = moving();
    stage.host.advance(0);
    source.write('k1=w');
    stage.deliver();
    source.write('k9=v');
    stage.deliver();
    expect(target.content).toBe('k1=w k2=v k3=v k4=v k5=v k9=v');
  });

  it('a lane that is full for a while holds it up, and nothing begins anew', () => {
    const { stage, a, source, target } = moving();
    stage.full = MESSAGE.handoffItems;
    stage.deliver();
    source.write('k9=v');
    stage.run(5_000);
    expect(a.manager.active()).toHaveLength(1);
    expect(target.content).toBe('');
    stage.full = false;
    stage.run(100);
    expect(target.content).toBe('k1=v k2=v k3=v k4=v k5=v k9=v');
    expect(stage.wire.filter((line) => line.includes('offer'))).toHaveLength(1);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('acknowledgements wait for room too', () => {
    const { stage, a, target } = moving();
    stage.full = MESSAGE.handoffAck;
    stage.run(5_000);
    expect(target.content).toBe('k1=v k2=v k3=v k4=v k5=v');
    expect(a.manager.active()).toMatchObject([{ items: 0 }]);
    stage.full = false;
    stage.run(100);
    expect(stage.wire.filter((line) => line.includes('offer'))).toHaveLength(1);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('a lane that stays full is given up like a receiver that acknowledges nothing', () => {
    const { stage, a } = moving();
    stage.full = MESSAGE.handoffItems;
    stage.run(16_000);
    expect(a.waiting()).toEqual(['ownership 0 to b: no answer for 15 s, next try in 1 s']);
  });

  it('the source is cleared when the switch is agreed and every live member has seen it, in steps, and closed', () => {
    const { stage, a, b, source } = moving();
    stage.deliver();
    a.allHave = false;
    a.adopt(stage.ring(3, AT_B), { 0: 'hint' });
    b.adopt(stage.ring(3, AT_B), { 0: 'owner' });
    expect(source.standing).toBe('retired');
    stage.run(1_000);
    expect(source.items.size).toBe(5);
    a.allHave = true;
    stage.run(1_000);
    expect(source).toMatchObject({ content: '', clearings: 3 });
    expect(a.vnodes).toEqual([]);
    expect(b.vnode(0)?.content).toBe(five.join(' '));
  });

  it('what breaks before the switch is not complete any more, and begins anew', () => {
    const { stage, a, b, source } = moving();
    stage.deliver();
    b.manager.onUpChanged('a' as NodeId, false);
    a.manager.onUpChanged('b' as NodeId, false);
    expect(a.reported).toEqual([]);
    source.write('k9=v');
    stage.run(2_000);
    expect(a.reported).toEqual(['0 to b']);
    expect(b.vnode(0)?.content).toBe(source.content);
  });

  it('what was passed on and not acknowledged at the switch goes as hints', () => {
    const { stage, a, b, source, target } = moving();
    stage.deliver();
    source.write('k9=v');
    stage.lose();
    a.adopt(stage.ring(3, AT_B), { 0: 'hint' });
    b.adopt(stage.ring(3, AT_B), { 0: 'owner' });
    expect(source.standing).toBe('hint');
    stage.run(2_000);
    expect(target.content).toContain('k9=v');
    expect(a.vnodes).toEqual([]);
  });

  it('a retired vnode that is written to again is not cleared', () => {
    const { stage, a, b, source } = moving([...five, 'k6=v']);
    stage.deliver();
    a.adopt(stage.ring(3, AT_B), { 0: 'hint' });
    b.adopt(stage.ring(3, AT_B), { 0: 'owner' });
    stage.host.advance(1);
    expect(source.clearings).toBe(1);
    source.become('hint', a.document.epoch);
    source.write('k9=v');
    stage.run(2_000);
    expect(source.clearings).toBe(1);
    expect(b.vnode(0)?.content).toBe('k1=v k2=v k3=v k4=v k5=v k6=v k9=v');
  });

  it('a plan that was taken back ends the transfer, and nothing is lost', () => {
    const { stage, a, source } = moving();
    stage.host.advance(0);
    a.adopt(stage.ring(3, AT_A));
    stage.deliver();
    expect(a.manager.active()).toEqual([]);
    expect(source.items.size).toBe(5);
  });

  it('a source that is partial does not make its receiver whole', () => {
    const { stage, source, target } = moving();
    source.whole = false;
    stage.deliver();
    expect(target).toMatchObject({ content: source.content, whole: false });
  });

  it('a partition has arrived when the items of every service have', () => {
    const stage = new HandoffStage('ab', ['kv', 'locks']);
    const [a, b] = [stage.node('a'), stage.node('b')];
    a.open(0, 'owner', five);
    a.open(0, 'owner', five, 'locks');
    b.open(0, 'receiving');
    const locks = b.open(0, 'receiving', [], 'locks');
    locks.storing = 'never';
    const settled = (): void => {
      locks.storing = 'well';
      stage.run(20_000);
    };
    for (const node of [a, b]) {
      node.document = stage.ring(2, AT_A, '0 a b');
      node.manager.start();
    }
    stage.run(1_000);
    expect(b.vnode(0)?.whole).toBe(true);
    expect(a.reported).toEqual([]);
    settled();
    expect(a.reported).toEqual(['0 to b']);
  });
});

describe('hints', () => {
  it('go to the owner, are forgotten one by one, and the stand-in is closed', () => {
    const { stage, a, target } = hinting();
    stage.run(500);
    expect(target.content).toBe(five.join(' '));
    expect(a.vnodes).toEqual([]);
    expect(a.waiting()).toEqual([]);
  });

  it('nothing is forgotten that the owner has not acknowledged', () => {
    const { stage, source, target } = hinting();
    target.storing = 'never';
    stage.run(10_000);
    expect(source.content).toBe(five.join(' '));
  });

  it('nor what it has not flushed, or cannot: it was perhaps flushed where it lies', () => {
    const { stage, a, b, source } = hinting();
    const flushed = (b.flushing = []) as ((ok: boolean) => void)[];
    stage.run(1_000);
    expect([source.content, flushed.length > 0]).toEqual([five.join(' '), true]);
    for (const done of flushed.splice(0)) done(false);
    stage.deliver();
    expect(source.content).toBe(five.join(' '));
    expect(a.waiting()).toEqual(['hinted 0 to b: the receiver could not store an item, next try in 1 s']);
    b.flushing = undefined;
    stage.run(2_000);
    expect(a.vnodes).toEqual([]);
  });

  it('nor what it could not store', () => {
    const { stage, a, source, target } = hinting();
    target.storing = 'badly';
    stage.deliver();
    expect(source.content).toBe(five.join(' '));
    expect(a.waiting()).toEqual(['hinted 0 to b: the receiver could not store an item, next try in 1 s']);
    target.storing = 'well';
    stage.run(2_000);
    expect(target.content).toBe(five.join(' '));
  });

  it('what cannot be forgotten is not handed over again and again without a pause', () => {
    const { stage, source } = hinting();
    source.keepsAll = true;
    stage.run(1_000);
    const offers = stage.wire.filter((frame) => frame.includes('offer')).length;
    expect(offers).toBeLessThan(8);
  });

  it('a vnode that is about to own the partition forgets nothing: what it held before it joined stays', () => {
    const { stage, a, b, source, target } = hinting();
    stage.host.advance(0);
    a.adopt(stage.ring(3, AT_B, '0 b a'), { 0: 'receiving' });
    b.adopt(stage.ring(3, AT_B, '0 b a'));
    stage.run(5_000);
    expect(source.content).toBe(five.join(' '));
    expect(target.standing).toBe('owner');
  });
});

describe('why a transfer waits', () => {
  it('its receiver does not run the service, and it goes on when it does', () => {
    const { stage, a, source, target } = moving();
    a.lacking.add('b kv');
    a.manager.onUpChanged('b' as NodeId, true);
    a.manager.adopt();
    const second = a.open(1, 'owner', five);
    a.document = stage.ring(3, AT_A, '0 a b', '1 a b');
    a.manager.adopt();
    expect(a.waiting()).toContain('ownership 1 to b: b does not run the service kv');
    expect(second.items.size).toBe(5);
    a.lacking.clear();
    a.manager.onUpChanged('b' as NodeId, true);
    expect(a.waiting().join()).not.toContain('does not run');
    expect(source.standing + target.standing).toBe('ownerreceiving');
  });

  it('its receiver is down, and it goes on when it is back', () => {
    const { stage, a } = moving();
    stage.lose();
    a.down.add('b' as NodeId);
    a.manager.onUpChanged('b' as NodeId, false);
    expect(a.waiting()).toEqual(['ownership 0 to b: b is down']);
    a.down.clear();
    a.manager.onUpChanged('b' as NodeId, true);
    stage.run(2_000);
    expect(a.reported.length).toBeGreaterThan(0);
  });

  it('four are under way already', () => {
    const stage = new HandoffStage('ab');
    const a = stage.node('a');
    const moves = [0, 1, 2, 3, 4, 5].map((partition) => `${partition} a b`);
    for (let p = 0; p < 6; p++) a.open(p, 'owner', five);
    a.document = stage.ring(2, AT_A, ...moves);
    a.manager.start();
    expect(a.manager.active()).toHaveLength(4);
    expect(a.waiting()).toEqual(
      [4, 5].map((p) => `ownership ${p} to b: waits for a place: 4 transfers at a time`),
    );
  });

  it('the receiver does not know of it: the offer waits a second for the ring, then it is refused', () => {
    const { stage, a, b } = moving();
    b.document = stage.document;
    stage.deliver();
    expect(a.manager.active()).toMatchObject([{ note: 'waits for the answer of b' }]);
    stage.run(1_250);
    expect(a.waiting()).toEqual(['ownership 0 to b: b does not expect it under epoch 1, next try in 1 s']);
    b.document = a.document;
    stage.run(2_000);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('the receiver has the ring a moment later than the sender: nothing is refused and nothing is late', () => {
    const { stage, a, b } = moving();
    b.document = stage.document;
    stage.deliver();
    b.adopt(a.document);
    stage.deliver();
    expect(a.reported).toEqual(['0 to b']);
    expect(stage.host.monotonic()).toBe(0);
  });

  it('the receiver is busy with eight others', () => {
    const stage = new HandoffStage('abcd');
    const names = ['a', 'b', 'c'];
    for (const name of names) {
      const node = stage.node(name);
      node.document = stage.ring(2, 'dddddddd');
      for (let p = 0; p < 4; p++) node.open(p, 'hint', five);
    }
    const d = stage.node('d');
    d.document = stage.ring(2, 'dddddddd');
    for (let p = 0; p < 4; p++) d.open(p, 'owner').storing = 'never';
    for (const name of ['d', ...names]) stage.node(name).manager.start();
    stage.deliver();
    const held = names.flatMap((name) => stage.node(name).waiting());
    expect(held).toHaveLength(4);
    for (const line of held) expect(line).toContain('receiver d full (8 at a time), next try in 1 s');
    expect(d.manager.limits()).toContainEqual({ limit: 'handoff_in', used: 8, max: 8, reached: 4 });
    expect(stage.node('a').manager.limits()[0]).toMatchObject({ limit: 'handoff_out', max: 4 });
  });

  it('its places are free again when the ring has the senders no more', () => {
    const stage = new HandoffStage('abcd');
    const ring = stage.ring(2, 'dddddddd');
    const [a, d] = [stage.node('a'), stage.node('d')];
    for (const node of [a, d]) node.document = ring;
    for (let p = 0; p < 4; p++) {
      a.open(p, 'hint', five);
      d.open(p, 'owner').storing = 'never';
    }
    for (const node of [a, d]) node.manager.start();
    stage.deliver();
    const inUse = (): number | undefined =>
      d.manager.limits().find(({ limit }) => limit === 'handoff_in')?.used;
    expect(inUse()).toBe(4);
    d.document = { ...ring, epoch: (2 ** 24) as Epoch, members: ring.members.filter(({ id }) => id !== 'a') };
    d.manager.adopt();
    expect(inUse()).toBe(0);
  });

  it('the lane to it takes nothing', () => {
    const { stage, a } = moving();
    stage.lose();
    stage.full = true;
    a.manager.onUpChanged('b' as NodeId, false);
    a.manager.adopt();
    expect(a.waiting()).toEqual(['ownership 0 to b: the lane to b is closed or full, next try in 1 s']);
  });

  it('it has a ring of another size', () => {
    const { stage, a, b } = moving();
    b.document = { ...b.document, ringSize: 16 };
    stage.deliver();
    expect(a.waiting()).toEqual(['ownership 0 to b: b has a ring of another size, next try in 1 s']);
  });
});

describe('lives and connections', () => {
  it('an acknowledgement meant for a former life of the sender is not taken for one of this life', () => {
    const [first, second] = [1, 2].map((seed) => new HandoffStage('ab', ['kv'], seed)) as [
      HandoffStage,
      HandoffStage,
    ];
    const idsOf = (stage: HandoffStage): unknown => {
      const sent: Uint8Array[] = [];
      stage.carry = ({ body }) => sent.push(body) > 0;
      const a = stage.node('a');
      a.open(0, 'hint', five);
      a.document = stage.ring(2, AT_B);
      a.manager.start();
      return new Reader(sent[0]).u32();
    };
    // Two stages stand for two lives: each throws its own dice.
    expect(idsOf(first)).not.toBe(idsOf(second));
  });

  it('items for a vnode that was closed meanwhile go nowhere', () => {
    const { stage, b, target } = moving();
    stage.deliver();
    target.items.clear();
    b.adopt(stage.ring(3, AT_A), { 0: 'hint' });
    expect(b.vnodes).toEqual([]);
    const late = new Writer();
    writeItems(late, {
      id: stage.ids.at(-1) ?? 0,
      seq: 9,
      last: false,
      partial: false,
      items: [latin1Encode('k9=v')],
    });
    const header = { ...newHeader(), type: MESSAGE.handoffItems, partition: 0 as PartitionId };
    b.manager.onFrame('a' as NodeId, header, 'kv', new Reader(late.copy()));
    expect(target.content).toBe('');
  });

  it('whoever goes away leaves no inbound transfer behind', () => {
    const { stage, b, source } = moving();
    stage.host.advance(0);
    b.manager.onUpChanged('a' as NodeId, false);
    stage.run(1_000);
    expect(source.content).toBe(five.join(' '));
    stage.run(20_000);
    expect(b.vnode(0)?.content).toBe(five.join(' '));
  });

  it('a manager that has stopped sends no more', () => {
    const { stage, a, source } = moving();
    stage.deliver();
    a.manager.stop();
    stage.wire.length = 0;
    source.write('k9=v');
    stage.run(5_000);
    expect(stage.wire.filter((frame) => frame.startsWith('a>'))).toEqual([]);
  });
});

describe('a node is drained', () => {
  it('when what it stood in for has been handed over', () => {
    const { stage, a } = hinting();
    expect(a.manager.drained).toBe(false);
    stage.run(1_000);
    expect(a.manager.drained).toBe(true);
  });

  it('and not while it holds what a service left behind that it does not run', () => {
    const { stage, a } = hinting();
    a.unserved = 'locks';
    stage.run(1_000);
    expect(a.manager.drained).toBe(false);
    a.unserved = undefined;
    expect(a.manager.drained).toBe(true);
  });
});

describe('what makes no sense', () => {
  it('an item is not stored, and takes nobody down', () => {
    const { stage, a, b, target } = moving();
    const take = target.vnode.handleHandoffItem;
    target.vnode.handleHandoffItem = () => {
      throw new WireError('not an item');
    };
    stage.run(500);
    expect(a.waiting()).toEqual(['ownership 0 to b: the receiver could not store an item, next try in 1 s']);
    expect(b.manager.inbound()).toEqual([]);
    target.vnode.handleHandoffItem = take;
    stage.run(2_000);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('a stretch to compare is refused, and takes nobody down', () => {
    const { stage, a, target } = moving();
    target.items.set('k1', 'v');
    const walkItems = target.vnode.walkItems;
    target.vnode.walkItems = () => {
      throw new WireError('not a cursor');
    };
    stage.run(500);
    expect(a.waiting()[0]).toMatch(/^ownership 0 to b: b has given it up/);
    target.vnode.walkItems = walkItems;
    stage.run(2_000);
    expect(a.reported).toEqual(['0 to b']);
  });
});

describe('a limit of bandwidth', () => {
  it('that is lifted holds up nothing any more', () => {
    const { stage, a } = moving([...five, `k6=${'v'.repeat(1_000)}`, 'k7=v', 'k8=v']);
    a.manager.limitTo({ bytesPerSecond: 1 });
    stage.run(60_000);
    expect(a.reported).toEqual([]);
    a.manager.limitTo({ bytesPerSecond: undefined });
    stage.run(1_000);
    expect(a.reported).toEqual(['0 to b']);
  });
});
