import { describe, expect, it } from 'vitest';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { birthDocument, encodeDocument, type AgreedDocument } from '../ring/document.ts';
import { Gossip, heartbeatOf, newsFor, type GossipVerdict } from './gossip.ts';

const INTERVAL_MS = 250;
const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
const peer = (at: number): NodeId => `p${at}` as NodeId;

function ringOf(epoch: number, clusterId = 'c'): AgreedDocument {
  const birth = birthDocument({ self, clusterId, ringSize: 8, n: 3, level: 'eventual' });
  return encodeDocument({ ...birth, epoch: epoch as Epoch });
}

const heartbeat = (epoch: number, clusterId?: string) =>
  heartbeatOf(ringOf(epoch, clusterId), 0, { services: [], partial: 0 });

/** Ours is of epoch 5; `newest` is on its way to disk. */
function listener(newest = 5) {
  const gossip = new Gossip(INTERVAL_MS);
  return (from: NodeId, epoch: number, now: number): GossipVerdict =>
    gossip.heard(from, heartbeat(epoch), { agreed: ringOf(5), newest }, now);
}

describe('a node that is behind', () => {
  it('asks one of a hundred who tell it so', () => {
    const hear = listener();
    const verdicts = Array.from({ length: 100 }, (_, at) => hear(peer(at), 6, at));
    expect(verdicts.filter((verdict) => verdict === 'behind')).toHaveLength(1);
  });

  it('asks another when no answer has come for an interval', () => {
    const hear = listener();
    expect(hear(peer(1), 6, 0)).toBe('behind');
    expect(hear(peer(2), 6, INTERVAL_MS - 1)).toBe('same');
    expect(hear(peer(2), 6, INTERVAL_MS)).toBe('behind');
  });

  it('asks at once for something newer still', () => {
    const hear = listener();
    expect(hear(peer(1), 6, 0)).toBe('behind');
    expect(hear(peer(2), 7, 1)).toBe('behind');
    expect(hear(peer(1), 6, 2)).toBe('same');
  });

  it('asks for the ring of its prospect, whatever it has asked its own cluster for', () => {
    const gossip = new Gossip(INTERVAL_MS);
    const hear = (clusterId: string): GossipVerdict => {
      const held = { agreed: ringOf(5, clusterId), newest: 0 };
      return gossip.heard(peer(1), heartbeat(6, clusterId), held, 0);
    };
    expect(hear('c')).toBe('behind');
    expect(hear('d')).toBe('behind');
  });

  it('asks nobody for what is on its way to its disk', () => {
    const hear = listener(6);
    expect(hear(peer(1), 6, 0)).toBe('same');
    expect(hear(peer(1), 7, 0)).toBe('behind');
  });
});

describe('a node that is ahead', () => {
  it('says so to a member, which asks if it must, and tells whoever is none what became of it', () => {
    const ring = ringOf(5);
    expect(listener()(peer(1), 4, 0)).toBe('ahead');
    expect(newsFor(self.id, ring, heartbeat(5))).toMatchObject({ kind: 'heartbeat', epoch: 5 });
    expect(newsFor(peer(1), ring, heartbeat(5))).toEqual({ kind: 'document', document: ring });
  });
});
