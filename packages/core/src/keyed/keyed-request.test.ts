/** A request of a keyed service at its coordinator: what is asked of it, and what the one copy answers. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contracts/ids.ts';
import type { ReplicaRequest } from '../request/port.ts';
import { countedList } from '../request/quorum.ts';
import type { RingDocument } from '../ring/document.ts';
import type { Told } from './keyed-request.ts';
import { VALUE_BYTES_MAX, type KeyedCommand, type KeyedReply } from './keyed-wire.ts';
import { keyedService, type ServiceNode } from './service.ts';

interface Box {
  put(what: unknown): string;
  look(): string;
}

const box = keyedService<Box, string>({
  name: 'box',
  commands: {
    put: { change: (_, __, what) => ({ value: 'full', reply: String(what) }) },
    look: { read: (held = 'empty') => held },
  },
  merge: (a) => a,
});

const here = 'n1' as NodeId;

/** Of two copies both are on this node; whoever is asked answers this. */
function ask(answer: KeyedReply, key: string, ...args: [unknown]) {
  const sent: KeyedCommand[] = [];
  let request: ReplicaRequest<KeyedReply> | undefined;
  const replicas = [0, 1].map((partition) => ({ partition, ringSize: 8, node: here, role: 'primary' }));
  const port = {
    self: here,
    epoch: 1,
    full: false,
    document: { ringSize: 8, buckets: [{ prefix: '', n: 2, level: 'eventual' }] } as unknown as RingDocument,
    list: () => countedList(replicas as never, 2, 1, here),
    open: (opened: ReplicaRequest<KeyedReply>) => ((request = opened), 1),
    close() {},
    alarm() {},
    send(_: number, at: number, __: object, command: KeyedCommand) {
      sent.push(command);
      request?.onReply(at, answer, false);
    },
  };
  const node = { ready: true, port: () => port, clusterTime: () => 0 } as unknown as ServiceNode;
  const told: Told<string>[] = [];
  box.ask(node, key, 'put', args, (outcome) => told.push(outcome));
  return { told, sent };
}

const threw: KeyedReply = { kind: 'threw', why: 'Error: no' };
const ran: KeyedReply = { kind: 'ran', reply: 'done', value: undefined };

describe('a request', () => {
  it('whose handler threw is told so, surely did nothing, and is not tried at another copy', () => {
    const { told, sent } = ask(threw, 'k', 1);
    expect(told).toEqual([{ error: 'threw: Error: no', definite: true }]);
    expect(sent).toHaveLength(1);
  });

  it('gives the handler what would come over a wire, on this node too', () => {
    const { told, sent } = ask(ran, 'k', { at: new Date(0), by: undefined });
    expect(told).toEqual([{ ok: 'done' }]);
    expect(sent).toMatchObject([{ args: [{ at: '1970-01-01T00:00:00.000Z' }] }]);
  });

  it.each([
    ['arguments that are no JSON', 'k', 1n],
    ['a key that is no text', '\ud800', 1],
    ['a key that is too long', 'k'.repeat(2 ** 20 + 1), 1],
    ['arguments that are too long', 'k', 'x'.repeat(VALUE_BYTES_MAX)],
  ])('with %s is refused before anybody is asked', (_, key, what) => {
    const { told, sent } = ask(ran, key, what);
    expect(told).toMatchObject([{ error: expect.stringMatching(/^bad_request/), definite: true }]);
    expect(sent).toEqual([]);
  });
});
