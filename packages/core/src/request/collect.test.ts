/** A quorum request over a port whose replicas do as the test says: at once, as those on this node, or later. */
import { describe, expect, it } from 'vitest';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { Refusal } from '../contracts/vnode.ts';
import type { Replica } from '../ring/preference-list.ts';
import { birthDocument } from '../ring/document.ts';
import { collect, type CollectOptions, type CollectOutcome } from './collect.ts';
import type { ReplicaRequest, ServicePort } from './port.ts';
import { countedList, quorumOf, type CountedList } from './quorum.ts';

const self = 'a' as NodeId;
const document = birthDocument({
  clusterId: 'c',
  ringSize: 8,
  self: { id: self, name: 'a', address: 'a:1', location: '' },
  n: 3,
  level: 'eventual',
});

class ManualPort implements ServicePort<string, string> {
  readonly self = self;
  readonly epoch = 1 as Epoch;
  readonly document = document;
  full = false;
  readonly sent: string[] = [];
  readonly alarms: number[] = [];
  /** Called as each command is sent. */
  answer: (at: number) => void = () => {};
  request: ReplicaRequest<string> | undefined;

  list(): CountedList {
    throw new Error('the list is given');
  }
  open(request: ReplicaRequest<string>): number {
    this.request = request;
    return 1;
  }
  close(): void {
    this.request = undefined;
  }
  send(_id: number, at: number, { partition, node }: Replica, command: string): void {
    this.sent.push(`${command} to ${partition}@${node}`);
    this.answer(at);
  }
  alarm(_id: number, delayMs: number): void {
    this.alarms.push(delayMs);
  }

  reply(at: number, text: string, standIn = false): void {
    this.request?.onReply(at, text, standIn);
  }
  refuse(at: number, why: Refusal): void {
    this.request?.onRefused(at, why);
  }
  fail(at: number, sent = true): void {
    this.request?.onFailed(at, sent);
  }
}

function listOf(nodes: string, n = nodes.length): CountedList {
  const replicas = [...nodes].map((node, at) => ({
    partition: at as PartitionId,
    ringSize: 8,
    node: node as NodeId,
    role: 'primary' as const,
  }));
  return countedList(replicas, n, new Set(nodes).size, self);
}

function stage(
  nodes = 'abc',
  needed = 2,
  given: Partial<CollectOptions<string, string, string>> = {},
  answer?: (port: ManualPort, at: number) => void,
) {
  const port = new ManualPort();
  if (answer !== undefined) port.answer = (at) => answer(port, at);
  const outcomes: CollectOutcome<string>[] = [];
  const list = listOf(nodes, Math.max(3, nodes.length));
  collect<string, string, string>(port, {
    list,
    quorum: quorumOf(list, needed),
    command: 'do',
    timeoutMs: 1_000,
    keep: (reply) => reply,
    counts: (reply) => reply !== 'nothing',
    done: (outcome) => outcomes.push(outcome),
    ...given,
  });
  const said = (): (string | number | boolean)[][] =>
    outcomes.map(({ reason, got, definite, answers }) => [
      reason,
      got,
      definite,
      ...answers.map(({ answer }) => answer),
    ]);
  return { port, said, outcomes };
}

