/**
 * What an operator asks, answered by a node: names for ids, percentages for owners, refusals as errors with a code.
 *
 * Changes go to the acting claimant wherever it is; what only others know (their transfers, what their replicas hold)
 * is asked of them. A node that has asked to join shows the cluster it is about to enter.
 */
import {
  memberName,
  type Node,
  type NodeId,
  type RequestResult,
  type RingDocument,
  type StagedChange,
  type WantedMember,
  describeNoResult,
  transfersOf,
  type TransfersAnswer,
  type TransferWish,
} from '@rkv/core';
import { AdminError } from '../admin/admin-error.ts';
import type {
  Admin,
  ApplyView,
  BucketChanged,
  BucketView,
  BucketWanted,
  ChangeByName,
  ControlView,
  DoctorView,
  ExchangeView,
  KeyView,
  KvOptions,
  LimitsView,
  PingView,
  PlanView,
  Readiness,
  RepairView,
  RingView,
  ScrubView,
  StatusView,
  TransferLimitsWanted,
  TransferScope,
  TransfersView,
} from '../admin/api.ts';
import type { LoadView } from '../admin/load-view.ts';
import type { Coordinator, KvStore, Service } from '../kv/index.ts';
import { BucketAdmin } from './bucket-admin.ts';
import { planView, ringView, silentTransfers, statusView, transfersView } from './cluster-views.ts';
import { diagnose } from './doctor.ts';
import { exchangeOf } from './exchange-view.ts';
import { KeyAdmin } from './key-admin.ts';
import { keyView } from './key-view.ts';
import { refusalError } from './refusal-error.ts';
import { answerAboutScrubs, scrubView } from './scrub-view.ts';
import { askMembers } from './transfer-control.ts';
import { WantedMembers } from './wanted-members.ts';

export interface NodeAdminInit {
  readonly node: Node;
  readonly coordinator: Coordinator;
  readonly kv: KvStore;
  readonly service: Service;
  readonly load: () => LoadView;
}

export class NodeAdmin implements Admin {
  readonly #node: Node;
  readonly #coordinator: Coordinator;
  readonly #keys: KeyAdmin;
  readonly #load: () => LoadView;
  readonly #buckets: BucketAdmin;
  /** Drains: said by /readyz before the doors close. */
  stopping = false;

