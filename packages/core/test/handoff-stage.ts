/** Nodes that hand items to each other: real managers, vnodes of plain maps, and a wire that a test can stop. */
import { latin1Decode, latin1Encode, Reader, Writer } from '../src/base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../src/contracts/ids.ts';
import { silentLogger } from '../src/contracts/logger.ts';
import type { HashRange, Place, RecordKey } from '../src/contracts/store.ts';
import { HandoffManager } from '../src/handoff/handoff-manager.ts';
import type { HandoffPort, Sink, TransferableVnode } from '../src/handoff/port.ts';
import { MESSAGE, newHeader, type Header } from '../src/request/message.ts';
import { birthDocument, type RingDocument } from '../src/ring/document.ts';
import { rangeOf } from '../src/ring/ranges.ts';
import { ManualHost } from './manual-host.ts';

type Standing = TransferableVnode['standing'];

const RING_BITS = 3;
const ITEMS_PER_PAGE = 2;

/** Items are `key=value`; the later value in the order of letters wins. */
export class MapVnode implements TransferableVnode {
  readonly place: Place;
  readonly service: string;
  standing: Standing;
  whole: boolean;
  readonly items = new Map<string, string>();
  /** Acknowledge at once, not at all, or as not stored. */
  storing: 'well' | 'never' | 'badly' = 'well';
  repairAsked = false;
  /** Items stay though they were handed over: the disk takes no writes. */
  keepsAll = false;
  clearings = 0;
  readonly #sinks = new Set<Sink>();

  constructor(service: string, partition: number, standing: Standing, items: readonly string[]) {
    this.service = service;
    this.place = { ringBits: RING_BITS, partition: partition as PartitionId };
    this.standing = standing;
    this.whole = standing === 'owner';
    for (const item of items) this.#merge(item);
  }

  /** Somebody writes to this vnode. */
  write(item: string): void {
    this.#merge(item);
    for (const sink of this.#sinks) sink.passOn(latin1Encode(item));
  }

  get content(): string {
    return [...this.items]
      .map(([key, value]) => `${key}=${value}`)
      .toSorted()
      .join(' ');
  }

  readonly vnode = {
    isEmpty: () => this.items.size === 0,
    countItems: () => this.items.size,
    // What does matter is whose key it is: that of the range whose number it ends with.
    keyOf: (item: Uint8Array): RecordKey => {
      const [key = ''] = latin1Decode(item).split('=');
      const range = Number(/\d$/.exec(key)?.[0] ?? 0) as PartitionId;
      return { hashHi: rangeOf(range, RING_BITS).start, hashLo: 0, key };
    },
    // Where a key stands in hash space does not matter: all of them lie in every range.
    walkItems: (
      cursor: Uint8Array | undefined,
      _budgetBytes: number,
      _within: HashRange,
      upTo?: Uint8Array,
    ) => {
      const after = cursor === undefined ? '' : latin1Decode(cursor);
      const end = upTo === undefined ? '\xff' : latin1Decode(upTo);
      const keys = [...this.items.keys()].filter((key) => key > after && key <= end).toSorted();
      const page = keys.slice(0, ITEMS_PER_PAGE);
      const next = keys.length > page.length ? latin1Encode(page.at(-1) ?? '') : undefined;
      return { items: page.map((key) => latin1Encode(`${key}=${this.items.get(key)}`)), next };
    },
    handleHandoffItem: (item: Uint8Array, done: (stored: boolean) => void) => {
      if (this.storing !== 'badly') this.#merge(latin1Decode(item));
      if (this.storing !== 'never') done(this.storing === 'well');
    },
    handleItemHandedOff: (item: Uint8Array) => {
      const [key = '', value] = latin1Decode(item).split('=');
      if (!this.keepsAll && this.items.get(key) === value) this.items.delete(key);
    },
    clearSome: () => {
      this.clearings++;
      for (const key of [...this.items.keys()].slice(0, ITEMS_PER_PAGE)) this.items.delete(key);
      return this.items.size === 0;
    },
  };

  addSink(sink: Sink): void {
    this.#sinks.add(sink);
  }
  removeSink(sink: Sink): void {
    this.#sinks.delete(sink);
  }
  loseSinks(): void {
    this.#sinks.clear();
  }
  /** It was sealed. */
  sealed = false;
  askForRepair(asked: boolean): void {
    this.repairAsked = asked;
  }
  seal(): void {
    this.sealed = true;
  }
  become(standing: Standing, _epoch: Epoch, state?: 'whole' | 'partial'): void {
    this.standing = standing;
    if (state !== undefined) this.whole = state === 'whole';
  }

  #merge(item: string): void {
    const [key = '', value = ''] = item.split('=');
    const held = this.items.get(key);
    if (held === undefined || value > held) this.items.set(key, value);
  }
}

