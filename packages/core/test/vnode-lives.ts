/**
 * Vnodes of a ring of eight on node a: how each stands, as the ring changes and lives follow one another.
 * Rings are drawn by owner, `aaaaaaaa`, and transfers `0 a b`.
 */
import type { Epoch, NodeId, PartitionId } from '../src/contracts/ids.ts';
import { silentLogger } from '../src/contracts/logger.ts';
import { SPACE_ENTRY, SPACE_META } from '../src/contracts/store.ts';
import type { ReplyToken, Vnode, VnodeContext, VnodeModule } from '../src/contracts/vnode.ts';
import { birthDocument, type RingDocument } from '../src/ring/document.ts';
import { VnodeToken } from '../src/vnode/mailbox.ts';
import type { VnodeHost } from '../src/vnode/vnode-host.ts';
import { VnodeManager, type StartProof } from '../src/vnode/vnode-manager.ts';
import { decodeVnodeRecord, vnodeRecordKey } from '../src/vnode/vnode-record.ts';
import { ManualHost } from './manual-host.ts';
import { ManualStore } from './manual-store.ts';
import { noBounds } from './no-bounds.ts';

export const self = 'a' as NodeId;
export const FIRST: StartProof = { firstLife: true, intact: true };
export const AGAIN: StartProof = { firstLife: false, intact: true };
export const DOUBTFUL: StartProof = { firstLife: false, intact: false };

/** A key's hash begins with its length times this. */
export const BY_LENGTH = 0x1000_0000;

/** Writes the key it is told to, and says so. */
export class KeyVnode implements Vnode<string, string> {
  readonly context: VnodeContext;
  progress: (number | undefined)[] = [];

  constructor(context: VnodeContext) {
    this.context = context;
  }

  handleCommand(key: string, token: ReplyToken<string>): void {
    const { store, place, beforeChange, changed } = this.context;
    if (key.startsWith('get ')) return token.reply(key);
    beforeChange();
    store.submit([{ space: SPACE_ENTRY, place, hashHi: 0, hashLo: 0, key, value: Uint8Array.of(1) }]);
    changed(key.length * BY_LENGTH, () => Uint8Array.of(key.length));
    token.reply(key);
  }
  onStoreProgress(failedFrom?: number): void {
    this.progress.push(failedFrom);
  }
  isEmpty(): boolean {
    return true;
  }
  walkItems(): { items: Uint8Array[]; next: undefined } {
    return { items: [], next: undefined };
  }
  handleHandoffItem(_item: Uint8Array, done: (stored: boolean) => void): void {
    done(true);
  }
  handleItemHandedOff(): void {}
  clearSome(): boolean {
    return true;
  }
}

const codec = { encodeCommand() {}, decodeCommand: () => '', encodeReply() {}, decodeReply: () => '' };
const moduleNamed = (name: string): VnodeModule<unknown, unknown> => ({
  name,
  codec,
  open: (context) => new KeyVnode(context) as Vnode<unknown, unknown>,
});
class Token extends VnodeToken {
  told = '';
  reply(reply: unknown): void {
    if (this.use()) this.told = `reply ${String(reply)}`;
  }
  refuse(why: string): void {
    if (this.use()) this.told = `refuse ${why}`;
  }
  fail(why: string): void {
    if (this.use()) this.told = `fail ${why}`;
  }
}

export function handle(host: VnodeHost | undefined, command: string): Token {
  const token = new Token();
  host?.handle(command, token, 1_000);
  return token;
}

export function ring(epoch: number, owners: string, ...pending: string[]): RingDocument {
  const document = birthDocument({
    clusterId: 'c',
    ringSize: 8,
    self: { id: self, name: 'a', address: 'a:1', location: '' },
    n: 3,
    level: 'eventual',
  });
  const transfers = pending.map((text) => {
    const [partition, from, to] = text.split(' ');
    return { partition: Number(partition) as PartitionId, from: from as NodeId, to: to as NodeId };
  });
  return { ...document, epoch: epoch as Epoch, owners: [...owners] as NodeId[], pending: transfers };
}

export const placeOf = (ringBits: number, partition: number) => ({
  ringBits,
  partition: partition as PartitionId,
});

let lives = 0;

export class Life {
  readonly store: ManualStore;
  readonly manager: VnodeManager;

  constructor({
    store = new ManualStore(),
    durability = 'process' as 'process' | 'power',
    services = ['kv'],
  } = {}) {
    this.store = store;
    store.start({
      onProgress: () => this.manager.onStoreProgress(),
      onFailure: (fromSeq) => this.manager.onStoreProgress(fromSeq),
    });
    const modules = services.map(moduleNamed);
    this.manager = new VnodeManager({
      bounds: noBounds,
      self,
      host: new ManualHost(++lives),
      store,
      logger: silentLogger,
      durability,
      modules,
    });
  }

  start(document: RingDocument, proof: StartProof): this {
    this.manager.start(document, proof);
    this.store.commit();
    return this;
  }

  adopt(document: RingDocument): this {
    this.manager.adopt(document);
    this.store.commit();
    return this;
  }

  vnode(partition: number, service = 'kv') {
    return this.manager.find(service, partition as PartitionId);
  }

  /** `0 owner whole`, as the vnode says. */
  get standings(): string[] {
    const hosts = this.manager.all().toSorted((a, b) => a.place.partition - b.place.partition);
    return hosts.map(
      ({ place, standing, whole }) => `${place.partition} ${standing} ${whole ? 'whole' : 'partial'}`,
    );
  }

  /** And as it is on disk. */
  record(partition: number, service = 'kv') {
    const place = { ringBits: 3, partition: partition as PartitionId };
    const bytes = this.store.get(SPACE_META, place, vnodeRecordKey(service));
    return bytes && decodeVnodeRecord(bytes);
  }

  /** The next life on the same disk, or on one that was exchanged. */
  next(document: RingDocument, proof: StartProof, storeId?: string): Life {
    const store = this.store.reopen();
    if (storeId !== undefined) store.storeId = storeId;
    return new Life({ store }).start(document, proof);
  }
}

export const all = (standing: string): string[] => [...Array(8).keys()].map((p) => `${p} ${standing}`);
