/**
 * Bugs that the simulation must find: each is the shipped code with one thing wrong, put in through the seams that a
 * node has anyway. `npm run sim -- --planted` and planted-bugs.slow.test.ts show that each is caught.
 */
import { decodeDocument, eraOf, memberOf, type CountedList, type NodeId } from '@rkv/core';
import { KvVnode } from '@rkv/store';
import type { FaultKind } from '@rkv/testkit';
import { PLANTED_CHANGES } from './planted-changes.ts';
import { WallClock, withActorOf } from './planted-clocks.ts';
import { withoutComparing, withoutExchange, withoutFilling } from './planted-frames.ts';
import {
  withChangesAskedAgain,
  withFreshStarts,
  withoutFlushes,
  withStandInsAsPrimaries,
} from './planted-requests.ts';
import {
  DropsHintsVnode,
  ForgetsOnSendingVnode,
  OverwritingVnode,
  ReapsTooSoonVnode,
  RevivingVnode,
  SilentVnode,
  StaleLeafVnode,
  VnodeWithoutOverlay,
} from './planted-vnodes.ts';
import { portWith, requestWith } from './port-with.ts';
import type { Plant } from './rkv-cluster.ts';

/** Two copies on one node count as if they were on two. */
function withCopiesApart(list: CountedList): CountedList {
  return { ...list, owners: list.n, nodeBits: list.replicas.map((_, at) => 1 << at) };
}

export interface PlantedBug {
  readonly plant: Plant;
  /** How it shows: a problem that is just this bug's. */
  readonly shows: RegExp;
  /** Faults of these kinds only, in every seed: it concerns what is rare among all others. */
  readonly kinds?: readonly FaultKind[];
}

const LOSS = /lost the (write|delete)|acknowledged at/;
/** On the disks in the end, or sooner by a read. */
const LOST_COPY = /lost the (write|delete)|acknowledged at .* is on [0-2] primaries/;
const TOO_FEW = /was acknowledged when it lay on \d partitions/;

