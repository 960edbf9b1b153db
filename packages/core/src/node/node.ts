/**
 * A node: one member of a cluster. It puts the machines together, feeds them, and performs what they ask for.
 *
 * The order that everything rests on, said once: *persist, then tell*. A ring is adopted only when it is durable; a
 * vnode's record goes into the store before the items that follow from it; an acknowledgement waits for the store.
 * When a ring is adopted, the vnodes take their standing under it first, then handoff and requests see it, then frames
 * that were waiting for it go on.
 *
 * It knows no socket, file or clock but those it is given, so that the same code runs over TCP and in the simulated
 * world of @rkv/testkit.
 */
import { Reader, WireError, Writer } from '../base/bytes.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { Epoch, NodeId, PartitionId, StartNumber } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import { SPACE_ENTRY, type Place } from '../contracts/store.ts';
import type { Hello, Lane, TransportHandler } from '../contracts/transport.ts';
import type { VnodeModule } from '../contracts/vnode.ts';
import { claim } from '../claim/claim.ts';
import { HandoffManager } from '../handoff/handoff-manager.ts';
import { readOffer, writeAnswer } from '../handoff/handoff-wire.ts';
import type { TransferableVnode } from '../handoff/port.ts';
import type { AdminRequest, MembershipEffect, MembershipEvent, RequestResult } from '../membership/events.ts';
import { loadRecords } from '../membership/loaded-records.ts';
import { Membership } from '../membership/membership.ts';
import {
  decodeMembershipMessage,
  encodeMembershipMessage,
  type MembershipMessage,
} from '../membership/messages.ts';
import { membershipPresets, type MembershipPreset } from '../membership/preset.ts';
import { unsure } from '../membership/refusal.ts';
import { MESSAGE, newHeader, readHeader, serviceNumber, type Header } from '../request/message.ts';
import type { CoveragePort } from '../request/coverage.ts';
import type { ServicePort } from '../request/port.ts';
import { RequestTable } from '../request/request-table.ts';
import { memberOf, type RingDocument } from '../ring/document.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import { VnodeManager } from '../vnode/vnode-manager.ts';
import { ColdFrames } from './cold-frames.ts';
import { DataPlane } from './data-plane.ts';
import { answerAboutHandoff, refusalOf } from './handoff-questions.ts';
import { Joining } from './joining.ts';
import { STRANDED } from './life.ts';
import { sayFarewell, type FarewellParts } from './farewell.ts';
import { Neighbours, type NeighboursParts } from './neighbours.ts';
import type { NodeInit } from './node-init.ts';
import { Questions, type QuestionOutcome } from './questions.ts';
import { adminRequestOf, describeNoResult, requestResultOf } from './request-shapes.ts';
import { missingQuorums } from './readiness.ts';
import { RingView, type ListOf } from './ring-view.ts';
import { SaveQueue } from './save-queue.ts';
import { StoreProof } from './store-proof.ts';
import { Wholeness } from './wholeness.ts';

/** How long another node may take to answer a question or a request. */
const QUESTION_MS = 8_000;

/** Everything that exists once the node has a ring. */
interface Running {
  readonly view: RingView;
  readonly vnodes: VnodeManager;
  readonly wholeness: Wholeness;
  readonly data: DataPlane;
  /** By service: the preference lists of those that run it. */
  readonly lists: ReadonlyMap<string, ListOf>;
  readonly handoff: HandoffManager;
}

