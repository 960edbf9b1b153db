/** What an operator wishes of a node, as it comes from another one: on a ring of eight partitions. */
import { describe, expect, it } from 'vitest';
import { HandoffStage } from '../../test/handoff-stage.ts';
import type { NodeId } from '../contracts/ids.ts';
import { answerAboutHandoff, transfersOf } from './handoff-questions.ts';
import { Questions, type QuestionOutcome } from './questions.ts';

const A = 'a' as NodeId;

function stage() {
  const { host, ...rest } = new HandoffStage('a');
  const a = rest.nodes.get('a');
  if (a === undefined) throw new Error('no node');
  const questions = new Questions({ self: A, host, send: () => false });
  answerAboutHandoff(questions, () => a.manager);
  const wish = (body: unknown): QuestionOutcome | undefined => {
    let told: QuestionOutcome | undefined;
    questions.ask(A, 'wish', body, 1_000, (outcome) => (told = outcome));
    return told;
  };
  return { a, wish };
}

describe('a wish', () => {
  it.each(['pause', 'resume', 'cancel', 'repair'])(
    'to %s a partition that is not there is refused',
    (kind) => {
      const { a, wish } = stage();
      for (const partition of [8, 1_024, 2 ** 40])
        expect(wish({ kind, partition })).toEqual({
          kind: 'refused',
          code: 'bad_request',
          message: `there is no partition ${partition}; the last one is 7`,
        });
      expect(a.manager.paused.partitions).toEqual([]);
      expect(wish({ kind: 'pause', partition: 7 })).toMatchObject({ body: { partitions: [7] } });
    },
  );

  it('may be about a partition of the ring that is being filled, and is forgotten when that does not come', () => {
    const { a, wish } = stage();
    const serving = a.document;
    const owners = Array.from({ length: 16 }, () => A);
    a.adopt({ ...serving, resize: { ringSize: 16, owners } });
    expect(wish({ kind: 'pause', partition: 15 })).toMatchObject({ body: { partitions: [15] } });
    wish({ kind: 'pause', partition: 3 });
    a.adopt(serving);
    expect(a.manager.paused.partitions).toEqual([3]);
  });

  it.each([{ out: 1_001 }, { in: 1e9 }, { out: -1 }, { bytesPerSecond: 0 }])(
    'for limits that no node can keep, %j, is refused',
    (limits) => {
      const { a, wish } = stage();
      const before = a.manager.transferLimits;
      expect(wish({ kind: 'limit', ...limits })).toMatchObject({ kind: 'refused', code: 'bad_request' });
      expect(a.manager.transferLimits).toEqual(before);
    },
  );
});

describe('what another node tells of its transfers', () => {
  const name = { kind: 'ownership', service: 'kv', partition: 3, sourcePartition: 3, from: 'a', to: 'b' };
  const runs = { ...name, items: 1, bytes: 20, note: 'as a later version has it' };
  const waits = { ...name, reason: 'b is down', sinceMs: 0.5 };

  it.each([
    [{ active: [], waiting: [], inbound: [] }],
    [{ active: [runs], waiting: [waits], inbound: [runs] }],
    [{ active: [runs], waiting: [waits] }],
  ])('is %j', (body) => expect(transfersOf(body)).toBe(body));

  it.each([
    [null],
    ['none'],
    [{}],
    [{ active: [], waiting: {} }],
    [{ active: [null], waiting: [] }],
    [{ active: [], waiting: [name] }],
    [{ active: [], waiting: [{ ...waits, reason: 3 }] }],
    [{ active: [], waiting: [], inbound: [name] }],
  ])('is not %j', (body) => expect(transfersOf(body)).toBeUndefined());
});
