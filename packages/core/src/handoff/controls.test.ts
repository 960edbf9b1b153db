/** Transfers while an operator turns the knobs: limits, pauses, cancels, bandwidth; and peers of another version. */
import { describe, expect, it } from 'vitest';
import { HandoffStage } from '../../test/handoff-stage.ts';
import { latin1Encode, Reader, Writer } from '../base/bytes.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { MESSAGE, newHeader } from '../request/message.ts';
import { readAnswer, readHeld, writeCompare, writeOffer } from './handoff-wire.ts';

const items = ['k1=v', 'k2=v', 'k3=v', 'k4=v', 'k5=v'];
const p = (partition: number): PartitionId => partition as PartitionId;

/** a hands partitions 0 .. count-1 to b, which acknowledges nothing until told. */
function moving(count: number) {
  const stage = new HandoffStage('ab');
  const [a, b] = [stage.node('a'), stage.node('b')];
  const moves = Array.from({ length: count }, (_, partition) => `${partition} a b`);
  for (let partition = 0; partition < count; partition++) {
    a.open(partition, 'owner', [...items]);
    b.open(partition, 'receiving').storing = 'never';
  }
  for (const node of [a, b]) {
    node.document = stage.ring(2, 'aaaaaaaa', ...moves);
    node.manager.start();
  }
  stage.deliver();
  const partitions = (): number[] => a.manager.active().map(({ partition }) => partition);
  const storeWell = (): void => {
    for (const vnode of b.vnodes) vnode.storing = 'well';
  };
  return { stage, a, b, partitions, storeWell };
}

describe('the number of transfers', () => {
  it('out of a node, lowered: the latest stop at once and wait; raised: they go on', () => {
    const { stage, a, b, partitions, storeWell } = moving(4);
    a.manager.limitTo({ out: 1 });
    stage.deliver();
    expect(partitions()).toEqual([0]);
    expect(b.manager.inbound().map(({ partition }) => partition)).toEqual([0]);
    expect(a.waiting()).toContain('ownership 3 to b: waits for a place: 1 transfers at a time');
    a.manager.limitTo({ out: 4 });
    expect(partitions()).toEqual([0, 1, 2, 3]);
    a.manager.limitTo({ out: 0 });
    expect(partitions()).toEqual([]);
    storeWell();
    stage.run(5_000);
    expect(a.reported).toEqual([]);
    a.manager.limitTo({ out: 2 });
    stage.run(5_000);
    expect(a.reported).toHaveLength(4);
  });

  it('into a node, lowered: the senders hear that it is full, and come again', () => {
    const { stage, a, b, partitions, storeWell } = moving(4);
    b.manager.limitTo({ in: 2 });
    stage.deliver();
    expect(partitions()).toEqual([0, 1]);
    expect(a.waiting()).toContain('ownership 3 to b: receiver b full (2 at a time), next try in 1 s');
    storeWell();
    stage.lose();
    stage.run(30_000);
    expect(a.reported).toHaveLength(4);
  });

  it('a node that stays full is asked ever more rarely, and how long it has been so is known', () => {
    const { stage, a, b } = moving(2);
    b.manager.limitTo({ in: 1 });
    stage.deliver();
    stage.wire.length = 0;
    stage.run(14_000);
    const offers = stage.wire.filter((line) => line === 'a>b offer 1').length;
    expect(offers).toBeGreaterThanOrEqual(3);
    expect(offers).toBeLessThanOrEqual(4);
    const [waiting] = a.manager.waiting();
    expect(waiting?.sinceMs).toBeGreaterThan(13_000);
    expect(waiting?.reason).toMatch(/^receiver b full \(1 at a time\), next try in \d+ s$/);
  });
});

describe('pauses', () => {
  it('one partition: its transfer stops, the others go on, and resumed it sends what is missing', () => {
    const { stage, a, b, partitions, storeWell } = moving(2);
    a.manager.pause(p(1));
    expect(partitions()).toEqual([0]);
    expect(a.waiting()).toEqual(['ownership 1 to b: paused']);
    storeWell();
    stage.lose();
    a.manager.onUpChanged('b' as NodeId, false);
    a.manager.onUpChanged('b' as NodeId, true);
    stage.run(5_000);
    expect(a.reported).toEqual(['0 to b']);
    a.vnode(1)?.write('k9=v');
    a.manager.resume(p(1));
    stage.run(1_000);
    expect(a.reported).toEqual(['0 to b', '1 to b']);
    expect(b.vnode(1)?.content).toBe(a.vnode(1)?.content);
  });

  it('everything: nothing begins either', () => {
    const { stage, a, partitions } = moving(2);
    a.manager.pause();
    a.manager.adopt();
    stage.run(5_000);
    expect(partitions()).toEqual([]);
    expect(a.waiting()[0]).toBe('ownership 0 to b: all transfers of this node are paused');
    expect(a.manager.paused).toEqual({ all: true, partitions: [] });
    a.manager.resume();
    expect(partitions()).toEqual([0, 1]);
  });

  it('what is complete and waits for the switch goes on passing on', () => {
    const { stage, a, b, storeWell } = moving(1);
    storeWell();
    stage.run(20_000);
    expect(a.reported).toEqual(['0 to b']);
    a.manager.pause();
    a.vnode(0)?.write('k9=v');
    stage.deliver();
    expect(a.reported).toEqual(['0 to b']);
    expect(b.vnode(0)?.content).toContain('k9=v');
  });
});

