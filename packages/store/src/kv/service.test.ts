/**
 * The tutorial's service, in the shape of its replies: what came of it, and the node and partition that answered.
 * There it is `{{:ok, :v2}, :"dev2@...", 685078892498860742907977265335757665463718379520}`.
 */
import { latin1Decode, latin1Encode, partitionOf, ringIndexOf } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import { valueAt } from '../../test/kv/entries.ts';
import { coordinatorOn, ManualPort } from '../../test/kv/manual-port.ts';
import { ringFor } from '../../test/kv/ring-for.ts';
import { VnodePort } from '../../test/kv/vnode-port.ts';
import { placeKey } from './coordinator.ts';
import { Service, type QuorumReply, type ServiceReply } from './service.ts';

const first = partitionOf(placeKey('k').hashHi, 3);

function stage(owners = 'abc', n = 3) {
  const port = new VnodePort(ringFor('k', owners), n);
  return { port, service: new Service(coordinatorOn(port)) };
}

/** `value v at node b`, `not_found at node a`. */
function describeReply({ result, node }: ServiceReply): string {
  if (result === 'ok') return `ok at ${node}`;
  return 'ok' in result ? `value ${latin1Decode(result.ok)} at ${node}` : `${result.error} at ${node}`;
}

function describeQuorum({ reason, result }: QuorumReply): string[] {
  return [reason, ...result.map(describeReply)];
}

describe('commands to one vnode', () => {
  it('name the node, the partition and its place on the ring', async () => {
    const { service } = stage();
    expect(await service.get('k')).toEqual({
      result: { error: 'not_found' },
      node: 'node a',
      partition: first,
      index: ringIndexOf(first, 8),
    });
  });

  it('put, get and delete, as in the tutorial', async () => {
    const { service } = stage();
    const said = [
      await service.put('k', latin1Encode('v')),
      await service.get('k'),
      await service.delete('k'),
      await service.get('k'),
      await service.delete('k'),
    ];
    expect(said.map(describeReply)).toEqual([
      'ok at node a',
      'value v at node a',
      'ok at node a',
      'not_found at node a',
      'ok at node a',
    ]);
  });

  it('a put goes to all replicas though the first that answers is enough', async () => {
    const { port, service } = stage('bac');
    await service.put('k', latin1Encode('v'));
    for (const node of 'bac')
      expect(describeReply(await getFrom(port, node))).toBe(`value v at node ${node}`);
  });

  it('ping finds its vnode by its number', async () => {
    const { service } = stage();
    const seen = new Set<unknown>();
    for (let n = 0; n < 40; n++) {
      const reply = await service.ping(n);
      expect(reply).toMatchObject({ result: 'pong', n: n + 1 });
      seen.add(reply.partition);
    }
    expect(seen.size).toBe(8);
  });

  it('a stand-in answers while the first primary is down', async () => {
    const { port, service } = stage('abcd');
    await service.put('k', latin1Encode('v'));
    port.down.add('a');
    expect(describeReply(await service.get('k'))).toBe('not_found at node b');
  });

  it('nobody there, too late, too much: said by name, in the name of this node', async () => {
    const { port, service } = stage();
    for (const node of 'abc') port.moved.add(node);
    const waiting = service.get('k');
    port.host.advance(1_050);
    expect(describeReply(await waiting), 'a newer ring was waited for').toBe('timeout at node a');
    for (const node of 'abc') port.down.add(node);
    expect(describeReply(await service.get('k'))).toBe('unreachable at node a');
    expect(describeReply(await service.put('k', latin1Encode('v')))).toBe('unreachable at node a');

    const silent = new ManualPort(ringFor('k', 'abc'));
    const asked = new Service(coordinatorOn(silent)).get('k');
    silent.host.advance(1_050);
    expect(describeReply(await asked)).toBe('timeout at node a');
  });
});

