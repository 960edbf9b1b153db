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
  type WantedStep,
  passesByItself,
  wayTo,
  describeNoResult,
  transfersOf,
  type TransfersAnswer,
  type TransferWish,
} from '@rkv/core';
import {
  AdminError,
  type Admin,
  type ApplyView,
  type BucketChanged,
  type BucketView,
  type BucketWanted,
  type ChangeByName,
  type ControlView,
  type DoctorView,
  type ExchangeView,
  type KeyView,
  type KvOptions,
  type LimitsView,
  type LoadView,
  type PingView,
  type PlanView,
  type Readiness,
  type RepairView,
  type RingView,
  type ScrubView,
  type StatusView,
  type TransferLimitsWanted,
  type TransferScope,
  type TransfersView,
  type Whereabouts,
} from '../admin/api.ts';
import {
  type Coordinator,
  type Failure,
  type KvStore,
  type PingReply,
  type RequestOptions,
  type Service,
  type ServiceReply,
} from '../kv/index.ts';
import { BucketAdmin } from './bucket-admin.ts';
import { planView, ringView, silentTransfers, statusView, transfersView } from './cluster-views.ts';
import { diagnose } from './doctor.ts';
import { exchangeOf } from './exchange-view.ts';
import { keyView } from './key-view.ts';
import { answerAboutScrubs, scrubView } from './scrub-view.ts';
import { askMembers } from './transfer-control.ts';

export interface NodeAdminInit {
  readonly node: Node;
  readonly coordinator: Coordinator;
  readonly kv: KvStore;
  readonly service: Service;
  readonly load: () => LoadView;
}

/** What came of one step on the way to the members that are wanted. */
interface Taken {
  /** A sentence each. */
  readonly told: readonly string[];
  readonly waitsFor?: string;
}

export class NodeAdmin implements Admin {
  readonly #node: Node;
  readonly #coordinator: Coordinator;
  readonly #kv: KvStore;
  readonly #service: Service;
  readonly #load: () => LoadView;
  readonly #buckets: BucketAdmin;
  /** Drains: said by /readyz before the doors close. */
  stopping = false;

