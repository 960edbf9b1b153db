/** A node of cluster `c` whose ring names a and b; what it dials and whom it keeps is written down. */
import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import { silentLogger } from '../contracts/logger.ts';
import type { DialResult, Hello, Transport } from '../contracts/transport.ts';
import type { MembershipMessage } from '../membership/messages.ts';
import { birthDocument, type Member, type RingDocument } from '../ring/document.ts';
import { Neighbours } from './neighbours.ts';

const addressOf = (name: string): string => `${name}:8099`;
const member = (name: string): Member => ({
  id: name as NodeId,
  name,
  address: addressOf(name),
  status: 'valid',
  location: '',
});

function ringOf(clusterId: string, ...names: string[]): RingDocument {
  const self = member(names[0] as string);
  const birth = birthDocument({ clusterId, ringSize: 8, self, n: 3, level: 'eventual' });
  return { ...birth, members: names.map(member) };
}

const message = (text: string): MembershipMessage => ({ kind: text }) as unknown as MembershipMessage;

function stage() {
  const host = new ManualHost();
  const dials: { readonly address: string; readonly done: (result: DialResult) => void }[] = [];
  const told: string[] = [];
  const kept: string[] = [];
  const rings = { document: ringOf('c', 'a', 'b'), prospect: undefined as RingDocument | undefined };
  const transport = {
    dial: (address, _purpose, done) => dials.push({ address, done }),
    setPeers: (peers) => kept.splice(0, Infinity, ...peers.map(({ id }) => id)),
  } as Pick<Transport, 'dial' | 'setPeers'> as Transport;
  const neighbours = new Neighbours({
    self: 'a' as NodeId,
    host,
    transport,
    logger: silentLogger,
    document: () => rings.document,
    prospect: () => rings.prospect,
    send: (to, { kind }) => told.push(`${kind} to ${to}`),
  });
  const hello = (name: string, clusterId: string, purpose: Hello['purpose']): Hello => ({
    nodeId: name as NodeId,
    start: 1 as StartNumber,
    name,
    address: addressOf(name),
    clusterId,
    purpose,
    features: [],
  });
  const knock = (name: string, clusterId = 'lone', purpose: Hello['purpose'] = 'join'): string => {
    const reason = neighbours.admit(hello(name, clusterId, purpose));
    host.endTurn();
    return reason ?? 'welcome';
  };
  /** The dial under way to this node succeeds or fails. */
  const dialled = (name: string, reason?: string): void => {
    const at = dials.findIndex(({ address }) => address === addressOf(name));
    const [dial] = dials.splice(at, 1);
    dial?.done(
      reason === undefined
        ? { kind: 'connected', peer: hello(name, 'lone', 'member') }
        : { kind: 'failed', reason },
    );
  };
  const setMembers = (...names: string[]): void =>
    neighbours.setMembers(names.map((name) => ({ id: name as NodeId, address: addressOf(name) })));
  return { host, neighbours, rings, dials, told, kept, knock, dialled, setMembers };
}

describe('who may come in', () => {
  it.each<[string, string, string, Hello['purpose'], string]>([
    ['a member', 'b', 'c', 'member', 'welcome'],
    ['a member that was a lone node when it said so', 'b', 'lone', 'member', 'welcome'],
    ['whoever asks to be let in', 'x', 'lone', 'join', 'welcome'],
    [
      'one of this cluster that the ring does not name: it has been removed, and is to be told',
      'x',
      'c',
      'member',
      'welcome',
    ],
    ['a stranger', 'x', 'other', 'member', 'it is of another cluster (other)'],
    [
      'a copy of this very node',
      'a',
      'c',
      'member',
      'it bears the id of this very node: its data directory is a copy',
    ],
  ])('%s', (_, name, clusterId, purpose, answer) =>
    expect(stage().knock(name, clusterId, purpose)).toBe(answer),
  );

  it('members of the ring that this node has asked to enter', () => {
    const { rings, knock } = stage();
    rings.prospect = ringOf('big', 'x', 'y');
    expect(knock('y', 'lone', 'member')).toBe('welcome');
    expect(knock('z', 'big', 'member')).toBe('welcome');
  });

  it('anybody while this node waits to be let in: who was asked dials back before it is known', () => {
    const { neighbours, knock } = stage();
    neighbours.joinsUnderWay = 1;
    expect(knock('x', 'big', 'member')).toBe('welcome');
  });
});

describe('who knocks', () => {
  it('is dialled back, and told then what it is to be told', () => {
    const { neighbours, dials, told, knock, dialled } = stage();
    knock('x');
    knock('x');
    expect(dials.map(({ address }) => address)).toEqual(['x:8099']);
    neighbours.keepFor('x' as NodeId, message('staged'));
    dialled('x');
    expect(told).toEqual(['staged to x']);
  });

  it('is not when it is a member: there is a connection already, or will be', () => {
    const { dials, knock } = stage();
    knock('b');
    expect(dials).toEqual([]);
  });

  it('stays connected while its answer may take, whatever the ring says of others meanwhile', () => {
    const { host, kept, knock, dialled, setMembers } = stage();
    knock('x');
    dialled('x');
    setMembers('b');
    expect(kept).toEqual(['b', 'x']);
    host.advance(8_000);
    expect(kept).toEqual(['b']);
  });

  it('again stays as long again', () => {
    const { host, kept, knock, dialled, setMembers } = stage();
    setMembers('b');
    knock('x');
    dialled('x');
    host.advance(7_000);
    knock('x');
    dialled('x');
    host.advance(2_000);
    expect(kept).toEqual(['b']);
    setMembers('b');
    expect(kept).toEqual(['b', 'x']);
    host.advance(6_000);
    expect(kept).toEqual(['b']);
  });

  it('and is let in is named once', () => {
    const { kept, knock, dialled, setMembers } = stage();
    knock('x');
    dialled('x');
    setMembers('b', 'x');
    expect(kept).toEqual(['b', 'x']);
  });

  it('from where it cannot be reached is told nothing', () => {
    const { neighbours, told, kept, knock, dialled, setMembers } = stage();
    knock('x');
    neighbours.keepFor('x' as NodeId, message('staged'));
    dialled('x', 'connection refused');
    setMembers('b');
    expect([told, kept]).toEqual([[], ['b']]);
  });

  it('what waits for a dial that comes to nothing is dropped, but not what waits for the next one', () => {
    const { host, neighbours, told, knock, dialled } = stage();
    knock('x');
    neighbours.keepFor('x' as NodeId, message('early'));
    host.advance(1_000);
    dialled('x', 'connection refused');
    knock('x');
    neighbours.keepFor('x' as NodeId, message('late'));
    host.advance(2_500);
    dialled('x');
    expect(told).toEqual(['late to x']);
  });

  it('nobody is dialled back once the node has stopped', () => {
    const { neighbours, dials, knock } = stage();
    neighbours.stop();
    knock('x');
    expect(dials).toEqual([]);
  });
});

describe('who has left the ring', () => {
  it('stays connected for as long as its clients may wait for the answers of others', () => {
    const { host, kept, setMembers } = stage();
    setMembers('b', 'c');
    setMembers('b');
    expect(kept).toEqual(['b', 'c']);
    host.advance(5_000);
    expect(kept).toEqual(['b', 'c']);
    host.advance(3_000);
    expect(kept).toEqual(['b']);
  });

  it('does not, when another node stands at its address', () => {
    const { neighbours, kept, setMembers } = stage();
    setMembers('b', 'c');
    neighbours.setMembers([{ id: 'd' as NodeId, address: addressOf('c') }]);
    expect(kept).toEqual(['d', 'b']);
  });
});
