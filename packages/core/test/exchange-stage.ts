/** Nodes that compare their copies: real managers, vnodes of a test's own, and a wire that counts and that a test can cut. */
import { Reader, Writer } from '../src/base/bytes.ts';
import { ZERO_STAMP } from '../src/base/hybrid-clock.ts';
import type { Epoch, NodeId, PartitionId } from '../src/contracts/ids.ts';
import { silentLogger } from '../src/contracts/logger.ts';
import { ExchangeManager } from '../src/exchange/exchange-manager.ts';
import type { ComparableVnode, ExchangePort } from '../src/exchange/port.ts';
import { birthDocument, type RingDocument } from '../src/ring/document.ts';
import { covers, rangesHeld } from '../src/ring/ranges.ts';
import { ManualHost } from './manual-host.ts';
import { ModelVnode, type ModelItem } from './model-vnode.ts';

export const RING_BITS = 3;
const SIZE = 1 << RING_BITS;
export const SERVICE = 'kv';

/** Owners by letter, `abcabcab`. */
export function ringOf(owners: string, epoch = 1, n = 3): RingDocument {
  const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '', status: 'valid' as const };
  const birth = birthDocument({ clusterId: 'c', ringSize: SIZE, self, n, level: 'eventual' });
  const members = [...new Set(owners)].map((id) => ({ ...self, id: id as NodeId, name: `node ${id}` }));
  return { ...birth, epoch: epoch as Epoch, members, owners: [...owners] as NodeId[] };
}

export class ExchangeNodes<Held extends ComparableVnode> {
  readonly host = new ManualHost();
  readonly managers = new Map<string, ExchangeManager>();
  readonly vnodes = new Map<number, Held>();
  readonly documents = new Map<string, RingDocument>();
  readonly down = new Set<string>();
  /** Lanes that take nothing. */
  readonly full = new Set<string>();
  /** Every frame that was sent. */
  readonly frames: {
    readonly from: string;
    readonly to: string;
    readonly kind: string;
    readonly bytes: Uint8Array;
  }[] = [];
  /** How long a node's frames are on their way. */
  delayOf: (from: string) => number = () => 1;
  /** Frames that do not arrive. */
  isLost: (from: string, to: string, kind: string) => boolean = () => false;

  /** `open`: the vnode of each partition. */
  constructor(owners: string, n: number, open: (partition: number) => Held) {
    const document = ringOf(owners, 1, n);
    for (let p = 0; p < SIZE; p++) this.vnodes.set(p, open(p));
    for (const node of new Set(owners)) {
      this.documents.set(node, document);
      this.managers.set(node, new ExchangeManager(this.#portOf(node)));
    }
    for (const manager of this.managers.values()) manager.start();
  }

  manager(node: string): ExchangeManager {
    return this.managers.get(node) as ExchangeManager;
  }

  vnode(partition: number): Held {
    return this.vnodes.get(partition) as Held;
  }

  adopt(node: string, document: RingDocument): void {
    this.documents.set(node, document);
    this.manager(node).adopt();
  }

  goDown(node: string): void {
    this.down.add(node);
    for (const [other, manager] of this.managers)
      if (other !== node) manager.onUpChanged(node as NodeId, false);
  }

  comeBack(node: string): void {
    this.down.delete(node);
    for (const [other, manager] of this.managers)
      if (other !== node) manager.onUpChanged(node as NodeId, true);
  }

  #portOf(node: string): ExchangePort {
    const { host } = this;
    const documentOf = (): RingDocument => this.documents.get(node) as RingDocument;
    return {
      self: node as NodeId,
      host,
      logger: silentLogger,
      get document() {
        return documentOf();
      },
      floor: ZERO_STAMP,
      services: [SERVICE],
      runs: (other) => !this.down.has(other) && !this.down.has(node),
      nameOf: (other) => `node ${other}`,
      find: (_, partition) => (documentOf().owners[partition] === node ? this.vnode(partition) : undefined),
      send: (to, kind, service, body) => {
        if (this.full.has(to)) return false;
        const out = new Writer();
        body(out);
        const bytes = out.copy();
        this.frames.push({ from: node, to, kind, bytes });
        if (this.isLost(node, to, kind) || this.down.has(to) || this.down.has(node)) return true;
        const { epoch } = documentOf();
        host.setTimer(this.delayOf(node), () => {
          const manager = this.manager(to);
          if (kind === 'ask') manager.onAsk(node as NodeId, service, epoch, new Reader(bytes));
          else manager.onTell(node as NodeId, new Reader(bytes));
        });
        return true;
      },
      inBackground: (job) => {
        host.setTimer(1, function again() {
          if (job()) host.setTimer(1, again);
        });
      },
    };
  }
}

/** Their vnodes are tables. */
export class ExchangeStage extends ExchangeNodes<ModelVnode> {
  constructor(owners = 'abcabcab', n = 3) {
    super(owners, n, () => new ModelVnode());
  }

  /** At these partitions, or at all that should hold it. */
  put(item: ModelItem, at?: readonly number[], n = 3): void {
    for (const [partition, vnode] of this.vnodes) {
      const holds = covers(
        rangesHeld({ ringBits: RING_BITS, partition: partition as PartitionId }, n),
        item.hashHi,
      );
      if (holds && (at === undefined || at.includes(partition))) vnode.put(item);
    }
  }

  /** Items of one range at one partition, as text. */
  content(partition: number, { start, end }: { start: number; end: number }): string {
    return this.vnode(partition)
      .items.filter(({ hashHi }) => hashHi >= start && hashHi < end)
      .map(({ name, version }) => `${name}=${version}`)
      .join(' ');
  }
}