describe('a quorum request', () => {
  it('asks everybody at once and ends with enough answers, the newest first', () => {
    const { port, said } = stage();
    expect(port.sent).toEqual(['do to 0@a', 'do to 1@b', 'do to 2@c']);
    expect(port.alarms).toEqual([1_000]);
    port.reply(2, 'first');
    expect(said()).toEqual([]);
    port.reply(0, 'second');
    expect(said()).toEqual([['finished', 2, false, 'second', 'first']]);
    expect(port.request).toBeUndefined();
  });

  it('asks everybody even when those on this node answer at once and are enough: a write goes to all', () => {
    const { port, said } = stage('abc', 1, {}, (port, at) => at === 0 && port.reply(0, 'here'));
    expect(port.sent).toEqual(['do to 0@a', 'do to 1@b', 'do to 2@c']);
    expect(said()).toEqual([['finished', 1, false, 'here']]);
  });

  it('keeps answers that do not count, and goes on waiting', () => {
    const { port, said } = stage();
    port.reply(0, 'nothing');
    port.reply(1, 'x');
    port.reply(2, 'y');
    expect(said()).toEqual([['finished', 2, false, 'y', 'x', 'nothing']]);
  });

  it('says at once when enough can no longer come', () => {
    const { port, said } = stage();
    port.reply(0, 'x');
    port.fail(1);
    port.fail(2);
    expect(said()).toEqual([['unreachable', 1, false, 'x']]);
  });

  it('sends nothing when the list is too short, and says that surely nothing happened', () => {
    const { port, said } = stage('a', 2);
    expect(port.sent).toEqual([]);
    expect(said()).toEqual([['unreachable', 0, true]]);
  });

  it.each<[string, boolean, (port: ManualPort) => void]>([
    [
      'all refused, where one would do',
      true,
      (port) => [0, 1, 2].forEach((at) => port.refuse(at, 'overload')),
    ],
    [
      'nobody was sent it, where one would do',
      true,
      (port) => [0, 1, 2].forEach((at) => port.fail(at, false)),
    ],
    ['one may have got it', false, (port) => [0, 1, 2].forEach((at) => port.fail(at, at === 1))],
    [
      'too few can still answer, but one that has not may have done it',
      false,
      (port) => [0, 1].forEach((at) => port.refuse(at, 'overload')),
    ],
    ['time is up', false, (port) => port.request?.onAlarm()],
  ])('%s: definite is %s', (name, definite, play) => {
    const { port, outcomes } = stage('abc', name.endsWith('one would do') ? 1 : 2);
    play(port);
    expect(outcomes.map((outcome) => outcome.definite)).toEqual([definite]);
  });

  it('is not begun when this node has too many open', () => {
    const port = new ManualPort();
    port.full = true;
    const outcomes: CollectOutcome<string>[] = [];
    const list = listOf('abc');
    collect<string, string, string>(port, {
      list,
      quorum: quorumOf(list, 2),
      command: 'do',
      timeoutMs: 1_000,
      keep: (reply) => reply,
      counts: () => true,
      done: (outcome) => outcomes.push(outcome),
    });
    expect(outcomes).toEqual([
      { reason: 'unreachable', answers: [], got: 0, definite: true, refusal: 'overload' },
    ]);
    expect([port.request, port.sent, port.alarms]).toEqual([undefined, [], []]);
  });

  it('tells why it was refused', () => {
    const { port, outcomes } = stage();
    port.refuse(0, 'overload');
    port.refuse(1, 'read_only');
    expect(outcomes[0]).toMatchObject({ reason: 'unreachable', refusal: 'read_only' });
  });
});

describe('a read that the primaries suffice for', () => {
  const primariesSuffice = true;

  it('takes the word of all copies that live when one node took several with it', () => {
    const list = countedList(listOf('a').replicas, 3, 2, self);
    const { port, said } = stage('a', 2, { list, primariesSuffice });
    port.reply(0, 'x');
    expect(said()).toEqual([['finished', 1, false, 'x']]);
  });

  it('but not before everybody has spoken', () => {
    const list = countedList(listOf('aab').replicas, 3, 2, self);
    const { port, said } = stage('aab', 2, { list, primariesSuffice });
    port.reply(0, 'x');
    port.fail(2);
    expect(said()).toEqual([]);
    port.reply(1, 'y');
    expect(said()).toEqual([['finished', 2, false, 'y', 'x']]);
  });

  it('nobody there is nobody there', () => {
    const { said } = stage('', 2, { list: countedList([], 3, 2, self), primariesSuffice });
    expect(said()).toEqual([['unreachable', 0, true]]);
  });
});
