/** What the Dynamo paper (SOSP 2007) says of preference lists, sentence by sentence. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claim } from '../claim/claim.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { preferenceList, primariesOf } from './preference-list.ts';

const nodes = [...'abcde'] as NodeId[];
const size = 32;
const owners = claim({ owners: Array.from({ length: size }, () => 'a' as NodeId), members: nodes }).owners;
const partition = fc.integer({ min: 0, max: size - 1 }) as fc.Arbitrary<PartitionId>;
const someDown = fc.subarray(nodes, { maxLength: nodes.length - 1 });

describe('Dynamo 4.3, replication', () => {
  it('each key is kept by its coordinator and its n-1 clockwise successors', () => {
    expect(primariesOf(30 as PartitionId, 3, owners).map((replica) => replica.partition)).toEqual([
      30, 31, 0,
    ]);
  });

  it('the preference list holds distinct physical nodes only', () => {
    for (let first = 0; first < size; first++) {
      const list = primariesOf(first as PartitionId, 3, owners).map((replica) => replica.node);
      expect(new Set(list).size, `list of partition ${first}: ${list.join(' ')}`).toBe(3);
    }
  });

  it('every node in the system can determine which nodes are in it: the list is a function of ring and key', () => {
    fc.assert(
      fc.property(partition, someDown, (first, down) => {
        const isUp = (node: NodeId): boolean => !down.includes(node);
        expect(preferenceList(first, 3, owners, isUp)).toEqual(preferenceList(first, 3, [...owners], isUp));
      }),
    );
  });
});

describe('Dynamo 4.6, hinted handoff', () => {
  it('operations go to the first n healthy nodes, which need not be the first n on the ring', () => {
    fc.assert(
      fc.property(partition, someDown, (first, down) => {
        const isUp = (node: NodeId): boolean => !down.includes(node);
        const round = Array.from({ length: size }, (_, i) => owners[(first + i) % size] as NodeId);
        const list = preferenceList(first, 3, owners, isUp).map((replica) => replica.node);
        expect(list).toEqual(round.filter(isUp).slice(0, 3));
      }),
    );
  });

  it('a replica meant for a node that is away is sent to another, with a hint whose it is', () => {
    const [a, b, c] = primariesOf(4 as PartitionId, 3, owners);
    const list = preferenceList(4 as PartitionId, 3, owners, (node) => node !== b?.node);
    expect(list.slice(0, 2)).toEqual([a, c]);
    expect(list[2]).toMatchObject({ partition: b?.partition, role: 'fallback' });
  });
});
