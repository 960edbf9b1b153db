/**
 * A running node: what exists once it has a ring, put together.
 *
 * The order in which its parts learn of a ring is the one thing that it adds: the vnodes take their standing under it
 * first, then handoff and requests see it, then the frames that were waiting for it go on.
 *
 * Not here: how a ring comes about and when it is durable (membership), and what the node does without one (node.ts).
 */
import type { Reader, Writer } from '../base/bytes.ts';
import type { NodeId, StartNumber } from '../contracts/ids.ts';
import type { Timer } from '../contracts/host.ts';
import type { LimitUse } from '../contracts/limit.ts';
import type { StableName } from '../contracts/stable-store.ts';
import type { TransportHandler } from '../contracts/transport.ts';
import { ExchangeManager } from '../exchange/exchange-manager.ts';
import type { ExchangePort } from '../exchange/port.ts';
import { HandoffManager } from '../handoff/handoff-manager.ts';
import type { HandoffPort } from '../handoff/port.ts';
import { Slices } from '../handoff/slices.ts';
import { ClockWatch, type ClockSeen } from '../membership/clock-watch.ts';
import type { MembershipEvent } from '../membership/events.ts';
import type { Membership } from '../membership/membership.ts';
import { MESSAGE, serviceNumber, type Header } from '../request/message.ts';
import type { RequestTable } from '../request/request-table.ts';
import type { ReapingPort } from '../reaping/port.ts';
import { ReapMember } from '../reaping/reap-member.ts';
import { whyUnclean } from '../reaping/clean.ts';
import { ReapRounds } from '../reaping/reap-round.ts';
import { memberOf, memberName, type RingDocument } from '../ring/document.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import { VnodeManager } from '../vnode/vnode-manager.ts';
import { NOWHERE, type ControlPlane } from './control-plane.ts';
import { DataPlane } from './data-plane.ts';
import { refusalOf } from './handoff-questions.ts';
import type { NodeInit } from './node-init.ts';
import type { QuestionOutcome } from './questions.ts';
import { reapAnswerOf } from './reap-questions.ts';
import { RingView, type ListOf } from './ring-view.ts';
import { Wholeness } from './wholeness.ts';

/** Between two looks at reaping, rounds and clocks, ms; so soon a member that was not ready for a step is asked again. */
const TICK_MS = 1_000;

export interface RunningParts {
  readonly init: NodeInit;
  /** Names this life of the node. */
  readonly start: StartNumber;
  /** The first ring. */
  readonly document: RingDocument;
  readonly membership: Membership;
  readonly table: RequestTable;
  readonly control: ControlPlane;
  /** The node's one buffer for frames on their way out. */
  readonly out: Writer;
  /** Feed the membership machine, and perform what it asks for. */
  tell(event: MembershipEvent): void;
  /** What an earlier life has saved of the reap floor. */
  readonly floorRecord: Uint8Array | undefined;
  save(name: StableName, bytes: Uint8Array, done: () => void): void;
  /** Ask another node. */
  ask(to: NodeId, topic: string, body: unknown, done: (outcome: QuestionOutcome) => void): void;
}

/** What is known of the store when the first ring is adopted. */
export interface StoreState {
  readonly firstLife: boolean;
  /** It surely holds what was acknowledged from it. Otherwise the vnodes start partial. */
  readonly intact: boolean;
}

export class Running {
  readonly view: RingView;
  readonly vnodes: VnodeManager;
  readonly wholeness: Wholeness;
  readonly data: DataPlane;
  /** By service: the preference lists of those that run it. */
  readonly lists: ReadonlyMap<string, ListOf>;
  readonly handoff: HandoffManager;
  readonly exchange: ExchangeManager;
  readonly reaping: ReapMember;
  readonly #rounds: ReapRounds;
  readonly #clockWatch: ClockWatch;
  #tickTimer: Timer | undefined;
  /** In this life of the node. */
  #storeFailures = 0;
  /** Of the exchange's work. */
  readonly #slices: Slices;
  readonly #parts: RunningParts;

