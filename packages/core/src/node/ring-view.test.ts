import { describe, expect, it } from 'vitest';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import { birthDocument } from '../ring/document.ts';
import { RingView } from './ring-view.ts';

const self = 'a' as NodeId;
const birth = birthDocument({
  clusterId: 'c',
  ringSize: 8,
  self: { id: self, name: 'a', address: 'a:1', location: '' },
  n: 3,
  level: 'eventual',
});
const document = { ...birth, owners: [...'abcaabca'] as NodeId[] };

function stage() {
  const down = new Set<string>();
  const view = new RingView(self, document, (node) => !down.has(node));
  const draw = (first: number, n = 3): string => {
    const { replicas, owners, local } = view.list(first as PartitionId, n);
    const drawn = replicas.map(
      ({ partition, node, role }) => `${partition}@${node}${role === 'primary' ? '' : '!'}`,
    );
    return `${drawn.join(' ')}; owners ${owners}, local ${local}`;
  };
  return { view, down, draw };
}

describe('the ring as requests see it', () => {
  it('lists the replicas of now, with what counting needs', () => {
    const { draw } = stage();
    expect(draw(0)).toBe('0@a 1@b 2@c; owners 3, local 0');
    expect(draw(2)).toBe('2@c 3@a 4@a; owners 2, local 1');
    expect(draw(1, 2)).toBe('1@b 2@c; owners 2, local -1');
    expect(draw(6, 5)).toBe('6@c 7@a 0@a 1@b 2@c; owners 3, local 1');
  });

  it('counts owners whether they are up or not', () => {
    const { down, draw } = stage();
    down.add('b');
    expect(draw(0)).toBe('0@a 2@c 1@a!; owners 3, local 0');
  });

  it('lists for each service those that run it, made once like all others', () => {
    const lacking = new Set(['b locks']);
    const runs = (node: string, service: string): boolean => !lacking.has(`${node} ${service}`);
    const view = new RingView(self, document, () => true, runs);
    const [locks, kv] = [view.listOf('locks'), view.listOf('kv')];
    const draw = (list: typeof kv): string =>
      list(0 as PartitionId, 3)
        .replicas.map(({ partition, node }) => `${partition}@${node}`)
        .join(' ');
    expect(draw(kv)).toBe('0@a 1@b 2@c');
    expect(draw(locks)).toBe('0@a 2@c 1@a');
    expect(locks(0 as PartitionId, 3).owners).toBe(3);
    const first = locks(0 as PartitionId, 3);
    lacking.clear();
    expect(locks(0 as PartitionId, 3)).toBe(first);
    expect(view.listOf('locks')(0 as PartitionId, 3)).toBe(first);
    view.upChanged();
    expect(draw(locks)).toBe('0@a 1@b 2@c');
    view.adopt({ ...document, owners: [...'cccccccc'] as NodeId[] });
    expect(draw(locks)).toBe('0@c 1@c 2@c');
  });

  it('makes a list once, until nodes come or go', () => {
    const { view, down, draw } = stage();
    const first = view.list(0 as PartitionId, 3);
    expect(view.list(0 as PartitionId, 3)).toBe(first);
    expect(view.list(0 as PartitionId, 2)).not.toBe(first);
    down.add('c');
    expect(view.list(0 as PartitionId, 3)).toBe(first);
    view.upChanged();
    expect(draw(0)).toBe('0@a 1@b 2@a!; owners 3, local 0');
  });

  it('or the ring changes', () => {
    const { view, draw } = stage();
    draw(0);
    view.adopt({ ...document, epoch: 2 as Epoch, owners: [...'cccccccc'] as NodeId[] });
    expect(draw(0)).toBe('0@c 1@c 2@c; owners 1, local -1');
    expect(view.document.epoch).toBe(2);
  });
});