export interface Frame {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly header: Header;
  readonly service: string;
  readonly body: Uint8Array;
}

export class HandoffNode {
  readonly id: NodeId;
  manager: HandoffManager;
  vnodes: MapVnode[] = [];
  document: RingDocument;
  down = new Set<NodeId>();
  /** `node service`: up, and not running it. */
  readonly lacking = new Set<string>();
  allHave = true;
  /** What waits for the disk, while that is slow. */
  storing: (() => void)[] | undefined;
  /** Who waits for a flush; undefined: all is flushed at once. */
  flushing: ((flushed: boolean) => void)[] | undefined;
  readonly reported: string[] = [];
  readonly stage: HandoffStage;
  /** A service whose items it holds and that it does not run. */
  unserved: string | undefined;
  readonly #services: readonly string[];

  constructor(stage: HandoffStage, name: string, services: readonly string[]) {
    this.stage = stage;
    this.#services = services;
    this.id = name as NodeId;
    this.document = stage.document;
    this.manager = new HandoffManager(this.#port(services));
  }

  open(partition: number, standing: Standing, items: string[] = [], service = 'kv'): MapVnode {
    const vnode = new MapVnode(service, partition, standing, items);
    this.vnodes.push(vnode);
    return vnode;
  }

  /** kill -9 and another life: what the vnodes hold is there, what was under way is gone, and the others notice. */
  dieAndStart(): void {
    this.manager.stop();
    for (const vnode of this.vnodes) vnode.loseSinks();
    this.stage.lose();
    this.reported.length = 0;
    this.manager = new HandoffManager(this.#port(this.#services));
    const others = [...this.stage.nodes.values()].filter((node) => node !== this);
    for (const other of others) other.manager.onUpChanged(this.id, false);
    this.manager.start();
    for (const other of others) other.manager.onUpChanged(this.id, true);
  }

  vnode(partition: number, service = 'kv'): MapVnode | undefined {
    return this.vnodes.find((vnode) => vnode.place.partition === partition && vnode.service === service);
  }

  /** Take a ring: standings first, then the manager, as a node does. */
  adopt(document: RingDocument, standings: Record<number, Standing> = {}): void {
    this.document = document;
    for (const [partition, standing] of Object.entries(standings))
      this.vnode(Number(partition))?.become(standing, document.epoch);
    this.manager.adopt();
  }

  waiting(): string[] {
    return this.manager
      .waiting()
      .map(({ kind, partition, to, reason }) => `${kind} ${partition} to ${to}: ${reason}`);
  }

  #port(services: readonly string[]): HandoffPort {
    const documentNow = (): RingDocument => this.document;
    return {
      self: this.id,
      host: this.stage.host,
      logger: silentLogger,
      get document() {
        return documentNow();
      },
      services,
      unserved: () => this.unserved,
      mayTakeOver: () => true,
      isUp: (node) => !this.down.has(node),
      runs: (node, service) => !this.down.has(node) && !this.lacking.has(`${node} ${service}`),
      nameOf: (node) => node,
      allLiveHave: () => this.allHave,
      find: (service, { partition }) => this.vnode(partition, service),
      findOrStandIn: (service, { partition }) =>
        this.vnode(partition, service) ?? this.open(partition, 'hint', [], service),
      all: () => this.vnodes,
      discard: (vnode) => {
        this.vnodes = this.vnodes.filter((other) => other !== vnode);
      },
      whenAllStored: (done) => {
        if (this.storing === undefined) done();
        else this.storing.push(done);
      },
      whenFlushed: (done) => {
        if (this.flushing === undefined) done(true);
        else this.flushing.push(done);
      },
      send: (to, type, service, place, body) => this.#send(to, type, service, place, body),
      reportComplete: (partition, to) => this.reported.push(`${partition} to ${to}`),
      askForCopy: (to, request, done) => {
        const { manager } = this.stage.node(to);
        this.stage.host.setTimer(0, () =>
          done(this.down.has(to) ? 'no answer' : manager.takeCopyRequest(this.id, request)),
        );
      },
      declareWhole: (service, partition) => {
        const vnode = this.vnode(partition, service);
        if (vnode !== undefined) vnode.whole = true;
      },
      withdrawComplete: (partition, to) => {
        this.reported.splice(
          0,
          Infinity,
          ...this.reported.filter((report) => report !== `${partition} to ${to}`),
        );
      },
    };
  }

  #send(
    to: NodeId,
    type: number,
    service: string,
    { ringBits, partition }: Place,
    body: (out: Writer) => void,
  ): boolean {
    const out = new Writer();
    body(out);
    const { epoch } = this.document;
    const header = { ...newHeader(), type, partition, epoch, ringBits };
    return this.stage.carry({ from: this.id, to, header, service, body: out.copy() });
  }
}

