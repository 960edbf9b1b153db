/**
 * A transfer whose sender or receiver dies, after any frame and more than once: nothing is missing in the end, whatever
 * was written between the lives is found, and what the receiver holds is not sent to it again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HandoffStage } from '../../test/handoff-stage.ts';
import { latin1Decode, Reader } from '../base/bytes.ts';
import { MESSAGE } from '../request/message.ts';
import { readItems } from './handoff-wire.ts';

const RING = 'aaaaaaaa';
const keys = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `k${String(i).padStart(3, '0')}=v`);

function moving(items: readonly string[]) {
  const stage = new HandoffStage('ab');
  const [a, b] = [stage.node('a'), stage.node('b')];
  const [source, target] = [a.open(0, 'owner', [...items]), b.open(0, 'receiving')];
  for (const node of [a, b]) {
    node.document = stage.ring(2, RING, '0 a b');
    node.manager.start();
  }
  /** Items that came to b though it held them just so. */
  const came = { again: 0 };
  stage.onDelivery = ({ header, body }) => {
    if (header.type !== MESSAGE.handoffItems) return;
    for (const item of readItems(new Reader(body)).items) {
      const [key = '', value] = latin1Decode(item).split('=');
      if (target.items.get(key) === value) came.again++;
    }
  };
  const finish = (): void => {
    for (let i = 0; i < 40 && a.reported.length === 0; i++) stage.run(1_000);
  };
  return { stage, a, b, source, target, came, finish };
}

/** Let so many frames arrive, at most. */
function deliver(stage: HandoffStage, frames: number): void {
  for (let i = 0; i < frames; i++) if (!stage.deliverOne()) return;
}

describe.each(['a', 'b'] as const)('node %s dies', (name) => {
  it('after every frame in turn: all is there in the end, and nothing came twice', () => {
    for (let frames = 0; frames < 60; frames++) {
      const { stage, source, target, came, finish } = moving(keys(30));
      deliver(stage, frames);
      stage.node(name).dieAndStart();
      finish();
      expect(target.content, `after ${frames} frames`).toBe(source.content);
      expect(came.again, `after ${frames} frames`).toBe(0);
      expect(stage.node('a').reported).toEqual(['0 to b']);
    }
  });
});

const writes = fc.array(fc.nat(39), { maxLength: 8 });
const lives = fc.array(
  fc.record({ dies: fc.constantFrom('a', 'b'), after: fc.nat(50), writes, between: writes }),
  { minLength: 1, maxLength: 5 },
);

describe('any of them dies, again and again, and is written to', () => {
  it('the receiver holds what the source holds', () => {
    fc.assert(
      fc.property(fc.nat(30), lives, (present, deaths) => {
        const { stage, source, target, came, finish } = moving(keys(present));
        let version = 0;
        let written = 0;
        const write = (key: number): void => {
          written++;
          source.write(`k${String(key).padStart(3, '0')}=w${String(++version).padStart(3, '0')}`);
        };
        for (const { dies, after, writes, between } of deaths) {
          deliver(stage, after / 2);
          for (const key of writes) write(key);
          deliver(stage, after / 2);
          const node = stage.node(dies);
          node.manager.stop();
          for (const vnode of node.vnodes) vnode.loseSinks();
          for (const key of between) write(key);
          node.dieAndStart();
        }
        finish();
        expect(target.content).toBe(source.content);
        // A written item may come by the walk and be passed on too.
        expect(came.again).toBeLessThanOrEqual(written);
      }),
      { numRuns: 300 },
    );
  });
});
