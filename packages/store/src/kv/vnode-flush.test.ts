/** A vnode's part of a flush. What is written at 7 is earlier than a flush at 9. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { merging, stampOf, valueAt } from '../../test/kv/entries.ts';
import { placeKey } from './coordinator.ts';
import { recountOf, talliesOf, VnodeStage } from '../../test/kv/vnode-stage.ts';

/** Lets the pool and the store go on until nothing happens any more. */
function settle(stage: VnodeStage): void {
  for (let turns = 0; turns < 50; turns++) {
    stage.store.commit();
    stage.host.advance(20);
  }
}

const flush = (stage: VnodeStage, time: number): void =>
  stage.send({ kind: 'flush', phase: 'run', stamp: stampOf(time) });
const end = (stage: VnodeStage, time: number): void =>
  stage.send({ kind: 'flush', phase: 'end', stamp: stampOf(time) });

function states(stage: VnodeStage): string[] {
  const told: string[] = [];
  stage.vnode.handleCommand(
    { kind: 'flush', phase: 'clock', stamp: stampOf(0) },
    {
      reply: (reply) => told.push(reply.kind === 'flushed' ? reply.state : reply.kind),
      refuse() {},
      fail() {},
    },
  );
  return told;
}

describe('a flush', () => {
  it('makes tombstones of its own stamp of what is older, and leaves what is later', () => {
    const stage = new VnodeStage();
    stage.put('old', 7);
    stage.put('young', 11);
    flush(stage, 9);
    settle(stage);
    expect(stage.content).toEqual(['old 9:-', 'young 11:v']);
    expect(stage.passedOn).toContain('old 9:-');
    expect(talliesOf(stage)).toEqual(recountOf(stage));
  });

  it('holds bar and floor down until it has ended', () => {
    const stage = new VnodeStage();
    expect(stage.vnode.whyBarMustWait()).toBeUndefined();
    flush(stage, 9);
    settle(stage);
    expect(states(stage)).toEqual(['done']);
    expect(stage.vnode.whyBarMustWait()).toBe('a flush goes on');
    end(stage, 9);
    expect(stage.vnode.whyBarMustWait()).toBeUndefined();
  });

  it('waits for what is on its way into the store', () => {
    const stage = new VnodeStage();
    stage.put('old', 7);
    flush(stage, 9);
    stage.host.advance(100);
    expect(states(stage)).toEqual(['running']);
    settle(stage);
    expect(states(stage)).toEqual(['done']);
    expect(stage.content).toEqual(['old 9:-']);
  });

  it('of long ago that is asked for once more leaves what was written since', () => {
    const stage = new VnodeStage();
    stage.host.wallOffset = 1_000;
    flush(stage, 1_000);
    settle(stage);
    stage.host.advance(70_000);
    flush(stage, 72_000);
    settle(stage);
    end(stage, 72_000);
    stage.put('young', 73_500);
    settle(stage);
    flush(stage, 1_000);
    settle(stage);
    expect(stage.content).toEqual(['young 73500:v']);
  });

  it('that takes minutes leaves what is written meanwhile, also where the clock stands still', () => {
    const stage = new VnodeStage();
    for (let i = 0; i < 3_000; i++) stage.put(`key ${i}`, 7);
    stage.store.commit();
    flush(stage, 1_000);
    const asked = (seconds: number): void => {
      for (let second = 0; second < seconds; second++) {
        flush(stage, 1_000);
        stage.host.wallOffset -= 1_000;
        stage.host.advance(1_000);
      }
    };
    asked(31);
    for (let i = 0; i < 20; i++) stage.put(`early ${i}`, 31_000);
    asked(32);
    for (let i = 0; i < 20; i++) stage.put(`late ${i}`, 62_500);
    for (let turns = 0; turns < 20; turns++) {
      flush(stage, 1_000);
      settle(stage);
    }
    const alive = stage.content.filter((line) => line.endsWith(':v'));
    expect(alive.filter((line) => line.startsWith('early'))).toHaveLength(20);
    expect(alive.filter((line) => line.startsWith('late'))).toHaveLength(20);
  });

  it('is gone for readers where the walk has not been yet', () => {
    const stage = new VnodeStage();
    stage.put('old', 7);
    stage.put('young', 11);
    stage.store.commit();
    flush(stage, 9);
    const get = (key: string): string => stage.ask({ kind: 'get', ...placeKey(key), whole: true });
    expect([get('old'), get('young')]).toEqual(['old 9:-', 'young 11:v']);
  });

  it('has failed when the store loses a part of it, also while the walk goes on', () => {
    let step: (() => boolean) | undefined;
    const stage = new VnodeStage({ pool: { run: (_token, next) => (step = next) } });
    for (let i = 0; i < 400; i++) stage.put(`key ${i}`, 7);
    stage.store.commit();
    flush(stage, 9);
    stage.store.commit();
    expect(step?.()).toBe(false);
    stage.store.fail();
    stage.store.full = false;
    expect(states(stage)).toEqual(['idle']);
    expect(stage.content.filter((line) => line.endsWith('7:v'))).toHaveLength(400);
  });

  it('is done when the store has it, and not before', () => {
    const stage = new VnodeStage();
    stage.put('old', 7);
    stage.store.commit();
    flush(stage, 9);
    stage.store.commit();
    stage.host.advance(100);
    expect(stage.store.submittedSeq).toBeGreaterThan(stage.store.committedSeq);
    expect(states(stage)).toEqual(['running']);
    stage.store.commit();
    expect(states(stage)).toEqual(['done']);
  });

  it('has no more on its way than a page, however many keys there are', () => {
    const stage = new VnodeStage();
    for (let i = 0; i < 5_000; i++) stage.put(`key ${i}`, 7);
    stage.store.commit();
    flush(stage, 9);
    let most = 0;
    for (let turns = 0; turns < 500 && states(stage)[0] === 'running'; turns++) {
      most = Math.max(most, stage.store.submittedSeq - stage.store.committedSeq);
      stage.store.commit();
      stage.host.advance(20);
    }
    expect(states(stage)).toEqual(['done']);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(1_300);
    expect(stage.content.every((line) => line.endsWith('9:-'))).toBe(true);
  });

  it('takes what arrives while it goes on, and has a write stamped anew', () => {
    const stage = new VnodeStage();
    flush(stage, 9);
    settle(stage);
    stage.takeIn('handed', valueAt('handed', 7, 'v'));
    expect(stage.ask(merging('written', valueAt('written', 7, 'v')))).toBe('written merged, later held');
    stage.takeIn('young', valueAt('young', 11, 'v'));
    settle(stage);
    expect(stage.content).toEqual(['handed 9:-', 'young 11:v']);
  });

  it('that has ended takes nothing more', () => {
    const stage = new VnodeStage();
    flush(stage, 9);
    settle(stage);
    end(stage, 9);
    stage.takeIn('handed', valueAt('handed', 7, 'v'));
    stage.put('written', 7);
    settle(stage);
    expect(stage.content).toEqual(['handed 7:v', 'written 7:v']);
  });

  it('is given up when nobody asks for it any more', () => {
    const stage = new VnodeStage();
    flush(stage, 9);
    settle(stage);
    stage.host.advance(25_000);
    expect(states(stage)).toEqual(['idle']);
  });

  it('fails where the store does not take it, and is begun anew when it is asked for again', () => {
    const stage = new VnodeStage();
    stage.put('old', 7);
    stage.store.commit();
    flush(stage, 9);
    stage.store.fail();
    expect(stage.told.at(-1)).toBe('flush flushed');
    expect(states(stage)).toEqual(['idle']);
    stage.store.full = false;
    flush(stage, 9);
    settle(stage);
    expect(stage.content).toEqual(['old 9:-']);
  });
});

