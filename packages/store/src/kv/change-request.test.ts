/** A change that node a is asked for, of keys whose replicas are on b, c and d; they say what the test says. */
import { describe, expect, it } from 'vitest';
import { coordinatorOn, ManualPort, type Sent } from '../../test/kv/manual-port.ts';
import { ringFor } from '../../test/kv/ring-for.ts';
import type { Change } from '../entry/change.ts';
import type { RequestOptions } from './api.ts';
import { ChangeRequest } from './change-request.ts';

function increment(
  options?: RequestOptions,
  change: Change = { kind: 'increment', by: 1n },
  level: 'eventual' | 'strict' = 'eventual',
): { port: ManualPort; told: string[] } {
  const port = new ManualPort(ringFor('k', 'bcdbcdbc'));
  port.setBuckets({ prefix: 'k', n: 3, level });
  const told: string[] = [];
  const sink = {
    onChanged: () => told.push('changed'),
    onFailure: ({ code, message }: { code: string; message: string }) => told.push(`${code}: ${message}`),
  };
  new ChangeRequest(coordinatorOn(port), 'k', change, options, sink).begin();
  return { port, told };
}

it('asks anew under a newer ring, and a second copy of the old refusal makes it ask nobody a third time', () => {
  const { port } = increment();
  const [first] = port.sent;
  if (first === undefined) throw new Error('nobody was asked');
  port.adopt(ringFor('k', 'bcdbcdbc'));
  port.refuse(first, 'moved');
  expect(port.sent.map(({ at, replica }) => [at, replica.node])).toEqual([
    [0, first.replica.node],
    [0, first.replica.node],
  ]);
  // The second is on its way, and may be carried out by now.
  port.refuse(first, 'moved');
  port.host.advance(100);
  expect(port.sent).toHaveLength(2);
});

describe('of an eventual key', () => {
  it('goes to nobody else when there is no room in the line of the first', () => {
    const { port, told } = increment();
    port.refuse('b', 'overload');
    expect(port.sent).toHaveLength(1);
    expect(told).toEqual([expect.stringMatching(/^overload: /)]);
  });

  it('waits for room on the way to the first, as long as that is up', () => {
    const { port } = increment();
    port.fail('b', false);
    port.host.advance(50);
    expect(port.sent.map(({ replica }) => replica.node)).toEqual(['b', 'b']);
    port.fail(port.sent[1] as Sent, false);
    port.down.add('b');
    port.host.advance(50);
    expect(port.sent[2]?.replica.node).toBe('c');
  });

  it('that is a read goes to the next at once', () => {
    const { port } = increment(undefined, { kind: 'read' });
    port.refuse('b', 'overload');
    port.fail('c', false);
    expect(port.sent.map(({ replica }) => replica.node)).toEqual(['b', 'c', 'd']);
  });
});

describe('of a strict key', () => {
  it('goes to the next, who asks the same owners; and without levels, which mean nothing there', () => {
    const { port } = increment({ w: 3 }, undefined, 'strict');
    port.refuse('b', 'overload');
    port.fail('c', false);
    expect(port.sent.map(({ replica }) => replica.node)).toEqual(['b', 'c', 'd']);
    expect(port.sent[0]?.command).not.toHaveProperty('levels');
  });
});

describe('its levels', () => {
  it('go to the node that runs it', () => {
    expect(increment({ w: 3, pw: 2, timeoutMs: 900 }).port.sent[0]?.command).toMatchObject({
      kind: 'change',
      levels: { w: 3, pw: 2 },
    });
    expect(increment({ timeoutMs: 900 }).port.sent[0]?.command).not.toHaveProperty('levels');
  });

  it.each<RequestOptions>([{ w: 4 }, { r: 4 }, { pw: 4 }, { dw: 9 }])(
    'beyond n are refused before anybody is asked: %o',
    (options) => {
      const { port, told } = increment(options);
      expect(port.sent).toEqual([]);
      expect(told).toEqual([expect.stringMatching(/^bad_request: .* n=3 for this key/)]);
    },
  );
});
