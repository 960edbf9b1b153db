/**
 * Two nodes, a and b, and the wire between them, which carries a frame when the test says so. The vnodes of their
 * service do as they are told: `echo x`, `merge x`, `refuse overload`, `fail`, or `later x`, which is answered when asked for.
 * What holds the word `fenced` only a whole owner may do, under the ring of who asks.
 */
import { Writer } from '../src/base/bytes.ts';
import type { Epoch, NodeId, PartitionId } from '../src/contracts/ids.ts';
import { silentLogger } from '../src/contracts/logger.ts';
import type { Transport } from '../src/contracts/transport.ts';
import type { Codec, Refusal, ReplyToken, Vnode, VnodeModule } from '../src/contracts/vnode.ts';
import { DataPlane } from '../src/node/data-plane.ts';
import { RingView } from '../src/node/ring-view.ts';
import type { ReplicaRequest } from '../src/request/port.ts';
import { RequestTable } from '../src/request/request-table.ts';
import { birthDocument, type RingDocument } from '../src/ring/document.ts';
import type { Replica } from '../src/ring/preference-list.ts';
import { VnodeManager } from '../src/vnode/vnode-manager.ts';
import { ManualHost } from './manual-host.ts';
import { ManualStore } from './manual-store.ts';
import { noBounds } from './no-bounds.ts';

export const SERVICE = 'echo';
export const MAILBOX = 3;

const codec: Codec<string, string> = {
  encodeCommand: (command, out) => (out as Writer).string(command),
  decodeCommand: (input) => input.latin1(input.u32()),
  encodeReply: (reply, out) => (out as Writer).string(reply),
  decodeReply: (input) => input.latin1(input.u32()),
};

export class EchoVnode implements Vnode<string, string> {
  readonly waiting: (() => void)[] = [];
  readonly heard: string[] = [];

  handleCommand(command: string, token: ReplyToken<string>): void {
    this.heard.push(command);
    const [verb, word = ''] = command.split(' ');
    if (verb === 'refuse') token.refuse(word as Refusal);
    else if (verb === 'fail') token.fail('as told');
    else if (verb === 'later') this.waiting.push(() => token.reply(word));
    else if (verb === 'twice') {
      this.waiting.push(() => token.reply(word));
      token.reply(word);
    } else token.reply(word);
  }
  onStoreProgress(): void {}
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

export type EchoModule = VnodeModule<string, string>;
export const echo: EchoModule = {
  name: SERVICE,
  codec,
  merges: (command) => command.startsWith('merge '),
  fences: (command) => command.includes('fenced'),
  open: () => new EchoVnode(),
};
/** A second service, which not every node runs. */
export const other: EchoModule = { ...echo, name: 'other' };

/** What a request was told. */
export class Asker implements ReplicaRequest<string> {
  readonly told: string[] = [];
  onReply(at: number, reply: string, standIn: boolean): void {
    this.told.push(`${at}: ${reply}${standIn ? ', standing in' : ''}`);
  }
  onRefused(at: number, why: Refusal): void {
    this.told.push(`${at} refused: ${why}`);
  }
  onKept(at: number): void {
    this.told.push(`${at} kept`);
  }
  onFailed(at: number, sent: boolean, crowded = false): void {
    this.told.push(`${at} failed${sent ? '' : ', not sent'}${crowded ? ', crowded' : ''}`);
  }
  onAlarm(): void {}
  onRingChanged(): void {}
}

export function ring(epoch: number, owners: string): RingDocument {
  const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
  const document = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
  return { ...document, epoch: epoch as Epoch, owners: [...owners] as NodeId[] };
}

export interface Frame {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly bytes: Uint8Array;
}

export class Stage {
  readonly host = new ManualHost();
  readonly frames: Frame[] = [];
  readonly nodes = new Map<NodeId, TestNode>();
  /** No connection. */
  cut = false;
  /** Frames of more bytes find no room. */
  room = Infinity;

  constructor(owners = 'aaaabbbb') {
    this.nodes.set('a' as NodeId, new TestNode(this, 'a' as NodeId, ring(2, owners), [echo, other]));
    this.nodes.set('b' as NodeId, new TestNode(this, 'b' as NodeId, ring(2, owners), [echo]));
  }

  get a(): TestNode {
    return this.nodes.get('a' as NodeId) as TestNode;
  }
  get b(): TestNode {
    return this.nodes.get('b' as NodeId) as TestNode;
  }

  /** Carry what is under way, and what comes of it. */
  deliver(): void {
    for (let frame = this.frames.shift(); frame !== undefined; frame = this.frames.shift()) {
      this.nodes.get(frame.to)?.plane.onFrame(frame.from, frame.bytes, 0, frame.bytes.length);
      frame.bytes.fill(0xdd);
    }
  }
}

export class TestNode {
  readonly plane: DataPlane;
  readonly vnodes: VnodeManager;
  readonly table: RequestTable;
  /** How long those wait who ask from now on. */
  patienceMs = 1_000;
  readonly #view: RingView;
  readonly #self: NodeId;

  constructor(stage: Stage, self: NodeId, document: RingDocument, modules: readonly EchoModule[]) {
    const { host } = stage;
    const store = new ManualStore();
    store.immediate = true;
    store.start({ onProgress() {}, onFailure() {} });
    const erased = modules as unknown as VnodeModule<unknown, unknown>[];
    this.#self = self;
    this.#view = new RingView(self, document, () => true);
    this.table = new RequestTable(host);
    this.vnodes = new VnodeManager({
      bounds: noBounds,
      self,
      host,
      store,
      logger: silentLogger,
      durability: 'process',
      modules: erased,
      mailboxMax: MAILBOX,
    });
    this.vnodes.start(ring(1, document.owners.join('')), { firstLife: true, intact: true });
    this.vnodes.adopt(document);
    const send: Transport['send'] = (to, _lane, bytes, start, end) => {
      const taken = !stage.cut && end - start <= stage.room;
      if (taken) stage.frames.push({ from: self, to, bytes: bytes.slice(start, end) });
      return taken;
    };
    this.plane = new DataPlane({
      self,
      host,
      transport: { send } as Transport,
      logger: silentLogger,
      modules: erased,
      view: this.#view,
      vnodes: this.vnodes,
      table: this.table,
      out: new Writer(16),
    });
  }

  adopt(document: RingDocument): void {
    this.vnodes.adopt(document);
    this.#view.adopt(document);
    this.plane.adopt();
  }

  vnode(partition: number): EchoVnode | undefined {
    return this.vnodes.find(SERVICE, partition as PartitionId)?.vnode as unknown as EchoVnode | undefined;
  }

  /** Send each command to `partition@node`, a stand-in with an exclamation mark. */
  ask(...commands: [replica: string, command: string][]): Asker {
    return this.askOf(echo, ...commands);
  }

  askOf(service: EchoModule, ...commands: [replica: string, command: string][]): Asker {
    const port = this.plane.port(service);
    const asker = new Asker();
    const id = port.open(asker);
    for (const [at, [drawing, command]] of commands.entries()) {
      const [partition, node = this.#self] = drawing.replace('!', '').split('@');
      const role = drawing.endsWith('!') ? 'fallback' : 'primary';
      const place = { partition: Number(partition) as PartitionId, ringSize: 8 };
      const replica: Replica = { ...place, node: node as NodeId, role };
      port.send(id, at, replica, command, this.patienceMs);
    }
    return asker;
  }
}