describe('whatever comes in, in whichever order', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  // Even moments for what is written, odd ones for flushes: no two things bear one stamp.
  const time = fc.integer({ min: 1, max: 20 }).map((half) => half * 2);
  const move = fc.oneof(
    { weight: 6, arbitrary: fc.record({ move: fc.constant('put'), key, time }) },
    { weight: 3, arbitrary: fc.record({ move: fc.constant('handoff'), key, time }) },
    { weight: 2, arbitrary: fc.record({ move: fc.constant('flush'), key, time }) },
    { weight: 1, arbitrary: fc.record({ move: fc.constant('end'), key, time }) },
    { weight: 2, arbitrary: fc.record({ move: fc.constant('commit'), key, time }) },
    { weight: 2, arbitrary: fc.record({ move: fc.constant('wait'), key, time }) },
  );

  it('a vnode holds what a map of latest states does', () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const stage = new VnodeStage();
        const twin = new Map<string, { time: number; dead: boolean }>();
        let floor = 0;
        const keep = (key: string, state: { time: number; dead: boolean }): void => {
          if ((twin.get(key)?.time ?? 0) < state.time) twin.set(key, state);
        };
        for (const { move, key, time } of moves) {
          if (move === 'put') {
            stage.put(key, time);
            if (time > floor) keep(key, { time, dead: false });
          } else if (move === 'handoff') {
            stage.takeIn(key, valueAt(key, time, 'v'));
            keep(key, time > floor ? { time, dead: false } : { time: floor, dead: true });
          } else if (move === 'flush') {
            // One that takes over from another may do all of its work: then its stamp is on what the other would have deleted.
            if (floor > 0) settle(stage);
            flush(stage, time + 1);
            floor = Math.max(floor, time + 1);
            for (const [held, state] of twin)
              if (!state.dead && state.time < floor) twin.set(held, { time: floor, dead: true });
          } else if (move === 'end') {
            settle(stage);
            end(stage, 100);
            floor = 0;
          } else if (move === 'commit') stage.store.commit();
          else stage.host.advance(3);
        }
        settle(stage);
        const wanted = [...twin].map(([key, { time, dead }]) => `${key} ${time}:${dead ? '-' : 'v'}`);
        expect(stage.content).toEqual(wanted.toSorted());
        expect(talliesOf(stage)).toEqual(recountOf(stage));
      }),
      { numRuns: 100 },
    );
  });
});