export class HandoffStage {
  readonly host: ManualHost;
  readonly document: RingDocument;
  readonly nodes = new Map<string, HandoffNode>();
  /** What crossed the wire, in words, and the numbers of the transfers. */
  readonly wire: string[] = [];
  readonly ids: number[] = [];
  /** The lanes take nothing, or nothing of one type. */
  full: boolean | number = false;
  /** Sees every frame before it arrives. */
  onDelivery: ((frame: Frame) => void) | undefined;
  #frames: Frame[] = [];
  readonly #sent: Frame[] = [];

  constructor(names: string, services: readonly string[] = ['kv'], seed = 1) {
    this.host = new ManualHost(seed);
    const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
    this.document = birthDocument({
      clusterId: 'c',
      ringSize: 1 << RING_BITS,
      self,
      n: 3,
      level: 'eventual',
    });
    for (const name of names) this.nodes.set(name, new HandoffNode(this, name, services));
  }

  node(name: string): HandoffNode {
    return this.nodes.get(name) as HandoffNode;
  }

  /** The ring of an epoch: owners by letter, and what is to move as `3 a b`. */
  ring(epoch: number, owners: string, ...pending: string[]): RingDocument {
    const transfers = pending.map((text) => {
      const [partition, from, to] = text.split(' ');
      return { partition: Number(partition) as PartitionId, from: from as NodeId, to: to as NodeId };
    });
    return { ...this.document, epoch: epoch as Epoch, owners: [...owners] as NodeId[], pending: transfers };
  }

  carry(frame: Frame): boolean {
    if (this.full === true || this.full === frame.header.type) return false;
    this.#frames.push(frame);
    this.#sent.push(frame);
    return true;
  }

  /** Deliver what is under way, and what that brings about. */
  deliver(): void {
    for (let left = 1_000; left > 0 && this.deliverOne(); left--);
  }

  /** Deliver the next frame; false: there is none. */
  deliverOne(): boolean {
    this.host.advance(0);
    const frame = this.#frames.shift();
    if (frame === undefined) return false;
    this.onDelivery?.(frame);
    this.ids.push(new Reader(frame.body).u32());
    this.wire.push(`${frame.from}>${frame.to} ${nameOf(frame.header.type)} ${frame.header.partition}`);
    this.node(frame.to).manager.onFrame(frame.from, frame.header, frame.service, new Reader(frame.body));
    return true;
  }

  /** The first frame of this type comes once more. */
  repeat(type: number): void {
    this.#frames.push(this.#sent.find(({ header }) => header.type === type) as Frame);
  }

  /** The wire was cut: what is under way is gone. */
  lose(): void {
    this.#frames = [];
  }

  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += 50) {
      this.host.advance(50);
      this.deliver();
    }
  }
}

function nameOf(type: number): string {
  return (
    Object.entries(MESSAGE)
      .find(([, number]) => number === type)?.[0]
      .replace('handoff', '')
      .toLowerCase() ?? '?'
  );
}
