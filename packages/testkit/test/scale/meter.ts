/**
 * A meter on one node: the frames it sends, by what they are for, and the processor time that it spends.
 *
 * A node is entered by few doors - timers, frames, disks that are done - and what happens between entering and leaving
 * is its work: one turn of the event loop that it would have in a process of its own. So a turn is measured here at the
 * doors, and the simulated network, disks and clocks between the turns are left out. What is left out too: system calls
 * and encryption, of which a simulated node has none.
 */
import { HEADER_BYTES, latin1Decode, MESSAGE, type Host, type Store, type Transport } from '@rkv/core';
import type { NodeLife } from '@rkv/testkit';

/** What a frame is for. `handoff` is the bulk lane, `data` commands to vnodes and their answers. */
export const FRAME_KINDS = [
  'heartbeat',
  'document',
  'agreement',
  'report',
  'other',
  'handoff',
  'data',
] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

export interface Tally {
  frames: number;
  bytes: number;
}

/** By the kind of a membership message; what is not here is `other`. */
const PURPOSES: Readonly<Record<string, FrameKind>> = {
  heartbeat: 'heartbeat',
  documentRequest: 'document',
  document: 'document',
  prepare: 'agreement',
  promise: 'agreement',
  accept: 'agreement',
  accepted: 'agreement',
  nack: 'agreement',
  report: 'report',
};
/** The kind stands first in a message. */
const KIND = /^\{"kind":"(\w+)"/;
const KIND_CHARACTERS_MAX = 32;
const TYPE_AT = 1;

export class Meter {
  readonly sent: Record<FrameKind, Tally>;
  /** Microseconds of the processor in all turns, and in the longest. */
  busyUs = 0;
  longestUs = 0;
  #depth = 0;

  constructor() {
    this.sent = Object.fromEntries(
      FRAME_KINDS.map((kind) => [kind, { frames: 0, bytes: 0 }]),
    ) as typeof this.sent;
  }

  reset(): void {
    for (const tally of Object.values(this.sent)) Object.assign(tally, { frames: 0, bytes: 0 });
    this.busyUs = 0;
    this.longestUs = 0;
  }

  get total(): Tally {
    const tallies = Object.values(this.sent);
    return {
      frames: tallies.reduce((sum, { frames }) => sum + frames, 0),
      bytes: tallies.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** `run` is work of this node. */
  turn<Result>(run: () => Result): Result {
    if (this.#depth > 0) return run();
    this.#depth++;
    const before = processorUs();
    try {
      return run();
    } finally {
      this.#depth--;
      const tookUs = processorUs() - before;
      this.busyUs += tookUs;
      this.longestUs = Math.max(this.longestUs, tookUs);
    }
  }

  count(lane: string, bytes: Uint8Array, start: number, end: number): void {
    const tally = this.sent[lane === 'control' ? purposeOf(bytes, start, end) : laneKind(lane)];
    tally.frames++;
    tally.bytes += end - start;
  }

  /** Everything that such a node does goes through here. */
  endow(life: NodeLife): NodeLife {
    const { stable } = life;
    return {
      ...life,
      host: this.#host(life.host),
      transport: this.#transport(life.transport),
      store: this.#store(life.store),
      stable: {
        load: (name) => stable.load(name),
        save: (name, bytes, done) => stable.save(name, bytes, (error) => this.turn(() => done(error))),
      },
    };
  }

  #host(host: Host): Host {
    return {
      now: () => host.now(),
      monotonic: () => host.monotonic(),
      random: () => host.random(),
      setTimer: (delayMs, fire) => host.setTimer(delayMs, () => this.turn(fire)),
      defer: (run) => host.defer(() => this.turn(run)),
    };
  }

  #transport(transport: Transport): Transport {
    return {
      start: (handler) =>
        transport.start({
          hello: (purpose) => this.turn(() => handler.hello(purpose)),
          admit: (peer) => this.turn(() => handler.admit(peer)),
          onFrame: (from, lane, bytes, start, end) =>
            this.turn(() => handler.onFrame(from, lane, bytes, start, end)),
          onPeerUp: (peer) => this.turn(() => handler.onPeerUp(peer)),
          onPeerDown: (peer, reason) => this.turn(() => handler.onPeerDown(peer, reason)),
        }),
      setPeers: (peers) => transport.setPeers(peers),
      dial: (address, purpose, done) =>
        transport.dial(address, purpose, (result) => this.turn(() => done(result))),
      send: (to, lane, bytes, start, end) => {
        const taken = transport.send(to, lane, bytes, start, end);
        if (taken) this.count(lane, bytes, start, end);
        return taken;
      },
      stop: () => transport.stop(),
    };
  }

  #store(store: Store): Store {
    return {
      storeId: store.storeId,
      start: ({ onProgress, onFailure }) =>
        store.start({
          onProgress: () => this.turn(onProgress),
          onFailure: (fromSeq, error) => this.turn(() => onFailure(fromSeq, error)),
        }),
      submit: (records, late) => store.submit(records, late),
      get committedSeq() {
        return store.committedSeq;
      },
      get flushedSeq() {
        return store.flushedSeq;
      },
      get: (space, place, at) => store.get(space, place, at),
      walk: (space, place, after, limit, visit) => store.walk(space, place, after, limit, visit),
      places: (space) => store.places(space),
      close: (done) => store.close(done),
    };
  }
}

function processorUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function laneKind(lane: string): FrameKind {
  return lane === 'bulk' ? 'handoff' : 'data';
}

function purposeOf(bytes: Uint8Array, start: number, end: number): FrameKind {
  if (bytes[start + TYPE_AT] !== MESSAGE.membership) return 'other';
  const body = start + HEADER_BYTES;
  const kind = KIND.exec(latin1Decode(bytes, body, Math.min(end, body + KIND_CHARACTERS_MAX)))?.[1];
  return PURPOSES[kind ?? ''] ?? 'other';
}