export const PLANTED: Readonly<Record<string, PlantedBug>> = {
  'overlay left out of merge': {
    plant: { openVnode: (context, clock, desk) => new VnodeWithoutOverlay(context, clock, desk) },
    shows: LOSS,
  },

  'ring told before persisted': {
    plant: {
      stable: (shipped, host) => ({
        load: (name) => shipped.load(name),
        save: (name, bytes, done) => {
          if (name !== 'ring') return shipped.save(name, bytes, done);
          host.defer(() => done(undefined));
          return shipped.save(name, bytes, () => {});
        },
      }),
    },
    shows: /went back from epoch/,
  },

  'W counts the same partition twice': {
    plant: {
      port: (shipped) =>
        portWith(shipped, {
          open: (request) =>
            shipped.open(
              requestWith(request, {
                onReply: (at, reply, standIn) => {
                  request.onReply(at, reply, standIn);
                  if (reply.kind === 'merged') request.onReply(at === 0 ? 1 : 0, reply, standIn);
                },
              }),
            ),
        }),
    },
    shows: TOO_FEW,
  },

  "a fallback's not-found counted": {
    plant: {
      port: (shipped) =>
        portWith(shipped, {
          open: (request) =>
            shipped.open(requestWith(request, { onReply: (at, reply) => request.onReply(at, reply, false) })),
        }),
    },
    shows: /not found/,
  },

  'actor reused after a clock step': {
    plant: { clock: withActorOf },
    shows: /another state under the stamp|are acknowledged under the stamp|bear one stamp/,
  },

  'what is handed over overwrites what is held': {
    plant: { openVnode: (context, clock, desk) => new OverwritingVnode(context, clock, { desk }) },
    shows: LOSS,
  },

  'two copies on one node counted as copies on two': {
    plant: {
      port: (shipped) => portWith(shipped, { list: (first, n) => withCopiesApart(shipped.list(first, n)) }),
    },
    shows: /was acknowledged when it lay on 1 nodes/,
  },

  'copies are never compared': {
    plant: { transport: withoutExchange },
    shows: /not settled .* the copies of .* differ/,
  },

  'a request has no alarm': {
    plant: { port: (shipped) => portWith(shipped, { alarm: () => {} }) },
    shows: /is not answered/,
  },

  'acknowledged before it is flushed': {
    plant: {
      openVnode: (context, clock, desk) =>
        new KvVnode({ ...context, durability: 'process' }, clock, { desk }),
    },
    shows: TOO_FEW,
  },

  'hints forgotten before they are acknowledged': {
    plant: { openVnode: (context, clock, desk) => new ForgetsOnSendingVnode(context, clock, desk) },
    shows: LOST_COPY,
  },

  'what is handed over brings a deleted key back': {
    plant: { openVnode: (context, clock, desk) => new RevivingVnode(context, clock, { desk }) },
    shows: /lost the delete/,
  },

  'a tombstone is reaped before all replicas saw it': {
    plant: { openVnode: (context, clock, desk) => new ReapsTooSoonVnode(context, clock, desk) },
    shows: /lost the delete/,
    // It shows only when a replica is away for more than a second and nothing else repairs it.
    kinds: ['cut', 'crash'],
  },

  "keys expire by each coordinator's own clock": {
    plant: { clusterTime: (_shipped, host) => () => host.now() },
    shows: /which expired \d+ ms before|ms early/,
  },

  'what is held already is never acknowledged in a handoff': {
    plant: { openVnode: (context, clock, desk) => new SilentVnode(context, clock, { desk }) },
    shows: /not settled/,
  },

  'what a resumed transfer compares is believed': {
    plant: { transport: withoutComparing },
    shows: LOST_COPY,
  },

  'a ring takes another size before its places are filled': {
    plant: { transport: withoutFilling },
    shows: LOST_COPY,
  },

  'a member that was put aside keeps its old ring': {
    plant: {
      stable: (shipped, _host, self) => ({
        load: (name) => shipped.load(name),
        save: (name, bytes, done) => {
          if (name !== 'ring' || !isPutAside(shipped.load('ring'), bytes, self))
            shipped.save(name, bytes, done);
        },
      }),
    },
    shows: /not settled .* goes by epoch \d+, which a forced ring has undone/,
  },

  'a node that is in no ring any more is taken for one that has left': {
    plant: { removed: () => 'left' },
    shows: /is said to have left its cluster while it holds entries/,
    kinds: ['forcedCut'],
  },

  'stamps follow the wall clock back': {
    plant: { clock: (init) => new WallClock(init) },
    shows: /nobody will ever see it/,
  },

  'hints are dropped at a restart': {
    plant: { openVnode: (context, clock, desk) => new DropsHintsVnode(context, clock, desk) },
    shows: LOST_COPY,
    kinds: ['cut', 'crash'],
  },

  'the leaf of what is removed stays as it was': {
    plant: { openVnode: (context, clock, desk) => new StaleLeafVnode(context, clock, desk) },
    shows: /its hash tree is that of other entries/,
  },

  'a fallback counted as a primary': {
    plant: { port: withStandInsAsPrimaries },
    shows: /was acknowledged when it lay on \d of its primaries/,
  },

  'that a write is to be flushed is forgotten': {
    plant: { port: withoutFlushes },
    shows: TOO_FEW,
  },

  'a write starts afresh where the copy here cannot be read': {
    plant: { port: withFreshStarts },
    shows: /nobody will ever see it/,
  },

  'a change that may have been made is asked of another': {
    plant: { port: withChangesAskedAgain },
    shows: /strict keys: .*NOT LINEARIZABLE/s,
  },

  ...PLANTED_CHANGES,
};

/** Whether others have forced the second ring without this node, which has the first. */
function isPutAside(held: Uint8Array | undefined, heard: Uint8Array, self: NodeId): boolean {
  if (held === undefined) return false;
  const [before, after] = [decodeDocument(held).document, decodeDocument(heard).document];
  return eraOf(after.epoch) > eraOf(before.epoch) && memberOf(after, self)?.status === 'down';
}
