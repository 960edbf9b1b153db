/**
 * Bugs that the simulation must find: each is the shipped code with one thing wrong, put in through the seams that a
 * node has anyway. `npm run sim -- --planted` and planted-bugs.slow.test.ts show that each is caught.
 */
import {
  decodeDocument,
  eraOf,
  HybridClock,
  latin1Encode,
  memberOf,
  Prng,
  SPACE_ENTRY,
  stampHex,
  ZERO_STAMP,
  type CountedList,
  type HybridClockInit,
  type NodeId,
  type StampPlace,
  type VnodeContext,
} from '@rkv/core';
import {
  decodeItem,
  encodeItem,
  KvVnode,
  merge,
  stampOfMoment,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
  type ChangeDesk,
  type KvCommand,
} from '@rkv/store';
import { digestBytes, type FaultKind } from '@rkv/testkit';
import { PLANTED_CHANGES } from './planted-changes.ts';
import { withoutComparing, withoutExchange, withoutFilling } from './planted-frames.ts';
import {
  withChangesAskedAgain,
  withFreshStarts,
  withoutFlushes,
  withStandInsAsPrimaries,
} from './planted-requests.ts';
import { ForgetfulStandIn, StaleLeafVnode } from './planted-vnodes.ts';
import { portWith, requestWith } from './port-with.ts';
import type { Plant } from './rkv-cluster.ts';

type VnodeToken = Parameters<KvVnode['handleCommand']>[1];

/** What is handed over takes the place of what is held, instead of being merged with it. */
class OverwritingVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at } = decodeItem(item);
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          if (reply.kind === 'held' && reply.entry !== undefined)
            this.handleItemHandedOff(encodeItem(at, reply.entry));
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, done);
  }
}

/**
 * A write is merged with what is committed and not with what is on its way there: of two in flight the one that came
 * later stays, whatever their versions are.
 */
class ForgetfulVnode extends KvVnode {
  readonly #context: VnodeContext;

  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    super(context, clock, { desk });
    this.#context = context;
  }

  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'merge') return super.handleCommand(command, token);
    const { key, hashHi, hashLo, entry } = command;
    const committed = this.#committed(command);
    const value = merge(key, committed, entry);
    if (value !== entry) return super.handleCommand(command, token);
    super.handleCommand(command, {
      reply: (reply) => token.reply(reply.kind === 'merged' ? { ...reply, later: undefined } : reply),
      refuse: (why) => token.refuse(why),
      fail: (why) => token.fail(why),
    });
    const { store, place } = this.#context;
    store.submit([{ space: SPACE_ENTRY, place, hashHi, hashLo, key, value }]);
  }

  #committed(at: Extract<KvCommand, { kind: 'merge' }>): Uint8Array | undefined {
    const { store, place } = this.#context;
    return store.get(SPACE_ENTRY, place, at)?.slice();
  }
}

/** A stand-in forgets what it sends to the owner as it sends it, and not when the owner says that it has it. */
class HastyVnode extends KvVnode {
  readonly #context: VnodeContext;

  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    super(context, clock, { desk });
    this.#context = context;
  }

  override walkItems(...walk: Parameters<KvVnode['walkItems']>): ReturnType<KvVnode['walkItems']> {
    const page = super.walkItems(...walk);
    if (this.#context.role() === 'fallback') for (const item of page.items) this.handleItemHandedOff(item);
    return page;
  }
}

/** Where a delete is held, what is handed over takes its place, however old it is. */
class RevivingVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at } = decodeItem(item);
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          if (reply.kind === 'held' && reply.entry !== undefined && typeOf(reply.entry) === TOMBSTONE)
            this.handleItemHandedOff(encodeItem(at, reply.entry));
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, done);
  }
}

/** What it has deleted is removed after a moment, whoever else has heard of it or not. */
class ForgettingVnode extends KvVnode {
  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    const { host, bounds } = context;
    super(
      {
        ...context,
        bounds: {
          lowestClock: () => bounds.lowestClock(),
          get floor() {
            return stampOfMoment(host.now() - 1_000);
          },
          bar: ZERO_STAMP,
        },
      },
      clock,
      { desk },
    );
  }

  override isReaped(): boolean {
    return false;
  }
}

/** Of an item that is held already the sender never hears that it is. */
class SilentVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at, entry } = decodeItem(item);
    let isHeld = false;
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          isHeld =
            reply.kind === 'held' &&
            reply.entry !== undefined &&
            stampHex(reply.entry, VERSION_AT) === stampHex(entry, VERSION_AT);
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, isHeld ? () => {} : done);
  }
}

/** Stamps are the wall clock's reading and nothing else: a clock set back makes stamps anew that were made before. */
class WallClock extends HybridClock {
  readonly #init: HybridClockInit;

  constructor(init: HybridClockInit) {
    super(init);
    this.#init = init;
  }

  override write(out: Uint8Array, at: number, _floor?: StampPlace): void {
    new HybridClock(this.#init).write(out, at);
  }

  override observe(): boolean {
    return true;
  }
}

/**
 * The random bits of a stamp are the machine's, the same in each life. Alone that does no harm; when the wall clock has been
 * set back between two lives, a stamp that was given out is given out again.
 */
function withActorOf(init: HybridClockInit, machine: string): HybridClock {
  const dice = new Prng(digestBytes(latin1Encode(machine)));
  return new HybridClock({ ...init, random: () => dice.u32() });
}

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
    plant: { openVnode: (context, clock, desk) => new ForgetfulVnode(context, clock, desk) },
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

  // And some more.

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
    plant: { openVnode: (context, clock, desk) => new HastyVnode(context, clock, desk) },
    shows: LOST_COPY,
  },

  'what is handed over brings a deleted key back': {
    plant: { openVnode: (context, clock, desk) => new RevivingVnode(context, clock, { desk }) },
    shows: /lost the delete/,
  },

  'a tombstone is reaped before all replicas saw it': {
    plant: { openVnode: (context, clock, desk) => new ForgettingVnode(context, clock, desk) },
    shows: /lost the delete/,
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
    plant: { openVnode: (context, clock, desk) => new ForgetfulStandIn(context, clock, desk) },
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
