/** What may be done by whole owners only, between two nodes (`test/data-plane-stage.ts`): `echo fenced` is. */
import { describe, expect, it } from 'vitest';
import { ring, SERVICE, Stage, type Frame } from '../../test/data-plane-stage.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';

describe('a fenced command', () => {
  const FENCED = 'echo fenced';
  const ask = (stage: Stage, ...replicas: string[]): string[] => {
    const asker = stage.a.ask(...replicas.map((replica): [string, string] => [replica, FENCED]));
    stage.deliver();
    return asker.told;
  };
  /** Partition 0 on node a and partition 4 on node b. */
  const both = (stage: Stage) => [
    stage.a.vnodes.find(SERVICE, 0 as PartitionId),
    stage.b.vnodes.find(SERVICE, 4 as PartitionId),
  ];
  const EPOCH = 2 as Epoch;

  it('is done by a whole owner, here and elsewhere', () => {
    expect(ask(new Stage(), '0@a', '4@b')).toEqual(['0: fenced', '1: fenced']);
  });

  it.each<[string, (host: VnodeHost | undefined) => void]>([
    ['sealed', (host) => host?.seal(EPOCH)],
    ['partial', (host) => host?.become('owner', EPOCH, 'partial')],
  ])('finds an owner that is %s busy, here and elsewhere, and is not done', (_, make) => {
    const stage = new Stage();
    both(stage).forEach(make);
    expect(ask(stage, '0@a', '4@b')).toEqual(['0 refused: busy', '1 refused: busy']);
    expect([stage.a.vnode(0)?.heard, stage.b.vnode(4)?.heard]).toEqual([[], []]);
  });

  it('and is done again once the seal is off', () => {
    const stage = new Stage();
    for (const host of both(stage)) {
      host?.seal(EPOCH);
      host?.unseal('whole');
    }
    expect(ask(stage, '0@a', '4@b')).toEqual(['0: fenced', '1: fenced']);
  });

  it('a sealed owner does everything else', () => {
    const stage = new Stage();
    for (const host of both(stage)) host?.seal(EPOCH);
    const asker = stage.a.ask(['0@a', 'echo hello'], ['4@b', 'echo hello'], ['4@b', 'merge me']);
    stage.deliver();
    expect(asker.told).toEqual(['0: hello', '1: hello', '2: me']);
  });

  it('is not done by a stand-in, here or elsewhere', () => {
    expect(ask(new Stage(), '4@a!', '0@b!')).toEqual(['0 refused: busy', '1 refused: busy']);
  });

  it('has moved where its partition is not owned, here and elsewhere', () => {
    expect(ask(new Stage(), '4@a', '3@b')).toEqual(['0 refused: moved', '1 refused: moved']);
  });

  it('is not done by a receiver, though that has all', () => {
    const stage = new Stage();
    const pending = [{ partition: 4 as PartitionId, from: 'b' as NodeId, to: 'a' as NodeId }];
    stage.a.adopt({ ...ring(3, 'aaaabbbb'), pending });
    stage.a.vnodes.find(SERVICE, 4 as PartitionId)?.become('receiving', 3 as Epoch, 'whole');
    expect(ask(stage, '4@a')).toEqual(['0 refused: busy']);
    expect(stage.a.vnode(4)?.heard).toEqual([]);
  });

  it('of an earlier ring has moved, though the partition has not', () => {
    const stage = new Stage();
    stage.b.adopt(ring(3, 'aaaabbbb'));
    const asker = stage.a.ask(['4@b', FENCED], ['4@b', 'echo hello']);
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: moved', '1: hello']);
    expect(stage.b.vnode(4)?.heard).toEqual(['echo hello']);
    stage.a.adopt(ring(3, 'aaaabbbb'));
    expect(ask(stage, '4@b')).toEqual(['0: fenced']);
  });

  it('of an earlier ring is not kept by a stand-in either, even if it only merges', () => {
    const stage = new Stage();
    stage.b.adopt(ring(3, 'aaaaabbb'));
    const asker = stage.a.ask(['4@b', 'merge fenced'], ['4@b', 'merge kept']);
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: moved', '1 kept']);
    expect(stage.b.vnode(4)?.heard).toEqual(['merge kept']);
  });

  it('of a later ring waits for that one, and is done under it; if yet another came, it has moved', () => {
    const [waits, late] = [new Stage(), new Stage()];
    for (const stage of [waits, late]) stage.a.adopt(ring(3, 'aaaabbbb'));
    const askers = [waits, late].map((stage) => stage.a.ask(['4@b', FENCED]));
    for (const stage of [waits, late]) stage.deliver();
    expect(askers.map(({ told }) => told)).toEqual([[], []]);
    waits.b.adopt(ring(3, 'aaaabbbb'));
    late.b.adopt(ring(4, 'aaaabbbb'));
    for (const stage of [waits, late]) stage.deliver();
    expect(askers.map(({ told }) => told)).toEqual([['0: fenced'], ['0 refused: moved']]);
  });

  it('that makes no sense is refused as any other', () => {
    const stage = new Stage();
    both(stage)[1]?.seal(EPOCH);
    const asker = stage.a.ask(['4@b', FENCED]);
    const [frame] = stage.frames as [Frame];
    stage.frames[0] = { ...frame, bytes: frame.bytes.slice(0, -1) };
    stage.deliver();
    expect(asker.told).toEqual(['0 refused: bad_request']);
  });
});
