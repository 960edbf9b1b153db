/**
 * Whole clusters of membership machines: messages are delivered in order, saves finish, time goes in ticks.
 *
 * Looked at all the while: one document for each cluster and epoch; the epochs of a node only grow, over its deaths too;
 * and no document is told that is not on the teller's disk.
 */
import { expect } from 'vitest';
import { Prng } from '../src/base/prng.ts';
import { claim } from '../src/claim/claim.ts';
import type { NodeId } from '../src/contracts/ids.ts';
import { decodeProspect } from '../src/membership/candidacy.ts';
import type { StableName } from '../src/contracts/stable-store.ts';
import type { AgreedDocument } from '../src/ring/document.ts';
import { describeDocument, describeEffect } from '../src/membership/describe.ts';
import type { AdminRequest, MembershipEffect, RequestResult } from '../src/membership/events.ts';
import { Membership } from '../src/membership/membership.ts';
import { decodeMembershipMessage, encodeMembershipMessage } from '../src/membership/messages.ts';
import { membershipPresets } from '../src/membership/preset.ts';

export const preset = membershipPresets.local;
export const id = (name: string): NodeId => name as NodeId;

export interface Player {
  machine: Membership;
  address: string;
  readonly disk: Partial<Record<StableName, Uint8Array>>;
  saves: Extract<MembershipEffect, { kind: 'save' }>[];
  alive: boolean;
  removed: boolean;
  partial: number;
  /** Errors said, for a test to find none. */
  readonly errors: string[];
  readonly warnings: string[];
}

/** What a node is started with beside its id. */
export interface Told {
  readonly name?: string;
  readonly address?: string;
  readonly location?: string;
  readonly storeId?: string;
  readonly services?: readonly string[];
}

export class Play {
  now = 0;
  readonly dice = new Prng(7);
  readonly players = new Map<string, Player>();
  readonly results = new Map<number, RequestResult>();
  readonly trace: string[] = [];
  /** By cluster and epoch. */
  readonly digests = new Map<string, string>();
  /** Nodes that cannot be reached, though they run. */
  readonly cut = new Set<string>();
  /** Pairs that cannot hear each other. */
  readonly #cutLinks = new Set<string>();
  /** By node and cluster, the newest epoch it has adopted. */
  readonly #epochs = new Map<string, number>();
  /** Nodes of which what is under way when they die arrives all the same. */
  readonly lastWords = new Set<string>();
  /** Names whose saves do not complete. */
  readonly stuckDisks = new Set<string>();
  messages: { from: string; to: string; bytes: Uint8Array }[] = [];
  #requestId = 0;

  start(name: string, told: Told = {}): void {
    const { address = `${name}:1`, services = ['kv'], ...info } = told;
    const disk = this.players.get(name)?.disk ?? {};
    const machine = new Membership({
      self: { id: id(name), name, address, location: '', ...info },
      records: disk,
      birth: { clusterId: `lone-${name}`, ringSize: 16, n: 3, level: 'eventual' },
      claim,
      random: () => this.dice.u32(),
      wallClock: () => 1_000_000 + this.now,
      services,
      partial: () => this.players.get(name)?.partial ?? 0,
      preset,
    });
    const player = {
      machine,
      address,
      disk,
      saves: [],
      alive: true,
      removed: false,
      partial: 0,
      errors: [],
      warnings: [],
    };
    this.players.set(name, player);
    this.perform(name, machine.start());
    this.settle();
  }

  crash(name: string): void {
    const player = this.player(name);
    player.alive = false;
    player.saves = [];
    for (const other of this.players.keys())
      if (other !== name) this.step(other, { kind: 'peerDown', peer: id(name) });
    this.settle();
  }

  player(name: string): Player {
    return this.players.get(name) as Player;
  }
  machine(name: string): Membership {
    return this.player(name).machine;
  }
  ring(name: string): string {
    return describeDocument(this.machine(name).current().document);
  }

  step(name: string, event: Parameters<Membership['step']>[0]): void {
    if (this.player(name).alive) this.perform(name, this.machine(name).step(event, this.now));
  }

  perform(name: string, effects: readonly MembershipEffect[]): void {
    const player = this.player(name);
    for (const effect of effects) {
      this.trace.push(`${name}: ${describeEffect(effect)}`);
      if (effect.kind === 'save') player.saves.push(effect);
      else if (effect.kind === 'send') this.#post(name, effect);
      else if (effect.kind === 'reply') this.results.set(effect.requestId, effect.result);
      else if (effect.kind === 'adopted') this.#checkAdopted(name, effect.agreed);
      else if (effect.kind === 'removed') player.removed = true;
      else if (effect.kind === 'log' && effect.level === 'error') player.errors.push(effect.text);
      else if (effect.kind === 'log' && effect.level === 'warn') player.warnings.push(effect.text);
    }
  }