/** What the replica of a node answers, as if it came first. */
async function getFrom(port: VnodePort, node: string): Promise<ServiceReply> {
  const reply = await new Service(coordinatorOn(port)).getQuorum('k', 3, 3, 1_000);
  const found = reply.result.find((one) => one.node === `node ${node}`);
  if (found === undefined) throw new Error(`${node} did not answer`);
  return found;
}

describe('quorum commands', () => {
  it('show every answer, the newest first, and end when enough have come', async () => {
    const { service } = stage();
    expect(describeQuorum(await service.putQuorum('k', latin1Encode('v'), 3, 3, 1_000))).toEqual([
      'finished',
      'ok at node c',
      'ok at node b',
      'ok at node a',
    ]);
    expect(describeQuorum(await service.getQuorum('k', 3, 3, 1_000))).toEqual([
      'finished',
      'value v at node c',
      'value v at node b',
      'value v at node a',
    ]);
    expect(describeQuorum(await service.deleteQuorum('k', 3, 3, 1_000)).slice(0, 2)).toEqual([
      'finished',
      'ok at node c',
    ]);
    expect(describeQuorum(await service.getQuorum('k', 3, 3, 1_000)).slice(0, 2)).toEqual([
      'finished',
      'not_found at node c',
    ]);
  });

  it('take n literally: the first n of the preference list', async () => {
    const { port, service } = stage();
    await service.putQuorum('k', latin1Encode('v'), 1, 1, 1_000);
    expect(describeQuorum(await service.getQuorum('k', 3, 3, 1_000))).toEqual([
      'finished',
      'not_found at node c',
      'not_found at node b',
      'value v at node a',
    ]);
    expect(port.handled).toBe(4);
  });

  it('a put with w=1 reaches all n', async () => {
    const { service } = stage();
    await service.putQuorum('k', latin1Encode('v'), 3, 1, 1_000);
    const { result } = await service.getQuorum('k', 3, 3, 1_000);
    expect(result.map(describeReply)).toEqual([
      'value v at node c',
      'value v at node b',
      'value v at node a',
    ]);
  });

  it("not_found is an answer, but not a stand-in's", async () => {
    const { port, service } = stage('abcd');
    expect((await service.getQuorum('k', 3, 2, 1_000)).reason).toBe('finished');
    for (const node of 'bc') port.down.add(node);
    expect((await service.getQuorum('k', 3, 2, 1_000)).reason).toBe('unreachable');
  });

  it('refusals never count', async () => {
    const { port, service } = stage();
    for (const node of 'ab') port.moved.add(node);
    const waiting = service.putQuorum('k', latin1Encode('v'), 3, 2, 1_000);
    port.host.advance(1_050);
    expect(describeQuorum(await waiting)[0]).toBe('timeout');
    expect(describeQuorum(await service.putQuorum('k', latin1Encode('v'), 3, 1, 1_000))).toEqual([
      'finished',
      'ok at node c',
    ]);
  });

  it('what cannot be had is said at once', async () => {
    const { port, service } = stage();
    expect(await service.putQuorum('k', latin1Encode('v'), 2, 3, 1_000)).toEqual({
      reason: 'unreachable',
      result: [],
    });
    expect(port.handled).toBe(0);
  });

  it('and what does not come in time, when it is over', async () => {
    const port = new ManualPort(ringFor('k', 'abc'));
    const asked = new Service(coordinatorOn(port)).getQuorum('k', 3, 2, 200);
    port.reply('b', { kind: 'held', entry: undefined, whole: true });
    port.host.advance(230);
    expect(describeQuorum(await asked)).toEqual(['timeout', 'not_found at node b']);
  });

  it("what is read is the reader's own", async () => {
    const port = new ManualPort(ringFor('k', 'abc'));
    const asked = new Service(coordinatorOn(port)).getQuorum('k', 3, 1, 200);
    const lent = valueAt('k', 7, 'v');
    port.reply('b', { kind: 'held', entry: lent, whole: true });
    lent.fill(0xdd);
    expect(describeQuorum(await asked)).toEqual(['finished', 'value v at node b']);
  });
});
