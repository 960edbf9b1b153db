/** What a coordinator logs of a traced request. This node is a; `k` lies on a, b and c. */
import { latin1Encode, silentLogger, type Logger } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { holding, valueAt } from '../../test/kv/entries.ts';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import { ringFor } from '../../test/kv/ring-for.ts';
import type { KvReply } from './commands.ts';
import { QuorumStore } from './kv-store.ts';

const FAILURE = { message: 'm', needed: 2, got: 1, from: [], definite: true };
const merged: KvReply = { kind: 'merged', existed: false, untilMs: 0, later: undefined };

class Traces extends ManualPort {
  /** The trace that each command was sent with. */
  readonly traces: (string | undefined)[] = [];
  override send(
    ...args: Parameters<ManualPort['send']> | [...Parameters<ManualPort['send']>, number, string]
  ) {
    this.traces.push(args[5]);
    super.send(args[0], args[1], args[2], args[3]);
  }
}

function stage() {
  const port = new Traces(ringFor('k', 'abcabcab'));
  const logged: object[] = [];
  const logger: Logger = { ...silentLogger, info: (fields) => logged.push(fields) };
  const kv = new QuorumStore(coordinatorOn(port), logger);
  const outcomes: string[] = [];
  const onFailure = ({ code }: { code: string }): void => void outcomes.push(code);
  const get = (trace?: string): void =>
    kv.get('k', trace === undefined ? undefined : { trace }, {
      onValue: () => outcomes.push('value'),
      onMissing: () => outcomes.push('missing'),
      onFailure,
    });
  const put = (trace: string): void =>
    kv.put('k', latin1Encode('v'), { trace }, { onWritten: () => outcomes.push('written'), onFailure });
  const change = (trace: string): void =>
    kv.change(
      'k',
      { kind: 'delete', when: { kind: 'always' }, returns: false },
      { trace },
      {
        onChanged: () => outcomes.push('changed'),
        onFailure,
      },
    );
  return { port, logged, outcomes, get, put, change };
}

/** Partitions are drawn with the ring; who, what and when is what counts here. */
const plain = (logged: readonly object[]): unknown =>
  JSON.parse(JSON.stringify(logged).replaceAll(/, partition \d/g, ''));

describe('a traced request', () => {
  it('tells who was asked, who answered when, and the outcome', () => {
    const { port, logged, outcomes, get } = stage();
    get('t1');
    port.host.advance(2);
    port.reply('a', holding(valueAt('k', 7, 'v')));
    port.host.advance(3);
    port.refuse('b', 'overload');
    port.reply('c', holding(valueAt('k', 7, 'v'), false));
    expect(outcomes).toEqual(['value']);
    expect(plain(logged)).toEqual([
      {
        trace: 't1',
        request: 'get',
        asked: ['node a: get at 0 ms', 'node b: state at 0 ms', 'node c: state at 5 ms'],
        answered: [
          'node a: holds it at 2 ms',
          'node b: refused, overload at 5 ms',
          'node c: holds it at 5 ms',
        ],
        outcome: 'a value of 1 bytes',
        durationMs: 5,
      },
    ]);
    expect(port.traces).toEqual(['t1', 't1', 't1']);
  });

  it('goes on to tell what comes after the outcome: the last copies, and repairs', () => {
    const { port, logged, get, put } = stage();
    put('t1');
    port.reply('a', merged);
    port.reply('b', merged);
    port.host.advance(4);
    port.reply('c', merged);
    expect(plain(logged.slice(1))).toEqual([{ trace: 't1', answered: 'node c: merged at 4 ms' }]);
    logged.length = 0;
    get('t2');
    port.reply('a', holding(valueAt('k', 7, 'v')));
    port.reply('b', holding(undefined, false));
    expect(plain(logged.slice(1))).toEqual([{ trace: 't2', asked: 'node b: merge at 0 ms' }]);
  });

  it('tells why it failed', () => {
    const { port, logged, get } = stage();
    get('t1');
    for (const node of 'abc') port.fail(node);
    expect(logged).toMatchObject([{ outcome: expect.stringMatching(/^unreachable: this read needs 2/) }]);
  });

  it('is nothing to one that is not traced, before or after', () => {
    const { port, logged, get } = stage();
    get();
    get('t1');
    get();
    expect(port.traces).toEqual([undefined, undefined, 't1', 't1', undefined, undefined]);
    expect(logged).toEqual([]);
  });

  it('under a name that could forge a log is refused', () => {
    const { port, outcomes, get } = stage();
    get('a\nb');
    expect(outcomes).toEqual(['bad_request']);
    expect(port.sent).toEqual([]);
  });

  it('may be a change: its id goes along to whoever runs it, and the outcome is told', () => {
    const { port, logged, outcomes, change } = stage();
    change('t3');
    expect(port.traces).toEqual(['t3']);
    port.reply('a', {
      kind: 'changed',
      result: { kind: 'failure', failure: { ...FAILURE, code: 'unreachable' } },
    });
    expect(outcomes).toEqual(['unreachable']);
    expect(logged).toMatchObject([{ trace: 't3', request: 'delete', outcome: 'unreachable: m' }]);
  });
});