  constructor({ node, coordinator, kv, service, load }: NodeAdminInit) {
    this.#node = node;
    answerAboutScrubs(node);
    this.#coordinator = coordinator;
    this.#kv = kv;
    this.#service = service;
    this.#load = load;
    this.#buckets = new BucketAdmin({
      node,
      coordinator,
      transfers: () => this.transfers(),
      request: (request) => this.#request(request),
      refusalError,
    });
  }

  async ping(n: number): Promise<PingView> {
    const reply = await this.#service.ping(n);
    if (reply.result !== 'pong') throw serviceError(reply as ServiceReply);
    return { result: reply.result, n: (reply as PingReply).n, ...whereabouts(reply) };
  }

  async get(
    key: string,
    options: KvOptions,
  ): Promise<{ found: boolean; value?: Uint8Array; where?: Whereabouts }> {
    if (options.where === true) {
      const reply = await this.#service.get(key);
      const { result } = reply;
      if (typeof result === 'object' && 'ok' in result)
        return { found: true, value: result.ok, where: whereabouts(reply) };
      if (typeof result === 'object' && result.error === 'not_found')
        return { found: false, where: whereabouts(reply) };
      throw serviceError(reply);
    }
    return new Promise((resolve, reject) => {
      this.#kv.get(key, requestOptions(options), {
        onValue: (bytes, start, end) => resolve({ found: true, value: bytes.slice(start, end) }),
        onMissing: () => resolve({ found: false }),
        onFailure: (failure) => reject(failureError(failure)),
      });
    });
  }

  async put(key: string, value: Uint8Array, options: KvOptions): Promise<{ where?: Whereabouts }> {
    if (options.where === true) return { where: whereabouts(okOrThrow(await this.#service.put(key, value))) };
    return new Promise((resolve, reject) => {
      this.#kv.put(key, value, requestOptions(options), {
        onWritten: () => resolve({}),
        onFailure: (failure) => reject(failureError(failure)),
      });
    });
  }

  async delete(key: string, options: KvOptions): Promise<{ existed?: boolean; where?: Whereabouts }> {
    if (options.where === true) return { where: whereabouts(okOrThrow(await this.#service.delete(key))) };
    return new Promise((resolve, reject) => {
      this.#kv.delete(key, requestOptions(options), {
        onWritten: (existed) => resolve({ existed }),
        onFailure: (failure) => reject(failureError(failure)),
      });
    });
  }

  async key(key: string, assumeDown: readonly string[], options: KvOptions = {}): Promise<KeyView> {
    const down = assumeDown.map((name) => this.#memberId(this.#node.document, name));
    return keyView(this.#coordinator, (node) => this.#node.isUp(node), {
      key,
      assumeDown: new Set(down),
      options: requestOptions(options),
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

  async apply(wanted: readonly WantedMember[]): Promise<ApplyView> {
    const { done, steps, waiting } = wayTo(this.#node.document, wanted);
    const taken: Taken[] = [];
    for (const step of steps) taken.push(await this.#take(step));
    return {
      done,
      steps: taken.flatMap(({ told }) => told),
      waiting: [...waiting, ...taken.flatMap(({ waitsFor }) => waitsFor ?? [])],
    };
  }

  /** Another may have taken the same step meanwhile: what is so already is no failure. */
  async #take(step: WantedStep): Promise<Taken> {
    switch (step.kind) {
      case 'invite':
        return this.#invite(step);
      case 'ask': {
        const result = await this.#request(step.request);
        if (result.kind === 'refused' && result.code !== 'already_leaving') throw refusalError(result);
        return { told: [`asked ${step.what}`] };
      }
      case 'carryOut': {
        const plan = await this.plan();
        const { epoch } = await this.commit(plan.id);
        const warnings = plan.transitions.flatMap((transition) => transition.warnings);
        return {
          told: [...warnings.map((text) => `WARNING: ${text}`), `the plan is committed as epoch ${epoch}`],
        };
      }
    }
  }

  /** Who is not up yet holds up nobody else: it is invited again at the next look. */
  async #invite({ name, address }: Extract<WantedStep, { kind: 'invite' }>): Promise<Taken> {
    const result = await new Promise<RequestResult>((resolve) => this.#node.invite(address, resolve));
    if (result.kind === 'staged') return { told: [`${name} is invited and its join is staged`] };
    const error = refusalError(result);
    const waitsFor = `${name} to join: ${error.message}`;
    // Its answer got lost, perhaps with the connection of a stranger that is a member now: the next look tells.
    if (error.facts.definite === false) return { told: [`${name} is invited`], waitsFor };
    if (!passesByItself(error.code)) throw error;
    return { told: [], waitsFor };
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

function whereabouts(reply: { node: string; partition: number; index: bigint }): Whereabouts {
  return { node: reply.node, partition: reply.partition, index: reply.index.toString() };
}

function requestOptions({ r, w, pr, pw, dw, notfoundOk, timeoutMs, trace }: KvOptions): RequestOptions {
  return {
    ...(r === undefined ? {} : { r }),
    ...(w === undefined ? {} : { w }),
    ...(pr === undefined ? {} : { pr }),
    ...(pw === undefined ? {} : { pw }),
    ...(dw === undefined ? {} : { dw }),
    ...(notfoundOk === undefined ? {} : { notfoundOk }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(trace === undefined ? {} : { trace }),
  };
}

function okOrThrow(reply: ServiceReply): ServiceReply {
  if (reply.result !== 'ok') throw serviceError(reply);
  return reply;
}

/** What a vnode that was asked alone may say, beside nothing. */
const SENTENCES: Readonly<Record<string, string>> = {
  strict_key: 'a strict key is no affair of one vnode: ask without `where`',
  too_large: 'the key or the value is too large',
  overload: 'queues on the way are full, try again later',
  read_only: 'its store takes no writes now',
  stopping: 'this node is stopping',
};

function serviceError({ result, partition }: ServiceReply): AdminError {
  const code = typeof result === 'object' && 'error' in result ? result.error : 'unreachable';
  return new AdminError(code, SENTENCES[code] ?? `no vnode of partition ${partition} answered`);
}

function failureError(failure: Failure): AdminError {
  const { code, message, definite, needed, got, from } = failure;
  return new AdminError(code, message, { definite, needed, got, from });
}

function refusalError(result: RequestResult): AdminError {
  if (result.kind === 'refused')
    return new AdminError(result.code, result.message, { definite: result.definite });
  if (result.kind === 'not_claimant') {
    return new AdminError('not_claimant', `the claimant is ${result.claimant.name} now; ask again`);
  }
  throw new Error(`broken invariant: an unexpected answer ${result.kind}`);
}