export class Node {
  readonly id: NodeId;
  readonly #init: NodeInit;
  readonly #start: StartNumber;
  readonly #membership: Membership;
  readonly #questions: Questions;
  readonly #table: RequestTable;
  readonly #modules: readonly VnodeModule<unknown, unknown>[];
  readonly #out = new Writer(64 * 1024);
  readonly #frames: ColdFrames;
  readonly #reader = new Reader();
  readonly #header = newHeader();
  readonly #requests = new Map<number, (result: RequestResult) => void>();
  readonly #saves = new SaveQueue(() => this.#init);
  readonly #neighbours: Neighbours;
  readonly #joining: Joining;
  readonly #proof: StoreProof;
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
    this.#modules = init.modules;
    this.#start = init.host.random() as StartNumber;
    this.#table = new RequestTable(init.host);
    this.#frames = new ColdFrames({
      transport: init.transport,
      out: this.#out,
      epoch: () => this.#running?.view.document.epoch ?? (0 as Epoch),
    });
    this.#questions = new Questions({
      self: init.id,
      host: init.host,
      send: (to, kind, bytes) =>
        this.#frames.control(to, kind === 'question' ? MESSAGE.question : MESSAGE.answer, bytes),
    });
    this.#neighbours = new Neighbours(this.#neighboursParts());
    this.#joining = new Joining({
      address: init.address,
      transport: init.transport,
      neighbours: this.#neighbours,
      questions: this.#questions,
      joinVia: (peer, done) => this.#ask({ kind: 'joinVia', requestId: this.#await(done), peer }),
    });
    this.#membership = this.#makeMembership();
    const ring = this.#membership.current().document;
    this.#proof = new StoreProof({
      ...init,
      ringStoreId: memberOf(ring, init.id)?.storeId,
      save: (record, done) => this.#saves.save('life', record, done),
    });
    this.#answerOthers();
  }

  start(): void {
    this.#proof.begin(() => this.#begin());
  }

  #begin(): void {
    if (this.#stopped) return;
    this.#perform(this.#membership.start(this.#init.host.monotonic()));
    this.#timer = this.#init.host.setTimer(this.#preset.tickIntervalMs, () => this.#tick());
  }

  /** Before `stop`, in good order: others route round this node, and what is under way is finished, within five seconds. */
  drain(done: () => void): void {
    const running = this.#running;
    if (running === undefined) return done();
    const { data, vnodes } = running;
    const parts: FarewellParts = {
      host: this.#init.host,
      announce: () => this.#ask({ kind: 'stopping' }),
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
    this.#running?.handoff.stop();
    this.#running?.vnodes.stop();
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
    const running = this.#running;
    if (running === undefined) return limits;
    const { data, handoff, vnodes } = running;
    return [...limits, ...data.limits(), ...handoff.limits(), ...vnodes.limits()];
  }

  /** Reasons why this node cannot serve all it should; empty when it can. */
  get troubles(): string[] {
    const running = this.#running;
    if (running === undefined) return ['the ring is not loaded yet', ...this.#saves.troubles];
    if (this.#saves.troubles.length > 0) return this.#saves.troubles;
    return missingQuorums(running.view.document, running.lists);
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

  isUp(node: NodeId): boolean {
    return node === this.id || this.#membership.isUp(node);
  }

  /** Whether every live member is known to hold this node's ring. */
  get ringReady(): boolean {
    return this.#membership.allLiveHave(this.document.epoch);
  }

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
      this.#questions.ask(id, 'request', request, QUESTION_MS, (outcome) => {
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

  #makeMembership(): Membership {
    const { id, name, address, location, stable, store, host, birth } = this.#init;
    return new Membership({
      self: { id, name, address, location, storeId: store.storeId },
      records: loadRecords(stable),
      birth: { ...birth, clusterId: drawClusterId(host) },
      claim,
      random: () => host.random(),
      wallClock: () => host.now(),
      services: this.#modules.map((module) => module.name),
      partial: () => this.#running?.vnodes.partialOwned.length ?? 0,
      preset: this.#preset,
    });
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#perform(this.#membership.tick(this.#init.host.monotonic()));
    const running = this.#running;
    const leaving = running?.view.document.members.some(
      (member) => member.id === this.id && member.status === 'leaving',
    );
    if (leaving === true && running?.handoff.drained === true) this.#ask({ kind: 'drained' });
    if (running?.view.document.resize !== undefined)
      this.#ask({ kind: 'filled', full: running.handoff.filled });
    this.#timer = this.#init.host.setTimer(this.#preset.tickIntervalMs, () => this.#tick());
  }

  #ask(event: MembershipEvent): void {
    if (!this.#stopped) this.#perform(this.#membership.step(event, this.#init.host.monotonic()));
  }

  #perform(effects: readonly MembershipEffect[]): void {
    for (const effect of effects) this.#performOne(effect);
  }

  #performOne(effect: MembershipEffect): void {
    switch (effect.kind) {
      case 'save': {
        const { name, bytes, token } = effect;
        const saved = (error?: string): void => this.#ask({ kind: 'saved', token, error });
        // A plan may fail: somebody waits to be told.
        return this.#saves.save(name, bytes, () => saved(), name === 'plan' ? saved : undefined);
      }
      case 'send':
        return this.#sendMembership(effect.to, effect.message);
      case 'adopted':
        this.#adopt(effect.agreed.document);
        return this.#init.onRing?.(effect.agreed);
      case 'upChanged':
        return this.#upChanged(effect.node, effect.up);
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
    const running = this.#running;
    if (running === undefined) return this.#beginRunning(document);
    running.vnodes.adopt(document);
    running.view.adopt(document);
    running.handoff.adopt();
    this.#table.ringChanged();
    running.data.adopt();
  }

  /** The first ring: open the vnodes, then let others in. */
  #beginRunning(document: RingDocument): void {
    const { host, store, transport, logger, durability, mailboxMax } = this.#init;
    const self = this.id;
    const modules = this.#modules;
    const view = new RingView(
      self,
      document,
      (node) => this.isUp(node),
      (node, service) => this.#membership.peers.runs(node, service),
    );
    const lists = new Map(modules.map(({ name }) => [name, view.listOf(name)]));
    const vnodes = new VnodeManager({ self, host, store, logger, durability, modules, mailboxMax });
    const data = new DataPlane({
      self,
      host,
      transport,
      logger,
      modules,
      view,
      vnodes,
      table: this.#table,
      out: this.#out,
    });
    const handoff = new HandoffManager(this.#handoffPort(view, vnodes));
    const wholeness = new Wholeness({
      self,
      host,
      logger,
      vnodes,
      document: () => view.document,
      ask: (node, body, done) => this.ask(node, 'inDoubt', body, done),
    });
    this.#running = { view, vnodes, wholeness, data, lists, handoff };
    store.start({
      onProgress: () => vnodes.onStoreProgress(),
      onFailure: (fromSeq, error) => {
        logger.error({ code: error.code }, `the store failed: ${error.message}`);
        vnodes.onStoreProgress(fromSeq);
      },
    });
    const { isFirstLife, proven } = this.#proof;
    vnodes.start(document, { firstLife: isFirstLife, intact: proven });
    if (!proven) this.#whenAllStored(vnodes, () => this.#proof.becomeProven());
    transport.start(this.#transportHandler());
    handoff.start();
    this.#init.onReady?.();
  }

  /** An empty batch is durable when everything before it is. */
  #whenAllStored(vnodes: VnodeManager, done: () => void): void {
    const seq = this.#init.store.submit([]);
    if (seq !== undefined) vnodes.whenStored(seq, done);
  }

  #upChanged(node: NodeId, up: boolean): void {
    const running = this.#running;
    if (running === undefined) return;
    running.view.upChanged();
    if (!up) this.#table.failNode(node);
    running.handoff.onUpChanged(node, up);
    this.#table.ringChanged();
  }

  #requestHere(request: AdminRequest, done: (result: RequestResult) => void): void {
    this.#ask({ kind: 'request', requestId: this.#await(done), request });
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
        this.#ask({ kind: 'peerDown', peer });
      },
    };
  }

  #hello(purpose: Hello['purpose']): Hello {
    const { name, address } = this.#init;
    const { clusterId } = this.document;
    return { nodeId: this.id, start: this.#start, name, address, clusterId, purpose, features: [] };
  }

  #onPeerUp(peer: Hello): void {
    this.#ask({ kind: 'peerUp', peer: peer.nodeId });
  }

  #onFrame(from: NodeId, lane: Lane, bytes: Uint8Array, start: number, end: number): void {
    try {
      if (lane === 'data') this.#live.data.onFrame(from, bytes, start, end);
      else this.#handleColdFrame(from, bytes, start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#init.logger.warn({ from, lane, reason: error.message }, 'a frame made no sense and was dropped');
    }
  }

  #handleColdFrame(from: NodeId, bytes: Uint8Array, start: number, end: number): void {
    const header = this.#header;
    const reader = this.#reader.on(bytes, start, end);
    readHeader(reader, header);
    switch (header.type) {
      case MESSAGE.membership:
        return this.#ask({ kind: 'message', from, message: decodeMembershipMessage(reader.rest()) });
      case MESSAGE.question:
        return this.#questions.onQuestion(from, reader.rest());
      case MESSAGE.answer:
        return this.#questions.onAnswer(from, reader.rest());
      case MESSAGE.handoffOffer:
      case MESSAGE.handoffAnswer:
      case MESSAGE.handoffItems:
      case MESSAGE.handoffAck:
      case MESSAGE.handoffCompare:
      case MESSAGE.handoffHeld:
      case MESSAGE.handoffEnd: {
        const module = this.#modules.find((candidate) => serviceNumber(candidate.name) === header.service);
        if (module === undefined) return this.#refuseTransfer(from, header, reader);
        return this.#live.handoff.onFrame(from, header, module.name, reader);
      }
      default:
        throw new WireError(`a message of unknown type ${header.type}`);
    }
  }

  /** Of a service that is not run here. */
  #refuseTransfer(from: NodeId, { type, service, ringBits, partition }: Header, body: Reader): void {
    if (type !== MESSAGE.handoffOffer) throw new WireError('a transfer of an unknown service');
    const { id } = readOffer(body);
    const refusal = `${this.#init.name} does not run this service`;
    this.#frames.bulk(from, MESSAGE.handoffAnswer, service, { ringBits, partition }, (out) =>
      writeAnswer(out, { id, refusal, compare: false }),
    );
  }

  #sendMembership(to: NodeId, message: MembershipMessage): void {
    if (this.#frames.control(to, MESSAGE.membership, encodeMembershipMessage(message))) return;
    this.#neighbours.keepFor(to, message);
  }

  /** A member that is up runs it. */
  #isRun(service: string): boolean {
    return this.document.members.some(({ id }) => this.#membership.peers.runs(id, service));
  }

  #handoffPort(view: RingView, vnodes: VnodeManager): ConstructorParameters<typeof HandoffManager>[0] {
    const { host, logger } = this.#init;
    return {
      self: this.id,
      host,
      logger,
      get document() {
        return view.document;
      },
      services: this.#modules.map((module) => module.name),
      isUp: (node) => this.isUp(node),
      runs: (node, service) => this.#membership.peers.runs(node, service),
      unserved: (place) => vnodes.unserved(place, (service) => this.#isRun(service)),
      nameOf: (node) => view.document.members.find((member) => member.id === node)?.name ?? node,
      allLiveHave: (epoch) => this.#membership.allLiveHave(epoch),
      find: (service, place) => vnodes.findAt(service, place),
      findOrStandIn: (service, place) => vnodes.findOrOpenAt(service, place),
      all: () => vnodes.all(),
      discard: (vnode: TransferableVnode) => vnodes.discard(vnode as VnodeHost),
      whenAllStored: (done) => this.#whenAllStored(vnodes, done),
      send: (to, type, service, place, body) =>
        this.#frames.bulk(to, type, serviceNumber(service), place, body),
      askForCopy: (to, request, done) => this.ask(to, 'copy', request, (outcome) => done(refusalOf(outcome))),
      declareWhole: (service, partition) => this.#live.wholeness.declare(service, partition),
      withdrawComplete: (partition, to) =>
        this.#ask({ kind: 'transferBroken', transfer: { partition, from: this.id, to } }),
      reportComplete: (partition, to) =>
        this.#ask({ kind: 'transferComplete', transfer: { partition, from: this.id, to } }),
    };
  }
}

/** Names one cluster for ever: 32 hex digits, drawn at its birth. */
function drawClusterId(host: Host): string {
  return Array.from({ length: 4 }, () => host.random().toString(16).padStart(8, '0')).join('');
}