  #checkAdopted(node: string, { document, digest }: AgreedDocument): void {
    const name = `${document.clusterId} e${document.epoch}`;
    expect(this.digests.get(name) ?? digest, `one document for ${name}`).toBe(digest);
    this.digests.set(name, digest);
    const past = `${node} in ${document.clusterId}`;
    expect(document.epoch, `epochs of ${past}`).toBeGreaterThanOrEqual(this.#epochs.get(past) ?? 0);
    this.#epochs.set(past, document.epoch);
  }

  #checkDurable(from: string, { document }: AgreedDocument): void {
    const { ring, prospect } = this.player(from).disk;
    const held = [ring, prospect].flatMap((bytes) =>
      bytes === undefined ? [] : [decodeProspect(bytes)?.document],
    );
    const own = held.find((kept) => kept?.clusterId === document.clusterId);
    expect(own?.epoch ?? 0, `${from} tells what is on its disk`).toBeGreaterThanOrEqual(document.epoch);
  }

  /** Between all of these groups. */
  cutBetween(...groups: readonly string[][]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (other !== group) for (const a of group) for (const b of other) this.#cutLinks.add(`${a} ${b}`);
      }
    }
  }

  heal(): void {
    this.#cutLinks.clear();
    this.cut.clear();
  }

  #post(from: string, { to, message }: Extract<MembershipEffect, { kind: 'send' }>): void {
    if (message.kind === 'document') this.#checkDurable(from, message.document);
    this.messages.push({ from, to, bytes: encodeMembershipMessage(message) });
  }

  /** Everything that needs no time. */
  settle(): void {
    for (;;) {
      const busy = [...this.players].find(
        ([name, { saves }]) => saves.length > 0 && !this.stuckDisks.has(name),
      );
      if (busy !== undefined) this.finishSave(busy[0], busy[1]);
      else if (!this.deliver()) return;
    }
  }

  finishSave(name: string, player: Player): void {
    const { name: record, bytes, token } = player.saves.shift() as Player['saves'][number];
    player.disk[record] = bytes;
    this.step(name, { kind: 'saved', token });
  }

  deliver(at = 0): boolean {
    const [message] = this.messages.splice(at, 1);
    if (message === undefined) return false;
    const { from, to, bytes } = message;
    if (this.cut.has(from) || this.cut.has(to)) return true;
    if (!this.player(from).alive && !this.lastWords.has(from)) return true;
    if (this.#cutLinks.has(`${from} ${to}`)) return true;
    this.step(to, { kind: 'message', from: id(from), message: decodeMembershipMessage(bytes) });
    return true;
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += preset.tickIntervalMs;
      for (const [name, { alive, machine }] of this.players)
        if (alive) this.perform(name, machine.tick(this.now));
      this.settle();
    }
  }

  ask(name: string, request: AdminRequest): RequestResult | undefined {
    const requestId = ++this.#requestId;
    this.step(name, { kind: 'request', requestId, request });
    this.settle();
    return this.results.get(requestId);
  }

  join(name: string, via: string): RequestResult | undefined {
    const requestId = ++this.#requestId;
    this.step(name, { kind: 'joinVia', requestId, peer: id(via) });
    this.settle();
    return this.results.get(requestId);
  }

  planAndCommit(name: string): RequestResult | undefined {
    const planned = this.ask(name, { kind: 'plan' });
    if (planned?.kind !== 'planned') return planned;
    return this.ask(name, { kind: 'commit', planId: planned.plan.planId });
  }

  /** Each owner says that its pending partitions have arrived; then time passes. */
  finishTransfers(): void {
    for (const [name, { machine, alive }] of this.players) {
      if (!alive) continue;
      const pending = machine.current().document.pending.filter(({ from }) => from === name);
      for (const transfer of pending) this.step(name, { kind: 'transferComplete', transfer });
    }
    this.settle();
    this.run(200);
  }

  warnings(name: string): readonly string[] {
    return this.player(name).warnings;
  }

  errors(): string[] {
    return [...this.players.values()].flatMap((player) => player.errors);
  }
}

export function clusterOf(...names: string[]): Play {
  const play = new Play();
  for (const name of names) play.start(name);
  const [first, ...others] = names as [string, ...string[]];
  for (const name of others) expect(play.join(name, first)).toMatchObject({ kind: 'staged' });
  expect(play.planAndCommit(first)).toMatchObject({ kind: 'committed' });
  play.finishTransfers();
  return play;
}
