/**
 * A node: one member of a cluster. It puts the machines together, feeds them, and performs what they ask for.
 *
 * The order that everything rests on, said once: *persist, then tell*. A ring is adopted only when it is durable; a
 * vnode's record goes into the store before the items that follow from it; an acknowledgement waits for the store.
 * Once it has a ring the rest of it exists as well, and follows each new ring in an order of its own (running.ts).
 *
 * It knows no socket, file or clock but those it is given, so that the same code runs over TCP and in the simulated
 * world of @rkv/testkit.
 */
import { WireError, Writer } from '../base/bytes.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId, StartNumber } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import { SPACE_ENTRY, type Place } from '../contracts/store.ts';
import { FEATURES, type Hello, type Lane, type TransportHandler } from '../contracts/transport.ts';
import type { VnodeModule } from '../contracts/vnode.ts';
import type { ExchangeManager } from '../exchange/exchange-manager.ts';
import type { HandoffManager } from '../handoff/handoff-manager.ts';
import type { AdminRequest, MembershipEffect, MembershipEvent, RequestResult } from '../membership/events.ts';
import { loadRecords } from '../membership/loaded-records.ts';
import { Membership } from '../membership/membership.ts';
import type { MembershipMessage } from '../membership/messages.ts';
import { membershipPresets, type MembershipPreset } from '../membership/preset.ts';
import { unsure } from '../membership/refusal.ts';
import type { CoveragePort } from '../request/coverage.ts';
import type { ServicePort } from '../request/port.ts';
import { RequestTable } from '../request/request-table.ts';
import { memberOf, type RingDocument } from '../ring/document.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import { ClaimAhead } from './claim-ahead.ts';
import { ControlPlane } from './control-plane.ts';
import { answerAboutExchange } from './exchange-questions.ts';
import { answerAboutHandoff } from './handoff-questions.ts';
import { Joining } from './joining.ts';
import { sayFarewell, type FarewellParts } from './farewell.ts';
import { Neighbours, type NeighboursParts } from './neighbours.ts';
import type { NodeInit } from './node-init.ts';
import { Questions, type QuestionOutcome } from './questions.ts';
import { adminRequestOf, describeNoResult, requestResultOf } from './request-shapes.ts';
import { missingQuorums } from './readiness.ts';
import { answerAboutReaping } from './reap-questions.ts';
import { Running } from './running.ts';
import { SaveQueue } from './save-queue.ts';
import { StoreProof } from './store-proof.ts';

/** How long another node may take to answer a question. */
const QUESTION_MS = 8_000;

const STRANDED =
  'this node is in no ring any more and still holds data: it was taken out while it was away, or let in by members ' +
  'whose ring was undone. Its data directory is kept';

export class Node {
  readonly id: NodeId;
  readonly #init: NodeInit;
  readonly #start: StartNumber;
  readonly #membership: Membership;
  readonly #questions: Questions;
  readonly #claimAhead: ClaimAhead;
  readonly #table: RequestTable;
  readonly #out = new Writer(64 * 1024);
  readonly #control: ControlPlane;
  readonly #requests = new Map<number, (result: RequestResult) => void>();
  readonly #saves = new SaveQueue(() => this.#init);
  readonly #neighbours: Neighbours;
  readonly #joining: Joining;
  readonly #proof: StoreProof;
  /** As an earlier life saved it. Damaged, it is learned anew from the others. */
  readonly #floorRecord: Uint8Array | undefined;
  #running: Running | undefined;
  #lastRequest = 0;
  #timer: Timer | undefined;
  #stopped = false;

