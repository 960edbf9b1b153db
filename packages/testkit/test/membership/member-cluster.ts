/**
 * Whole nodes in a simulated world, for what concerns who is a member, of what, and with what on disk.
 *
 * Beside the machines and faults of the simulated cluster it has a hand that damages the newest version of a document
 * between two lives, and nodes with services of their own: `Echo` answers who and where it is.
 */
import {
  jsonDecode,
  membershipPresets,
  Node,
  sha1Hex,
  sha1Latin1,
  type AdminRequest,
  type ByteReader,
  type ByteWriter,
  type NodeId,
  type PresetName,
  type RequestResult,
  type StableName,
  type StableStore,
  type Vnode,
  type VnodeModule,
} from '@rkv/core';
import { Agreement, SimCluster, World, type NodeLife } from '@rkv/testkit';

export type EchoModule = VnodeModule<string, string>;

/** A service whose vnodes hold nothing and say by which node and partition they are. */
export function echo(name: string): EchoModule {
  const write = (text: string, out: ByteWriter): void => out.latin1(text);
  const read = (input: ByteReader): string => input.latin1(input.left);
  return {
    name,
    codec: { encodeCommand: write, decodeCommand: read, encodeReply: write, decodeReply: read },
    open: ({ self, place, role }): Vnode<string, string> => ({
      handleCommand: (command, token) => token.reply(`${command} ${self} ${place.partition} ${role()}`),
      onStoreProgress() {},
      isEmpty: () => true,
      walkItems: () => ({ items: [], next: undefined }),
      handleHandoffItem: (_item, done) => done(true),
      handleItemHandedOff() {},
      clearSome: () => true,
    }),
  };
}

export interface MemberClusterInit {
  readonly seed?: number;
  readonly ringSize?: number;
  readonly durability?: 'process' | 'power';
  /** The module of a service in one life of a node. Default `echo`. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly module?: (service: string, life: NodeLife) => VnodeModule<any, any>;
  /** A planted bug: damaged documents are taken for what they said before. */
  readonly hidesDamage?: boolean;
  readonly preset?: PresetName;
}

/** The versions of one document, and whether the last cannot be read. */
interface Versions {
  newest: Uint8Array | undefined;
  older: Uint8Array | undefined;
  damaged: boolean;
  /** An operator has put this back, and nothing was saved since. */
  putBack?: Uint8Array | undefined;
}

export class MemberCluster {
  readonly world: World;
  readonly machines: SimCluster<Node>;
  /** Who left its ring. */
  readonly removed: string[] = [];
  readonly agreement = new Agreement('the ring of epoch');
  /** By node; those that stand here not run one, `echo`. May be changed between two lives. */
  readonly services: Record<string, readonly string[]> = {};
  /** By node; those that do not stand here have none. May be changed between two lives. */
  readonly locations: Record<string, string> = {};
  /** What a node calls itself, where that is not the machine's name. May be changed between two lives. */
  readonly called: Record<string, string> = {};
  /** Told of each ring that a node adopts, while it does. */
  onRing: (name: string, epoch: number) => void = () => {};
  readonly #init: MemberClusterInit;
  readonly #documents = new Map<string, Map<StableName, Versions>>();

  constructor(init: MemberClusterInit = {}) {
    this.#init = init;
    this.world = new World({ seed: init.seed ?? 1 });
    this.machines = new SimCluster<Node>({
      world: this.world,
      boot: (life) => this.#boot(life),
      stop: (node, done) => node.stop(done),
    });
  }

  node(name: string): Node {
    return this.machines.node(name) as Node;
  }

  /** Start nodes and wait until they have their rings. */
  start(...names: string[]): void {
    for (const name of names) this.machines.start(name);
    this.until('they are ready', () => names.every((name) => this.node(name).ready));
  }

  /** A cluster of these nodes that has settled. */
  form(first: string, ...others: string[]): void {
    this.start(first, ...others);
    for (const name of others) this.join(name, first);
    this.planAndCommit(first);
    this.settle(first, ...others);
  }

  settle(...names: string[]): void {
    this.until('the ring has settled', () => {
      const rings = names.map((name) => this.node(name).document);
      return rings.every(
        ({ epoch, pending, members }) =>
          epoch === rings[0]?.epoch && pending.length === 0 && members.length === names.length,
      );
    });
  }

  join(name: string, via: string): RequestResult {
    return this.answer((done) => this.node(name).join(this.machines.addressOf(via), done));
  }