  constructor(parts: RunningParts) {
    this.#parts = parts;
    const { init, document, membership, table, out } = parts;
    const { id: self, host, store, transport, logger, durability, modules, mailboxMax } = init;
    const view = new RingView(
      self,
      document,
      (node) => membership.isUp(node),
      (node, service) => membership.peers.runs(node, service),
    );
    const reapingPort = this.#reapingPort(view);
    this.reaping = new ReapMember(reapingPort, parts.floorRecord);
    this.#rounds = new ReapRounds(reapingPort, this.reaping);
    this.#clockWatch = new ClockWatch(logger);
    const vnodes = new VnodeManager({
      self,
      host,
      store,
      logger,
      durability,
      modules,
      mailboxMax,
      bounds: this.reaping,
    });
    this.view = view;
    this.vnodes = vnodes;
    this.lists = new Map(modules.map(({ name }) => [name, view.listOf(name)]));
    this.data = new DataPlane({ self, host, transport, logger, modules, view, vnodes, table, out });
    this.handoff = new HandoffManager(this.#handoffPort());
    this.#slices = new Slices(host);
    this.exchange = new ExchangeManager(this.#exchangePort());
    this.wholeness = new Wholeness({
      self,
      host,
      logger,
      vnodes,
      document: () => view.document,
      ask: (node, body, done) => parts.ask(node, 'inDoubt', body, done),
    });
  }

  /** Open the vnodes, then let others in. `onSettled`: all that the vnodes recorded at their opening is durable. */
  start(state: StoreState, handler: TransportHandler, onSettled: () => void): void {
    const { store, transport, logger } = this.#parts.init;
    const { vnodes } = this;
    store.start({
      onProgress: () => vnodes.onStoreProgress(),
      onFailure: (fromSeq, error) => {
        logger.error({ code: error.code }, `the store failed: ${error.message}`);
        this.#storeFailures++;
        vnodes.onStoreProgress(fromSeq);
        this.handoff.receiver.onStoreFailure();
      },
    });
    vnodes.start(this.view.document, state);
    if (!state.intact) this.#whenAllStored(onSettled);
    transport.start(handler);
    this.reaping.adopt();
    this.handoff.start();
    this.exchange.start();
    this.#tick();
  }

  stop(): void {
    this.#tickTimer?.cancel();
    this.exchange.stop();
    this.#slices.stop();
    this.handoff.stop();
    this.vnodes.stop();
  }

  /** The next ring, which is durable. The order matters. */
  adopt(document: RingDocument): void {
    this.vnodes.adopt(document);
    this.view.adopt(document);
    this.reaping.adopt();
    this.#rounds.adopt();
    this.reaping.tick(this.#parts.init.host.monotonic());
    this.handoff.adopt();
    this.exchange.adopt();
    this.#parts.table.ringChanged();
    this.data.adopt();
  }

  upChanged(node: NodeId, up: boolean): void {
    const { table } = this.#parts;
    this.view.upChanged();
    if (!up) table.failNode(node);
    this.handoff.onUpChanged(node, up);
    this.exchange.onUpChanged(node, up);
    table.ringChanged();
  }

  /** A frame that came in. */
  onExchange(from: NodeId, { type, epoch }: Header, service: string, body: Reader): void {
    if (type === MESSAGE.exchangeAsk) this.exchange.onAsk(from, service, epoch, body);
    else this.exchange.onTell(from, body);
  }

  /** What the membership cannot see by itself, said anew from time to time (membership/events.ts). */
  reportProgress(): void {
    const { init, tell } = this.#parts;
    const { document } = this.view;
    const isLeaving = memberOf(document, init.id)?.status === 'leaving';
    if (isLeaving && this.handoff.drained) tell({ kind: 'drained' });
    // The ring may have changed by what was told just now.
    if (this.view.document.resize !== undefined) tell({ kind: 'filled', full: this.handoff.filled });
  }

  limits(): LimitUse[] {
    return [...this.data.limits(), ...this.handoff.limits(), ...this.vnodes.limits()];
  }

  #tick(): void {
    const { host } = this.#parts.init;
    const now = host.monotonic();
    this.reaping.tick(now);
    this.#rounds.tick(now);
    this.#clockWatch.look(this.#clocks(now), now);
    this.#tickTimer = host.setTimer(TICK_MS, () => this.#tick());
  }

  #clocks(now: number): ClockSeen[] {
    const { peers } = this.#parts.membership;
    return this.view.document.members.map(({ id, name }) => ({
      id,
      name,
      offsetMs: peers.clockOffset(id, now),
    }));
  }

  #whyUnclean(): string | undefined {
    const { vnodes, handoff } = this;
    return whyUnclean({
      document: this.view.document,
      partial: vnodes.partialOwned.length,
      foreign: vnodes.all().filter(({ standing, vnode }) => standing !== 'owner' && !vnode.isEmpty()).length,
      outbound: handoff.active().length,
      isMerging: handoff.receiver.isMerging(),
      whyBarMustWait: this.#whyBarMustWait(),
      unserved: vnodes.unserved(undefined, (service) => this.#isRun(service)),
    });
  }

  /** For a repair items are read here and sent, or have come and are not merged yet. */
  get #isRepairing(): boolean {
    const { handoff } = this;
    return handoff.active().some(({ kind }) => kind === 'repair') || handoff.receiver.isMerging('repair');
  }

