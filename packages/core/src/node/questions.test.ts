import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { jsonEncode, latin1Encode, WireError } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import { Questions, type QuestionOutcome } from './questions.ts';

const [a, b] = ['a', 'b'] as [NodeId, NodeId];

/** Two nodes and what they send each other, delivered when a test says so. */
function stage() {
  const host = new ManualHost();
  const wire = { cut: false };
  const sent: { to: NodeId; kind: 'question' | 'answer'; bytes: Uint8Array; from: NodeId }[] = [];
  const nodes = new Map(
    [a, b].map((self) => [
      self,
      new Questions({
        self,
        host,
        send: (to, kind, bytes) => !wire.cut && sent.push({ to, kind, bytes, from: self }) > 0,
      }),
    ]),
  );
  const deliver = (): void => {
    for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
      const node = nodes.get(next.to) as Questions;
      if (next.kind === 'question') node.onQuestion(next.from, next.bytes);
      else node.onAnswer(next.from, next.bytes);
    }
  };
  const outcomes: QuestionOutcome[] = [];
  const ask = (to: NodeId, topic = 'age', body: unknown = null): void => {
    nodes.get(a)?.ask(to, topic, body, 1_000, (outcome) => outcomes.push(outcome));
  };
  for (const [self, node] of nodes)
    node.answer('age', (body, answer, from) => answer({ kind: 'answered', body: { self, body, from } }));
  return {
    host,
    wire,
    sent,
    deliver,
    outcomes,
    ask,
    asker: nodes.get(a) as Questions,
    other: nodes.get(b) as Questions,
  };
}

describe('a question', () => {
  it.each([
    ['to another node', b],
    ['to oneself', a],
  ])('%s is answered', (_, to) => {
    const { ask, deliver, outcomes, host } = stage();
    ask(to, 'age', { of: 'k' });
    deliver();
    expect(outcomes).toEqual([
      { kind: 'answered', body: { self: to, body: { of: 'k' }, from: to === a ? to : a } },
    ]);
    host.advance(5_000);
    expect(outcomes).toHaveLength(1);
  });

  it('is turned away at once when too many wait, and taken again when they do not', () => {
    const { ask, asker, outcomes, host } = stage();
    const { max } = asker.limit;
    for (let i = 0; i < max; i++) ask(b);
    expect(outcomes).toEqual([]);
    ask(b);
    expect(outcomes).toEqual([{ kind: 'noAnswer', reason: 'too many questions wait for their answers' }]);
    expect(asker.limit).toEqual({ limit: 'questions', used: max, max, reached: 1 });
    host.advance(1_000);
    expect(outcomes).toHaveLength(max + 1);
    ask(b);
    expect(asker.limit).toMatchObject({ used: 1, reached: 1 });
  });

  it('that nobody knows is refused by name', () => {
    const { ask, deliver, outcomes } = stage();
    ask(b, 'shoe size');
    deliver();
    expect(outcomes).toEqual([
      {
        kind: 'refused',
        code: 'unknown_question',
        message: "this node does not know the question 'shoe size'",
      },
    ]);
  });

  it.each<[string, string, (play: ReturnType<typeof stage>) => void]>([
    ['it cannot be sent', 'not connected', ({ wire, ask }) => ((wire.cut = true), ask(b))],
    ['nobody says anything', 'no answer in time', ({ ask, host }) => (ask(b), host.advance(1_000))],
    ['the connection ends', 'connection lost', ({ ask, asker }) => (ask(b), asker.onPeerDown(b))],
  ])('no answer: %s', (_, reason, play) => {
    const played = stage();
    play(played);
    expect(played.outcomes).toEqual([{ kind: 'noAnswer', reason }]);
    played.wire.cut = false;
    played.deliver();
    expect(played.outcomes).toHaveLength(1);
  });

  it('is answered by nobody but who was asked', () => {
    const { ask, sent, asker, outcomes, other } = stage();
    ask(b);
    other.onQuestion(a, sent.shift()?.bytes as Uint8Array);
    asker.onAnswer('c' as NodeId, sent.shift()?.bytes as Uint8Array);
    expect(outcomes).toEqual([]);
  });

  it('of a former life is not answered in the next: its answer may still be on its way', () => {
    const numbers = [1, 2].map((seed) => {
      const sent: Uint8Array[] = [];
      const node = new Questions({
        self: a,
        host: new ManualHost(seed),
        send: (_to, _kind, bytes) => sent.push(bytes) > 0,
      });
      node.ask(b, 'age', null, 1_000, () => {});
      return String.fromCharCode(...(sent[0] ?? []));
    });
    expect(numbers[0]).not.toBe(numbers[1]);
  });

  it('open at the end is not answered at all', () => {
    const { ask, asker, host, outcomes } = stage();
    ask(b);
    asker.stop();
    host.advance(5_000);
    expect(outcomes).toEqual([]);
  });

  it.each([
    ['no JSON', latin1Encode('{')],
    ['no object', jsonEncode(3)],
    ['nothing', jsonEncode(null)],
    ['without a number', jsonEncode({ topic: 'age', outcome: { kind: 'answered' } })],
    ['without a topic or an outcome', jsonEncode({ id: 1 })],
    ['with an outcome of no kind', jsonEncode({ id: 1, outcome: {} })],
  ])('bytes that are %s are the fault of the sender', (_, bytes) => {
    const { asker } = stage();
    expect(() => asker.onAnswer(b, bytes)).toThrow(WireError);
    if (!String.fromCharCode(...bytes).includes('topic'))
      expect(() => asker.onQuestion(b, bytes)).toThrow(WireError);
  });
});