describe('a transfer that is cancelled', () => {
  it('begins anew after a minute', () => {
    const { stage, a, storeWell } = moving(1);
    expect(a.manager.cancel(p(0))).toBe(1);
    storeWell();
    stage.run(59_000);
    expect(a.waiting()).toEqual(['ownership 0 to b: cancelled by an operator, next try in 1 s']);
    stage.run(2_000);
    expect(a.reported).toEqual(['0 to b']);
  });

  it('or when it is resumed', () => {
    const { stage, a, storeWell } = moving(1);
    a.manager.cancel(p(0));
    storeWell();
    a.manager.resume();
    stage.run(1_000);
    expect(a.reported).toEqual(['0 to b']);
    expect(a.manager.cancel(p(0))).toBe(0);
  });
});

describe('bandwidth', () => {
  it('so many bytes a second and no more; and it is said', () => {
    const stage = new HandoffStage('ab');
    const [a, b] = [stage.node('a'), stage.node('b')];
    const many = Array.from({ length: 200 }, (_, i) => `k${String(i).padStart(3, '0')}=${'v'.repeat(95)}`);
    a.open(0, 'owner', many);
    b.open(0, 'receiving');
    a.manager.limitTo({ bytesPerSecond: 1_000 });
    for (const node of [a, b]) {
      node.document = stage.ring(2, 'aaaaaaaa', '0 a b');
      node.manager.start();
    }
    stage.run(10_000);
    const [status] = a.manager.active();
    expect(status?.bytes).toBeGreaterThan(9_000);
    expect(status?.bytes).toBeLessThan(10_500);
    expect(status?.note).toBe('bandwidth limit 1 kB/s reached');
    expect(status?.bytesPerSecond).toBeGreaterThan(900);
    expect(status?.bytesPerSecond).toBeLessThan(1_100);
    expect(status).toMatchObject({ total: 200, walked: status?.items });
    expect(status?.etaMs).toBeGreaterThan(8_000);
    expect(status?.etaMs).toBeLessThan(13_000);
    a.manager.limitTo({ bytesPerSecond: undefined });
    stage.run(1_500);
    expect(a.reported).toEqual(['0 to b']);
  });
});

describe('a peer of another version', () => {
  it.each([
    ['another version', [2, 0], 'b speaks version 1 of handoff, not 2'],
    ['an unknown kind', [1, 77], 'b knows no transfer of kind 77; it speaks version 1 of handoff'],
  ])('%s is answered with what is spoken here', (_, bytes, refusal) => {
    const stage = new HandoffStage('ab');
    const answers: string[] = [];
    stage.onDelivery = ({ header, body }) => {
      if (header.type === MESSAGE.handoffAnswer)
        answers.push(readAnswer(new Reader(body)).refusal ?? 'taken');
    };
    const out = new Writer();
    out.u32(7);
    for (const byte of bytes) out.u8(byte);
    const header = { ...newHeader(), type: MESSAGE.handoffOffer, ringBits: 3 };
    stage.node('b').manager.onFrame('a' as NodeId, header, 'kv', new Reader(out.copy()));
    stage.deliver();
    expect(answers).toEqual([refusal]);
  });
});

describe('a peer that asks for more than anybody needs', () => {
  const offer = (id: number, source: number): Reader => {
    const out = new Writer();
    writeOffer(out, { id, kind: 'hinted', source: { ringBits: 3, partition: p(source) } });
    return new Reader(out.copy());
  };
  const header = { ...newHeader(), type: MESSAGE.handoffOffer, ringBits: 3 };

  it('has as many offers remembered as a node can owe another', () => {
    const stage = new HandoffStage('ab');
    const answered: number[] = [];
    stage.onDelivery = ({ body }) => answered.push(readAnswer(new Reader(body)).id);
    const b = stage.node('b').manager;
    const say = (id: number, source: number): boolean => {
      b.onFrame('a' as NodeId, header, 'kv', offer(id, source));
      stage.deliver();
      return answered.pop() === id;
    };
    expect([say(0, 0), say(0, 0)]).toEqual([true, false]);
    for (let source = 1; source <= 16_384; source++) say(source, source);
    expect(say(0, 0)).toBe(true);
    expect(say(16_384, 16_384)).toBe(false);
  });

  it('is not told item by item what a stretch without end holds', () => {
    const stage = new HandoffStage('ab');
    const b = stage.node('b');
    b.document = stage.ring(2, 'bbbbbbbb');
    const vnode = b.open(0, 'owner', ['k=v']);
    b.manager.onFrame('a' as NodeId, header, 'kv', offer(7, 0));
    let pages = 0;
    vnode.vnode.walkItems = () => {
      const items = Array.from({ length: 1_000 }, (_, i) => latin1Encode(`${pages} ${i}`));
      return { items, next: ++pages < 1_000 ? latin1Encode(`${pages}`) : undefined };
    };
    const held: Uint32Array[] = [];
    stage.onDelivery = ({ header: { type }, body }) => {
      if (type === MESSAGE.handoffHeld) held.push(readHeld(new Reader(body)).digests);
    };
    const out = new Writer();
    const sum = { count: 0xffffffff, hi: 0, lo: 0 };
    const within = { start: 0, end: 2 ** 32 };
    writeCompare(out, { id: 7, seq: 1, stretch: { within, after: undefined, upTo: undefined, sum } });
    const compare = { ...header, type: MESSAGE.handoffCompare };
    b.manager.onFrame('a' as NodeId, compare, 'kv', new Reader(out.copy()));
    stage.run(5_000);
    expect(held.map(({ length }) => length)).toEqual([0]);
    expect(pages).toBe(66);
  });
});
