/** A change that node a is asked for, of keys whose replicas are on b, c and d; they say what the test says. */
import { expect, it } from 'vitest';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import { ChangeRequest } from './change-request.ts';

it('asks anew under a newer ring, and a second copy of the old refusal makes it ask nobody a third time', () => {
  const port = new ManualPort('bcdbcdbc');
  const sink = { onChanged: () => {}, onFailure: () => {} };
  new ChangeRequest(coordinatorOn(port), 'k', { kind: 'increment', by: 1n }, undefined, sink).begin();
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