  request(name: string, request: AdminRequest): RequestResult {
    return this.answer((done) => this.node(name).request(request, done));
  }

  /** As an operator does it, who looks again when members have yet to hear of the last ring. */
  planAndCommit(name: string): RequestResult {
    const planned = this.request(name, { kind: 'plan' });
    if (planned.kind !== 'planned') throw new Error(`not planned: ${JSON.stringify(planned)}`);
    return this.request(name, { kind: 'commit', planId: planned.plan.planId });
  }

  answer<Result>(begin: (done: (result: Result) => void) => void): Result {
    let result: Result | undefined;
    this.within(() => begin((answer) => (result = answer)));
    this.until('there is an answer', () => result !== undefined);
    return result as Result;
  }

  /** Within an event of the world, as everything must be that a node does. */
  within(run: () => void): void {
    this.world.schedule(0, run, 'test');
    this.world.runFor(0);
  }

  until(what: string, holds: () => boolean, withinMs = 60_000): void {
    if (!this.world.runUntilHolds(holds, withinMs))
      throw new Error(`waited in vain until ${what}\n${this.machines.describe()}`);
  }

  /** The newest version of a document of a node that is down cannot be read any more. */
  damage(name: string, document: StableName): void {
    const versions = this.#versionsOf(name).get(document);
    if (versions !== undefined) versions.damaged = true;
  }

  /** A copy of what a node has on disk, for `putBack` after a later life. */
  backup(name: string): ReadonlyMap<StableName, Uint8Array | undefined> {
    return new Map([...this.#versionsOf(name)].map(([document, { newest }]) => [document, newest]));
  }

  /** What a node that is down has on disk is what it was when this copy was made. */
  putBack(name: string, copy: ReturnType<MemberCluster['backup']>): void {
    for (const [document, versions] of this.#versionsOf(name)) versions.putBack = copy.get(document);
  }

  newest(name: string, document: StableName): unknown {
    const newest = this.#versionsOf(name).get(document)?.newest;
    return newest && jsonDecode(newest);
  }

  lines(name: string): string {
    return this.machines
      .log(name)
      .lines.map(({ message }) => message)
      .join('\n');
  }

  #versionsOf(name: string): Map<StableName, Versions> {
    let versions = this.#documents.get(name);
    if (versions === undefined) this.#documents.set(name, (versions = new Map()));
    return versions;
  }

  /** The disk's documents, of which two versions are kept here and which these hands can damage. */
  #stable({ name, stable }: NodeLife): StableStore {
    const documents = this.#versionsOf(name);
    return {
      load: (document) => {
        const versions = documents.get(document);
        if (versions?.putBack !== undefined) return versions.putBack;
        // What the disk kept when the process died under a save is newer than what was told.
        const kept = stable.load(document);
        if (versions?.damaged === true) return versions.older;
        return kept;
      },
      isDamaged: (document) => this.#init.hidesDamage !== true && documents.get(document)?.damaged === true,
      save: (document, bytes, done) =>
        stable.save(document, bytes, (error) => {
          if (error === undefined) {
            const before = documents.get(document);
            const older = before?.damaged === true ? before.older : before?.newest;
            documents.set(document, { newest: bytes, older, damaged: false });
          }
          done(error);
        }),
    };
  }

  #boot(life: NodeLife): Node {
    const { host, transport, store, address, bootId, logger, name, diskNumber } = life;
    const services = this.services[name] ?? ['echo'];
    const node: Node = new Node({
      id: nodeIdOf(name, diskNumber),
      name: this.called[name] ?? name,
      address,
      location: this.locations[name] ?? '',
      birth: { ringSize: this.#init.ringSize ?? 16, n: 3, level: 'eventual' },
      host,
      transport,
      store,
      stable: this.#stable(life),
      logger,
      durability: this.#init.durability ?? 'power',
      bootId,
      modules: services.map((service) => (this.#init.module ?? echo)(service, life)),
      preset: membershipPresets[this.#init.preset ?? 'local'],
      onRing: ({ document, digest }) => {
        this.onRing(name, document.epoch);
        this.agreement.report(`${document.clusterId} ${document.epoch}`, digest, name);
      },
      onRemoved: () => this.removed.push(name),
    });
    node.start();
    return node;
  }
}

function nodeIdOf(name: string, diskNumber: number): NodeId {
  const words = new Uint32Array(5);
  sha1Latin1('node ', `${name} ${diskNumber}`, words);
  return sha1Hex(words).slice(0, 32) as NodeId;
}
