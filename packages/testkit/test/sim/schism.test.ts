/** What may be lost of a cluster in which a minority was told to go on, and what must not. */
import { birthDocument, type Epoch, type Member, type NodeId, type RingDocument } from '@rkv/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { History, type Write } from './history.ts';
import { Schism } from './schism.ts';

const OLD = 7;
const FORCED = 2 ** 24 + 7 * 2 ** 8;
/** n1 goes on alone; n2 and n3 are put aside. */
const FORCED_AT = 1_000;

let history: History;
let schism: Schism;

function member(name: string, status: Member['status']): Member {
  return { id: name as NodeId, name, address: `${name}:1`, location: '', storeId: name, status };
}

function ring(epoch: number, ...members: Member[]): RingDocument {
  const self = member('n1', 'valid');
  const born = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
  return { ...born, epoch: epoch as Epoch, members };
}

function acknowledge(through: string, epoch: number, at: number): Write {
  const version = String(at).padStart(32, '0');
  const write = history.begin({
    ...{ key: 'k', value: `by ${through} at ${at}`, through, epoch },
    ...{ begunAt: at - 10, peace: 0, placement: '', untilMs: 0, isAlone: false },
  });
  history.acknowledged(write, { version, placement: '' }, at);
  return write;
}

beforeEach(() => {
  history = new History();
  schism = new Schism(history);
  schism.adopted(ring(OLD, member('n1', 'valid'), member('n2', 'valid')), 0);
});

function force(): void {
  const [n2, n3] = [member('n2', 'down'), member('n3', 'down')];
  schism.adopted(ring(FORCED, member('n1', 'valid'), n2, n3), FORCED_AT);
}

describe('with a stranded disk may go', () => {
  it('what the others acknowledged after the ring was forced, under the one that they had', () => {
    const write = acknowledge('n2', OLD + 1, 1_500);
    expect(schism.mayGo(write), 'no ring was forced yet').toBe(false);
    force();
    expect(schism.mayGo(write)).toBe(true);
    expect(schism.mayGo(acknowledge('n4', OLD + 2, 1_600)), 'through one whom they let in').toBe(true);
  });

  it.each([
    ['acknowledged before', 'n2', OLD, 900],
    ['by the minority, under the ring that it left', 'n1', OLD, 1_500],
    ['by the minority', 'n1', FORCED, 1_500],
    ['by the others, under the ring that won', 'n2', FORCED + 1, 1_500],
    ['by one whom the minority let in', 'n5', FORCED + 1, 1_500],
  ])('not what was %s', (_what, through, epoch, at) => {
    force();
    expect(schism.mayGo(acknowledge(through, epoch, at))).toBe(false);
  });

  it('not what is still on its way, or was refused', () => {
    force();
    const write = acknowledge('n2', OLD, 1_500);
    for (const outcome of ['open', 'failed', 'refused'] as const)
      expect(schism.mayGo({ ...write, outcome })).toBe(false);
  });
});

describe('what is settled when everybody is together again', () => {
  const settle = (): string | undefined => {
    schism.end();
    history.settleAll(2_000);
    return history.settledOf('k')?.value;
  };

  beforeEach(() => {
    acknowledge('n1', OLD, 900);
    force();
    acknowledge('n2', OLD + 1, 1_500);
  });

  it('all, when every disk was brought home', () => {
    expect(settle()).toBe('by n2 at 1500');
    expect(schism.excusedCount).toBe(0);
  });

  it('when one was emptied: not what may have gone with it, before or since', () => {
    schism.emptied();
    acknowledge('n3', OLD + 1, 1_700);
    expect(settle()).toBe('by n1 at 900');
    expect(schism.excusedCount).toBe(2);
  });

  it('and one that is emptied takes nothing more with it', () => {
    expect(history.neededOf('k', (write) => schism.mayGo(write))?.value).toBe('by n1 at 900');
    schism.end();
    expect(history.neededOf('k', (write) => schism.mayGo(write))?.value).toBe('by n2 at 1500');
    expect(schism.isOpen).toBe(false);
  });
});