  #whyBarMustWait(): string | undefined {
    const reasons = this.vnodes.all().map(({ vnode }) => vnode.whyBarMustWait?.());
    return reasons.find((why) => why !== undefined);
  }

  /** Services whose replicas have something to reap. */
  get #reapedServices(): string[] {
    const hosts = this.vnodes.all().filter(({ vnode }) => vnode.reapable !== undefined);
    return [...new Set(hosts.map(({ service }) => service))];
  }

  #reapingPort(view: RingView): ReapingPort {
    const { init, start, membership, ask, save } = this.#parts;
    const { id: self, host, store } = init;
    return {
      self,
      host,
      get document() {
        return view.document;
      },
      life: () => `${start}.${this.#storeFailures}`,
      isUp: (node) => membership.isUp(node),
      leads: () => membership.actingClaimant() === self,
      lowestClock: () => membership.peers.lowestClock(host.monotonic()),
      tombstones: () => this.vnodes.all().reduce((sum, { vnode }) => sum + (vnode.reapable?.() ?? 0), 0),
      whyBarMustWait: () => this.#whyBarMustWait(),
      unclean: () => this.#whyUnclean(),
      compareSoon: () => this.exchange.hurry(),
      comparedSince: (at) =>
        this.#reapedServices.every((service) => this.exchange.comparedSince(service, at)),
      isRepairing: () => this.#isRepairing,
      markStored: () => store.submit([]),
      isFlushed: (mark) => store.flushedSeq >= mark,
      ask: (to, question, done) => ask(to, 'reap', question, (outcome) => done(reapAnswerOf(outcome))),
      save: (record, done) => save('floor', record, done),
      onKnown: () => this.handoff.receiver.reconsider(),
    };
  }

  /** An empty batch is durable when everything before it is. */
  #whenAllStored(done: () => void): void {
    const seq = this.#parts.init.store.submit([]);
    if (seq !== undefined) this.vnodes.whenStored(seq, done);
  }

  /** A member that is up runs it. */
  #isRun(service: string): boolean {
    const { peers } = this.#parts.membership;
    return this.view.document.members.some(({ id }) => peers.runs(id, service));
  }

  #handoffPort(): HandoffPort {
    const { init, membership, control, tell, ask } = this.#parts;
    const { id: self, host, logger, modules } = init;
    const { view, vnodes } = this;
    return {
      self,
      host,
      logger,
      get document() {
        return view.document;
      },
      services: modules.map((module) => module.name),
      mayTakeOver: () => this.reaping.known,
      isUp: (node) => membership.isUp(node),
      runs: (node, service) => membership.peers.runs(node, service),
      unserved: (place) => vnodes.unserved(place, (service) => this.#isRun(service)),
      nameOf: (node) => memberName(view.document, node),
      allLiveHave: (epoch) => membership.allLiveHave(epoch),
      find: (service, place) => vnodes.findAt(service, place),
      findOrStandIn: (service, place) => vnodes.findOrOpenAt(service, place),
      all: () => vnodes.all(),
      discard: (vnode) => vnodes.discard(vnode as VnodeHost),
      whenAllStored: (done) => this.#whenAllStored(done),
      whenFlushed: (done) => vnodes.whenFlushed(done),
      send: (to, type, service, place, body) => control.bulk(to, type, serviceNumber(service), place, body),
      askForCopy: (to, request, done) => ask(to, 'copy', request, (outcome) => done(refusalOf(outcome))),
      declareWhole: (service, partition) => this.wholeness.declare(service, partition),
      reportComplete: (partition, to) =>
        tell({ kind: 'transferComplete', transfer: { partition, from: self, to } }),
      withdrawComplete: (partition, to) =>
        tell({ kind: 'transferBroken', transfer: { partition, from: self, to } }),
    };
  }

  #exchangePort(): ExchangePort {
    const { init, membership, control } = this.#parts;
    const { id: self, host, logger, modules } = init;
    const { view, vnodes, reaping } = this;
    const types = { ask: MESSAGE.exchangeAsk, tell: MESSAGE.exchangeTell };
    return {
      self,
      host,
      logger,
      get document() {
        return view.document;
      },
      get floor() {
        return reaping.floor;
      },
      services: modules.map((module) => module.name),
      runs: (node, service) => membership.peers.runs(node, service),
      nameOf: (node) => memberName(view.document, node),
      find: (service, partition) => vnodes.find(service, partition),
      send: (to, kind, service, body) => control.bulk(to, types[kind], serviceNumber(service), NOWHERE, body),
      inBackground: (job) => this.#slices.add(job),
    };
  }
}