  constructor({ node, coordinator, kv, service, load }: NodeAdminInit) {
    this.#node = node;
    answerAboutScrubs(node);
    this.#coordinator = coordinator;
    this.#keys = new KeyAdmin(kv, service);
    this.#load = load;
    this.#buckets = new BucketAdmin({
      node,
      coordinator,
      transfers: () => this.transfers(),
      request: (request) => this.#request(request),
    });
  }

  ping(n: number): Promise<PingView> {
    return this.#keys.ping(n);
  }

  get(key: string, options: KvOptions): ReturnType<Admin['get']> {
    return this.#keys.get(key, options);
  }

  put(key: string, value: Uint8Array, options: KvOptions): ReturnType<Admin['put']> {
    return this.#keys.put(key, value, options);
  }

  delete(key: string, options: KvOptions): ReturnType<Admin['delete']> {
    return this.#keys.delete(key, options);
  }

  async key(key: string, assumeDown: readonly string[], options: KvOptions = {}): Promise<KeyView> {
    const down = assumeDown.map((name) => this.#memberId(this.#node.document, name));
    return keyView(this.#coordinator, (node) => this.#node.isUp(node), {
      key,
      assumeDown: new Set(down),
      options: options,
      transfers: await this.transfers(),
    });
  }

  status(): Promise<StatusView> {
    return Promise.resolve(statusView(this.#node));
  }

  async ring(): Promise<RingView> {
    const transfers = await this.transfers();
    return ringView(this.#node, transfers);
  }

  async transfers(): Promise<TransfersView> {
    const { document } = this.#node;
    const members = document.members.map((member) => member.id);
    const answers = await Promise.all(members.map((member) => this.#transfersOf(document, member)));
    return transfersView(document, members, answers);
  }

  async controlTransfers(
    kind: 'pause' | 'resume' | 'cancel',
    { partition, node }: TransferScope,
  ): Promise<ControlView> {
    const { ringSize, resize } = this.#node.document;
    if (partition !== undefined) this.#checkPartition(partition, Math.max(ringSize, resize?.ringSize ?? 0));
    const wish = { kind, ...(partition !== undefined && { partition }) } as TransferWish;
    return askMembers(this.#node, this.#membersNamed(node), 'wish', wish);
  }

  async limitTransfers(limits: TransferLimitsWanted, node: string | undefined): Promise<LimitsView> {
    const wish = { kind: 'limit', ...limits } as TransferWish;
    return (await askMembers(this.#node, this.#membersNamed(node), 'wish', wish)) as LimitsView;
  }

  async repair(partition: number): Promise<RepairView> {
    this.#checkPartition(partition, this.#node.document.ringSize);
    const owner = this.#node.document.owners[partition] as NodeId;
    const { nodes } = await askMembers(this.#node, [owner], 'wish', { kind: 'repair', partition });
    return nodes[0] as unknown as RepairView;
  }

  exchange(): Promise<ExchangeView> {
    return exchangeOf(this.#node);
  }

  controlExchange(kind: 'pause' | 'resume', node: string | undefined): Promise<ControlView> {
    return askMembers(this.#node, this.#membersNamed(node), 'exchangeWish', { kind });
  }

  async scrub(node: string | undefined, begin: boolean): Promise<ScrubView> {
    return scrubView(await askMembers(this.#node, this.#membersNamed(node), 'scrub', { begin }));
  }

  async join(address: string): Promise<{ claimant: string }> {
    const result = await new Promise<RequestResult>((resolve) => this.#node.join(address, resolve));
    if (result.kind !== 'staged') throw refusalError(result);
    return { claimant: memberName(this.#node.prospect ?? this.#node.document, result.via) };
  }

  async stage(change: ChangeByName): Promise<{ claimant: string }> {
    const document = this.#node.prospect ?? this.#node.document;
    const result = await this.#request(this.#changeById(document, change));
    if (result.kind !== 'staged') throw refusalError(result);
    return { claimant: memberName(document, result.via) };
  }

  #changeById(document: RingDocument, change: ChangeByName): StagedChange {
    if (change.kind === 'resize') return change;
    const node = change.node === undefined ? this.#node.id : this.#memberId(document, change.node);
    return 'by' in change
      ? { ...change, node, by: this.#memberId(document, change.by) }
      : { kind: change.kind, node };
  }

  async abortResize(): Promise<{ epoch: number }> {
    const result = await this.#request({ kind: 'abortResize' });
    if (result.kind !== 'done') throw refusalError(result);
    return { epoch: result.epoch };
  }

  async down(
    names: readonly string[],
    force: boolean,
  ): Promise<{ epoch: number; warnings: readonly string[] }> {
    const nodes = names.map((name) => this.#memberId(this.#node.document, name));
    const result = await this.#request({ kind: 'down', nodes, force });
    if (result.kind !== 'done') throw refusalError(result);
    return { epoch: result.epoch, warnings: result.warnings ?? [] };
  }

  apply(wanted: readonly WantedMember[]): Promise<ApplyView> {
    return new WantedMembers({
      node: this.#node,
      request: (request) => this.#request(request),
      plan: () => this.plan(),
      commit: (planId) => this.commit(planId),
    }).apply(wanted);
  }

  buckets(): Promise<readonly BucketView[]> {
    return Promise.resolve(this.#buckets.list());
  }

  changeBucket(prefix: string, wanted: BucketWanted | null): Promise<BucketChanged> {
    return this.#buckets.change(prefix, wanted);
  }

  async clear(): Promise<void> {
    const result = await this.#request({ kind: 'clear' });
    if (result.kind !== 'cleared') throw refusalError(result);
  }

  async plan(): Promise<PlanView> {
    const result = await this.#request({ kind: 'plan' });
    if (result.kind !== 'planned') throw refusalError(result);
    return planView(result.plan, this.#node.prospect ?? this.#node.document);
  }

  async commit(planId: string | undefined): Promise<{ epoch: number }> {
    const result = await this.#request({ kind: 'commit', planId });
    if (result.kind !== 'committed') throw refusalError(result);
    return { epoch: result.epoch };
  }

  async doctor(): Promise<DoctorView> {
    const [status, transfers, exchange, scrub] = await Promise.all([
      this.status(),
      this.transfers(),
      this.exchange(),
      this.scrub(undefined, false),
    ]);
    const { document } = this.#node;
    const { limits } = this.load();
    const isOutside = this.#node.prospect !== undefined;
    return { findings: diagnose({ document, isOutside, status, transfers, exchange, scrub, limits }) };
  }

  load(): LoadView {
    return this.#load();
  }

  readiness(): Readiness {
    const reasons = this.stopping ? ['draining: this node was asked to end'] : this.#node.troubles;
    return { ready: reasons.length === 0, reasons };
  }

  #request(request: Parameters<Node['request']>[0]): Promise<RequestResult> {
    return new Promise((resolve) => this.#node.request(request, resolve));
  }

  #memberId(document: RingDocument, name: string): NodeId {
    const member = document.members.find((candidate) => candidate.name === name || candidate.id === name);
    if (member !== undefined) return member.id;
    const names = document.members.map((candidate) => candidate.name).join(', ');
    throw new AdminError('not_member', `no member is named ${name}; the members are ${names}`);
  }

  /** One member, or all of them. */
  #membersNamed(name: string | undefined): NodeId[] {
    const { document } = this.#node;
    return name === undefined ? document.members.map(({ id }) => id) : [this.#memberId(document, name)];
  }

  #checkPartition(partition: number, partitions: number): void {
    if (partition < partitions) return;
    throw new AdminError(
      'bad_request',
      `there is no partition ${partition}; the last one is ${partitions - 1}`,
    );
  }

  #transfersOf(document: RingDocument, member: NodeId): Promise<TransfersAnswer> {
    if (!this.#node.isUp(member)) return Promise.resolve(silentTransfers(document, member, 'is down'));
    return new Promise((resolve) => {
      this.#node.ask(member, 'transfers', null, (outcome) => {
        const answer = outcome.kind === 'answered' ? transfersOf(outcome.body) : undefined;
        resolve(answer ?? silentTransfers(document, member, describeNoResult(outcome)));
      });
    });
  }
}