  /**
   * Throws, before it has done anything, when it must not start on what it finds: `RecordsDamaged`, `RecordsUnknown`,
   * `StoreOfAnother`.
   */
  constructor(init: NodeInit) {
    this.#init = init;
    this.id = init.id;
    this.#start = init.host.random() as StartNumber;
    this.#table = new RequestTable(init.host);
    this.#control = this.#makeControlPlane();
    this.#questions = new Questions({
      self: init.id,
      host: init.host,
      send: (to, kind, bytes) => this.#control[kind](to, bytes),
    });
    this.#claimAhead = new ClaimAhead(init.host);
    this.#neighbours = new Neighbours(this.#neighboursParts());
    this.#joining = new Joining({
      address: init.address,
      transport: init.transport,
      neighbours: this.#neighbours,
      questions: this.#questions,
      joinVia: (peer, done) => this.#tell({ kind: 'joinVia', requestId: this.#await(done), peer }),
    });
    this.#membership = this.#makeMembership();
    const { stable } = init;
    this.#floorRecord = stable.isDamaged?.('floor') === true ? undefined : stable.load('floor');
    const ring = this.#membership.current().document;
    this.#proof = new StoreProof({
      ...init,
      ringStoreId: memberOf(ring, init.id)?.storeId,
      save: (record, done) => this.#saves.save('life', record, done),
    });
    this.#answerOthers();
  }

  /** Begin. Once `ready`, the ring is there. */
  start(): void {
    this.#proof.begin(() => this.#begin());
  }

  #begin(): void {
    if (this.#stopped) return;
    this.#perform(this.#membership.start());
    this.#timer = this.#init.host.setTimer(this.#preset.tickIntervalMs, () => this.#tick());
  }

  /** Before `stop`, in good order: others route round this node, and what is under way is finished, within five seconds. */
  drain(done: () => void): void {
    const running = this.#running;
    if (running === undefined) return done();
    const { data, vnodes } = running;
    const parts: FarewellParts = {
      host: this.#init.host,
      announce: () => this.#tell({ kind: 'stopping' }),
      heard: () => data.heard,
      open: () => this.#table.open + vnodes.open,
      refuse: () => data.drain(),
    };
    sayFarewell(parts, done);
  }

  /** Close everything; `done` when the store is closed. Answers that have not come by now never will. */
  stop(done: () => void): void {
    if (this.#stopped) return done();
    this.#stopped = true;
    this.#timer?.cancel();
    this.#claimAhead.stop();
    this.#running?.stop();
    this.#neighbours.stop();
    this.#questions.stop();
    this.#table.stop();
    this.#init.transport.stop();
    this.#init.store.close(() => this.#proof.end(done));
  }

  /** The ring this node acts on. Only once it is ready. */
  get document(): RingDocument {
    return this.#live.view.document;
  }

  /** Whether it has a ring, and with it vnodes and ports. */
  get ready(): boolean {
    return this.#running !== undefined;
  }

  /** Requests that this node coordinates and has not concluded. */
  get openRequests(): number {
    return this.#table.open;
  }

  /** What of this node is bounded, and how full it is. */
  limits(): LimitUse[] {
    const limits = [this.#questions.limit, this.#table.limit];
    return [...limits, ...(this.#running?.limits() ?? [])];
  }

  /** Reasons why this node cannot serve all it should; empty when it can. */
  get troubles(): string[] {
    const running = this.#running;
    if (running === undefined) return ['the ring is not loaded yet', ...this.#saves.troubles];
    if (this.#saves.troubles.length > 0) return this.#saves.troubles;
    const { trouble } = this.#init.store;
    const readOnly = trouble?.kind === 'read_only' ? [`the store takes no writes: ${trouble.message}`] : [];
    return [...readOnly, ...missingQuorums(running.view.document, running.lists)];
  }

  /** Through which a coordinator of this service reaches its vnodes. */
  port<Command, Reply>(module: VnodeModule<Command, Reply>): ServicePort<Command, Reply> {
    return this.#live.data.port(module);
  }

  /** Through which a coverage request (`coverage`) reaches the vnodes of this service. */
  coveragePort<Command, Reply>(module: VnodeModule<Command, Reply>): CoveragePort<Command, Reply> {
    return this.#live.data.coveragePort(module);
  }

  /** What the members have said of themselves. */
  get members(): Membership['peers'] {
    return this.#membership.peers;
  }

  /** What time it is, ms since 1970, whatever this node's own clock says: by which keys expire. */
  clusterTime(): number {
    return this.#membership.peers.clusterTime(this.#init.host.monotonic());
  }

  /** How far that member's own clock is ahead of it, ms; below zero: behind. Undefined: it is not up. */
  clockOffset(node: NodeId): number | undefined {
    return this.#membership.peers.clockOffset(node, this.#init.host.monotonic());
  }

  /** Whether that member is heard and hears this one. It may be wrong: it says only who is worth asking. */
  isUp(node: NodeId): boolean {
    return this.#membership.isUp(node);
  }

  /** Whether every live member is known to hold this node's ring. */
  get ringReady(): boolean {
    return this.#membership.allLiveHave(this.document.epoch);
  }

  /** Who carries out changes now: the claimant, or while that is down the first live voter. */
  get claimant(): NodeId {
    return this.#membership.actingClaimant();
  }

  /** The ring of the cluster that this node has asked to join, as far as it knows it. */
  get prospect(): RingDocument | undefined {
    return this.#membership.prospect()?.document;
  }

  /** Stage, plan, commit, clear: carried out by the acting claimant, wherever it is. */
  request(request: AdminRequest, done: (result: RequestResult) => void): void {
    this.#requestHere(request, (result) => {
      if (result.kind !== 'not_claimant') return done(result);
      const { id, name } = result.claimant;
      this.#questions.ask(id, 'request', request, this.#preset.requestTimeoutMs, (outcome) => {
        const result = requestResultOf(request.kind, outcome);
        if (result !== undefined) return done(result);
        const why = describeNoResult(outcome);
        done(unsure('no_majority', `the claimant ${name} did not answer: ${why}`));
      });
    });
  }

  /** Ask the cluster at `address` to let this node in. */
  join(address: string, done: (result: RequestResult) => void): void {
    this.#joining.join(address, done);
  }

  /** Have the node at `address` ask to be let into this cluster. */
  invite(address: string, done: (result: RequestResult) => void): void {
    this.#joining.invite(address, done);
  }

  /** Ask another node; see `answer`. */
  ask(to: NodeId, topic: string, body: unknown, done: (outcome: QuestionOutcome) => void): void {
    this.#questions.ask(to, topic, body, QUESTION_MS, done);
  }

  /** Answer a topic of one's own when other nodes ask. */
  answer(topic: string, answerer: Parameters<Questions['answer']>[1]): void {
    this.#questions.answer(topic, answerer);
  }

  /** This node's transfers: those that run and those that wait, with the reason. */
  get handoff(): Pick<HandoffManager, 'active' | 'waiting' | 'inbound' | 'limitTo' | 'filled'> {
    return this.#live.handoff;
  }

  /** How the copies of this node stand to those of others. */
  get exchange(): Pick<ExchangeManager, 'status' | 'totals'> {
    return this.#live.exchange;
  }

  /** Where this node has vnodes, of whatever ring and standing. */
  get places(): Place[] {
    return this.#live.vnodes.all().map((host) => host.place);
  }

  /** A vnode of this node, for looking at it from inside. */
  vnode(service: string, partition: PartitionId): VnodeHost | undefined {
    return this.#live.vnodes.find(service, partition);
  }

  /** Owned partitions of a service whose vnode is partial: it lacks, or may lack, what it should hold. */
  partialPartitions(service: string): PartitionId[] {
    return this.#live.wholeness.partial(service);
  }

  get #live(): Running {
    if (this.#running === undefined) throw new Error('the node is not ready yet');
    return this.#running;
  }

  get #preset(): MembershipPreset {
    return this.#init.preset ?? membershipPresets.local;
  }

  #neighboursParts(): NeighboursParts {
    const { host, transport, logger } = this.#init;
    return {
      self: this.id,
      host,
      transport,
      logger,
      document: () => this.document,
      prospect: () => this.prospect,
      send: (to, message) => this.#sendMembership(to, message),
    };
  }

  #makeControlPlane(): ControlPlane {
    const { name, transport } = this.#init;
    return new ControlPlane({
      name,
      transport,
      out: this.#out,
      services: serviceNames(this.#init),
      epoch: () => this.#running?.view.document.epoch ?? (0 as Epoch),
      onMembership: (from, message) => this.#tell({ kind: 'message', from, message }),
      onQuestion: (from, bytes) => this.#questions.onQuestion(from, bytes),
      onAnswer: (from, bytes) => this.#questions.onAnswer(from, bytes),
      onTransfer: (from, header, service, body) => this.#live.handoff.onFrame(from, header, service, body),
      onExchange: (from, header, service, body) => this.#live.onExchange(from, header, service, body),
    });
  }

  #makeMembership(): Membership {
    const { id, name, address, location, stable, store, host, birth } = this.#init;
    return new Membership({
      self: { id, name, address, location, storeId: store.storeId },
      records: loadRecords(stable),
      birth: { ...birth, clusterId: drawClusterId(host) },
      claim: this.#claimAhead.claim,
      random: () => host.random(),
      wallClock: () => host.now(),
      services: serviceNames(this.#init),
      partial: () => this.#running?.vnodes.partialOwned.length ?? 0,
      disk: () => store.trouble?.kind,
      preset: this.#preset,
    });
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#perform(this.#membership.tick(this.#init.host.monotonic()));
    this.#running?.reportProgress();
    this.#timer = this.#init.host.setTimer(this.#preset.tickIntervalMs, () => this.#tick());
  }

  /** Feed the membership machine. */
  #tell(event: MembershipEvent): void {
    if (!this.#stopped) this.#perform(this.#membership.step(event, this.#init.host.monotonic()));
  }

  #perform(effects: readonly MembershipEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: MembershipEffect): void {
    switch (effect.kind) {
      case 'save': {
        const { name, bytes, token } = effect;
        const saved = (error?: string): void => this.#tell({ kind: 'saved', token, error });
        // A plan may fail: somebody waits to be told.
        return this.#saves.save(name, bytes, () => saved(), name === 'plan' ? saved : undefined);
      }
      case 'send':
        return this.#sendMembership(effect.to, effect.message);
      case 'adopted':
        this.#adopt(effect.agreed.document);
        return this.#init.onRing?.(effect.agreed);
      case 'upChanged':
        return this.#running?.upChanged(effect.node, effect.up);
      case 'reply': {
        const done = this.#requests.get(effect.requestId);
        this.#requests.delete(effect.requestId);
        return done?.(effect.result);
      }
      case 'removed':
        return this.#becomeRemoved();
      case 'setPeers':
        return this.#neighbours.setMembers(effect.peers);
      case 'log':
        return this.#init.logger[effect.level](effect.fields, effect.text);
    }
  }

  /** Whoever leaves in good order is empty by then (`drained`). What lies here otherwise may be the only copy. */
  #becomeRemoved(): void {
    const isEmpty = this.#init.store.places(SPACE_ENTRY).length === 0;
    if (!isEmpty) this.#init.logger.warn({ epoch: this.document.epoch }, STRANDED);
    this.#init.onRemoved?.(isEmpty ? 'left' : 'stranded');
  }

  #adopt(document: RingDocument): void {
    if (this.#running === undefined) this.#beginRunning(document);
    else this.#running.adopt(document);
  }

  /** The first ring. */
  #beginRunning(document: RingDocument): void {
    const running = new Running({
      init: this.#init,
      start: this.#start,
      document,
      membership: this.#membership,
      table: this.#table,
      control: this.#control,
      out: this.#out,
      tell: (event) => this.#tell(event),
      ask: (to, topic, body, done) => this.ask(to, topic, body, done),
      floorRecord: this.#floorRecord,
      save: (name, bytes, done) => this.#saves.save(name, bytes, done),
    });
    this.#running = running;
    const { isFirstLife, proven } = this.#proof;
    running.start({ firstLife: isFirstLife, intact: proven }, this.#transportHandler(), () =>
      this.#proof.becomeProven(),
    );
    this.#init.onReady?.();
  }

  #requestHere(request: AdminRequest, done: (result: RequestResult) => void): void {
    const requestId = this.#await(done);
    this.#claimAhead.prepare(this.#membership.claimInputFor(request), () =>
      this.#tell({ kind: 'request', requestId, request }),
    );
  }

  #await(done: (result: RequestResult) => void): number {
    this.#requests.set(++this.#lastRequest, done);
    return this.#lastRequest;
  }

  /** What other nodes may ask of every node. */
  #answerOthers(): void {
    this.#questions.answer('request', (body, answer) => {
      const request = adminRequestOf(body);
      if (request === undefined) {
        return answer({
          kind: 'refused',
          code: 'bad_request',
          message: 'this node does not know such a request',
        });
      }
      this.#requestHere(request, (result) => answer({ kind: 'answered', body: result }));
    });
    this.#questions.answer('inDoubt', (body, answer) =>
      answer({ kind: 'answered', body: this.#live.wholeness.answer(body) }),
    );
    answerAboutHandoff(this.#questions, () => this.#running?.handoff);
    answerAboutExchange(this.#questions, () => this.#running?.exchange);
    answerAboutReaping(this.#questions, () => this.#running?.reaping);
  }

  #transportHandler(): TransportHandler {
    return {
      hello: (purpose) => this.#hello(purpose),
      admit: (peer) => this.#neighbours.admit(peer),
      onFrame: (from, lane, bytes, start, end) => this.#onFrame(from, lane, bytes, start, end),
      onPeerUp: (peer) => this.#onPeerUp(peer),
      onPeerDown: (peer, reason) => {
        this.#init.logger.debug({ peer, reason }, 'a connection ended');
        this.#questions.onPeerDown(peer);
        this.#tell({ kind: 'peerDown', peer });
      },
    };
  }

  #hello(purpose: Hello['purpose']): Hello {
    const { name, address } = this.#init;
    const { clusterId } = this.document;
    return { nodeId: this.id, start: this.#start, name, address, clusterId, purpose, features: FEATURES };
  }

  #onPeerUp(peer: Hello): void {
    this.#tell({ kind: 'peerUp', peer: peer.nodeId });
  }

  #onFrame(from: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    try {
      if (lane === 'data') this.#live.data.onFrame(from, bytes, start, end);
      else this.#control.onFrame(from, bytes, start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#init.logger.warn({ from, lane, reason: error.message }, 'a frame made no sense and was dropped');
    }
  }

  #sendMembership(to: NodeId, message: MembershipMessage): void {
    if (this.#control.membership(to, message)) return;
    this.#neighbours.keepFor(to, message);
  }
}

/** Names one cluster for ever: 32 hex digits, drawn at its birth. */
function drawClusterId(host: Host): string {
  return Array.from({ length: 4 }, () => host.random().toString(16).padStart(8, '0')).join('');
}

function serviceNames({ modules }: NodeInit): string[] {
  return modules.map((module) => module.name);
}
