/** A change that node a is asked for, of keys whose replicas are on b, c and d; they say what the test says. */
import { describe, expect, it } from 'vitest';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import type { RequestOptions } from './api.ts';
import { ChangeRequest } from './change-request.ts';

function increment(options?: RequestOptions): { port: ManualPort; told: string[] } {
  const port = new ManualPort('bcdbcdbc');
  const told: string[] = [];
  const sink = {
    onChanged: () => told.push('changed'),
    onFailure: ({ code, message }: { code: string; message: string }) => told.push(`${code}: ${message}`),
  };
  new ChangeRequest(coordinatorOn(port), 'k', { kind: 'increment', by: 1n }, options, sink).begin();
  return { port, told };
}

it('asks anew under a newer ring, and a second copy of the old refusal makes it ask nobody a third time', () => {
  const { port } = increment();
  const [first] = port.sent;
  if (first === undefined) throw new Error('nobody was asked');
  port.adopt('bcdbcdbc');
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
