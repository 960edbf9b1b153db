/**
 * Where a story plays: the nodes, who of them is a member, the load on them and the history of it.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Prng } from '@rkv/core';
import { History, HistoryFile } from '@rkv/testkit';
import { Nodes, type NodesInit, type TestNode } from '../nodes.ts';
import { Load } from './load.ts';
import { StrictLoad } from './strict-load.ts';

export interface StageInit {
  readonly seed: number;
  /** Written before the story begins. */
  readonly keys: number;
  readonly valueBytes?: number;
  /** Operations a second of all clients of eventual keys together. */
  readonly rate?: number;
  /** Where the histories go; by default into a folder of their own. */
  readonly folder?: string;
  readonly nodes?: NodesInit;
}

export interface MemberView {
  readonly name: string;
  readonly status: string;
  readonly up: boolean;
  readonly partialVnodes: number;
}

export interface StatusView {
  readonly members: readonly MemberView[];
  readonly ready: boolean;
  readonly claimant: string;
  /** Partitions that are about to change their owner. */
  readonly pending: number;
  /** The size of a ring that is being filled. */
  readonly resizingTo?: number;
}

export interface RingView {
  readonly ringSize: number;
  readonly version: number;
  readonly claimant: string;
  readonly owners: readonly string[];
  readonly pending: readonly { readonly partition: number }[];
}

export interface TransfersView {
  readonly active: readonly { readonly from: string; readonly to: string; readonly items: number }[];
  readonly waiting: readonly { readonly reason: string }[];
}

export interface ReplicaView {
  readonly node: string;
  readonly partition: number;
  readonly state: string;
  readonly version?: string;
}

/** Asks a few at a time. */
export async function eachOf<T>(things: readonly T[], ask: (thing: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < things.length; at += ASKED_AT_ONCE)
    await Promise.all(things.slice(at, at + ASKED_AT_ONCE).map(ask));
}

const ASKED_AT_ONCE = 20;
const CLIENTS = 2;
const VALUE_BYTES = 1024;
const RATE = 300;
const POLL_MS = 10;

function historyInto(file: HistoryFile): History {
  return new History({ now: () => performance.now(), onEvent: (event) => file.add(event), forgets: true });
}

export class Stage {
  readonly init: StageInit;
  readonly nodes: Nodes;
  /** Of the eventual keys. Goes into the file as it grows, and is kept nowhere else. */
  readonly history: History;
  readonly file: HistoryFile;
  readonly load: Load;
  /** The same of the strict ones. */
  readonly strictHistory: History;
  readonly strictFile: HistoryFile;
  readonly strictLoad: StrictLoad;
  readonly valueBytes: number;
  readonly #prng: Prng;
  /** Who should be a member now, by name. */
  readonly members = new Map<string, TestNode>();
  /** Of those, who is made to be away, and who is leaving: nobody begins to talk to these. */
  readonly away = new Set<string>();
  readonly leaving = new Set<string>();
  /** Whom the others do not reach. */
  readonly cutOff = new Set<string>();

  constructor(init: StageInit) {
    this.init = init;
    this.nodes = new Nodes(init.nodes);
    this.valueBytes = init.valueBytes ?? VALUE_BYTES;
    this.#prng = new Prng(init.seed);
    const folder = init.folder ?? mkdtempSync(join(tmpdir(), 'rkv-story-'));
    this.file = new HistoryFile(join(folder, 'history.jsonl'));
    this.history = historyInto(this.file);
    this.strictFile = new HistoryFile(join(folder, 'strict-history.jsonl'));
    this.strictHistory = historyInto(this.strictFile);
    this.load = new Load({
      history: this.history,
      nodes: () => this.present,
      clients: CLIENTS,
      rate: (init.rate ?? RATE) / CLIENTS,
      valueBytes: this.valueBytes,
      random: () => this.random(),
    });
    this.strictLoad = new StrictLoad({
      history: this.strictHistory,
      nodes: () => this.present,
      random: () => this.random(),
    });
  }

  /** Resolves when every operation has its outcome. */
  async stopClients(): Promise<void> {
    await Promise.all([this.load.stop(), this.strictLoad.stop()]);
  }

  random(): number {
    return this.#prng.u32() / 2 ** 32;
  }

  oneOf<T>(things: readonly T[]): T {
    return things[Math.floor(this.random() * things.length)] as T;
  }

  get present(): readonly TestNode[] {
    return [...this.members.values()].filter(({ name }) => !this.away.has(name) && !this.leaving.has(name));
  }

  /** A member that can be asked. */
  get someone(): TestNode {
    const [first] = this.present.filter(({ name }) => !this.cutOff.has(name));
    if (first === undefined) throw new Error('nobody is there');
    return first;
  }

  member(name: string): TestNode {
    const node = this.members.get(name);
    if (node === undefined) throw new Error(`${name} is no member`);
    return node;
  }

  /** A node of that name, up, and a cluster of its own yet. */
  async newcomer(name: string): Promise<TestNode> {
    const node = this.#known.get(name) ?? (await this.nodes.create(name));
    this.#known.set(name, node);
    await node.start();
    return node;
  }

  readonly #known = new Map<string, TestNode>();

  async status(node = this.someone): Promise<StatusView> {
    return this.#view(node, '/api/status');
  }

  async ring(node = this.someone): Promise<RingView> {
    return this.#view(node, '/api/ring');
  }

  async transfers(node = this.someone): Promise<TransfersView> {
    return this.#view(node, '/api/transfers');
  }

  /** What each replica of this key holds. */
  async replicas(key: string, node = this.someone): Promise<readonly ReplicaView[]> {
    const view = await this.#view<{ replicas: ReplicaView[] }>(
      node,
      `/api/key?key=${encodeURIComponent(key)}`,
    );
    return view.replicas;
  }

  /** Of these keys, those whose replicas do not all hold one state. */
  async oddKeys(keys: readonly string[]): Promise<string[]> {
    const odd: string[] = [];
    await eachOf(keys, async (key) => {
      const states = (await this.replicas(key)).map(({ state, version }) => `${state} ${version}`);
      if (new Set(states).size > 1) odd.push(key);
    });
    return odd;
  }

  async #view<T>(node: TestNode, path: string): Promise<T> {
    const { status, text } = await node.ask(path);
    if (status !== 200) throw new Error(`${node.name} answers ${path} with ${status}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** Asks until it holds. What throws holds not yet, and is the reason when the time is over. */
  async until(what: string, holds: () => Promise<boolean>, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    let why: unknown;
    while (performance.now() < deadline) {
      why = undefined;
      try {
        if (await holds()) return;
      } catch (error) {
        why = error;
      }
      await pause(POLL_MS);
    }
    throw new Error(`${what}: not after ${limitMs / 1000} s`, { cause: why });
  }
}
