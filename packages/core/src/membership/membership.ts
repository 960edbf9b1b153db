/**
 * Membership: the one machine that the shell talks to; it feeds the others and gathers what they want done.
 *
 *   peers       who is up, with which document    candidacy  on the way into another cluster
 *   agreement   the next document of the ring     claimant   stage, plan, commit, reports
 *
 * What this node reports of itself is in outstanding-reports.ts; what the shell is to do gathers in effect-queue.ts.
 *
 * Cold: `start` once, then `step(event, now)` and `tick(now)`, each returning the effects to perform in order
 * (events.ts tells the order's promise). `now` is the monotonic clock, milliseconds. The queries at the end
 * answer from what has happened so far and change nothing.
 *
 * Holds: no node acts on a ring that it has not saved, or votes twice; what an operator was told is agreed, is
 * agreed. A node that is removed learns it from any member it can still hear, says `removed`, and falls silent.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { ClaimInput } from '../claim/problem.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import {
  birthDocument,
  encodeDocument,
  memberOf,
  type AgreedDocument,
  type BirthOptions,
} from '../ring/document.ts';
import type { AcceptorRecord } from './acceptor.ts';
import { Agreement, type AfterSave, type AgreementEffect } from './agreement.ts';
import { Peers, type PeersInit } from './peers.ts';
import { Candidacy, type AfterCandidacySave, type CandidacyEffect } from './candidacy.ts';
import {
  actingClaimant,
  Claimant,
  joinResult,
  unreadyMembers,
  type AfterPlanSave,
  type Asker,
  type ClaimantEffect,
  type ClaimantView,
} from './claimant.ts';
import { EffectQueue } from './effect-queue.ts';
import type { AdminRequest, MembershipEffect, MembershipEvent, RequestResult } from './events.ts';
import { forceRing, forceWarnings, type PendingForce } from './forced-ring.ts';
import type { Heartbeat, JoinRequest, MembershipMessage, NotClaimant } from './messages.ts';
import { recollect, type LoadedRecords } from './loaded-records.ts';
import { majorityRefusal } from './majority.ts';
import { OutstandingReports } from './outstanding-reports.ts';
import { claimInputOfPlan } from './plan.ts';
import type { ClaimFunction } from './planned-ring.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import { describeNameTaken, isOutstanding, type Report } from './reports.ts';
import type { MemberInfo } from './staging.ts';

export interface MembershipInit extends Omit<PeersInit, 'self'> {
  /** Id as ever; name, address and location as they are now (the ring document follows). */
  readonly self: MemberInfo;
  readonly records: LoadedRecords;
  /** The ring to be born when no ring is loaded; ignored otherwise. */
  readonly birth: Omit<BirthOptions, 'self'>;
  readonly claim: ClaimFunction;
  /** Thirty-two random bits, unsigned. For jitter. */
  readonly random: () => number;
}

type After = AfterSave | AfterPlanSave | AfterCandidacySave | { readonly kind: 'born' };

/** `starting`: a newborn ring is not saved yet. `removed`: in its ring no more, and silent. */
type Phase = 'starting' | 'running' | 'removed';

const STARTING = refuse('node_starting', 'this node is starting; ask again in a moment');

export class Membership {
  readonly #init: MembershipInit;
  readonly #self: NodeId;
  readonly #peers: Peers;
  readonly #claimant: Claimant;
  readonly #candidacy: Candidacy;
  readonly #reports: OutstandingReports;
  #agreement: Agreement;
  #phase: Phase = 'starting';
  readonly #isBorn: boolean;
  readonly #isRingOlder: boolean;
  readonly #concerns: readonly string[];
  /** A ring forced here that is being saved, and who waits for it. */
  #forcing: PendingForce | undefined;
  /** The ring that was adopted last. */
  #adopted: AgreedDocument | undefined;
  readonly #effects = new EffectQueue<After>();

  /** Throws `RecordsDamaged` or `RecordsUnknown` when it must not start on these records. */
  constructor(init: MembershipInit) {
    const { self, records, preset } = init;
    this.#init = init;
    this.#self = self.id;
    const { ring, isRingOlder, acceptor, prospect, plan, concerns } = recollect(self.id, records);
    this.#isBorn = ring === undefined;
    this.#isRingOlder = isRingOlder;
    this.#concerns = concerns;
    const current = ring ?? encodeDocument(birthDocument({ ...init.birth, self }));
    this.#peers = new Peers({ ...init, self: self.id });
    this.#agreement = this.#agreementOn(current, acceptor);
    this.#claimant = new Claimant({ self: self.id, plan, claim: init.claim, timing: preset });
    this.#candidacy = new Candidacy({ self, prospect, timing: preset });
    this.#reports = new OutstandingReports({ self, intervalMs: preset.reportIntervalMs });
  }

  // In: the three calls of the shell

  /** Once, before anything else. */
  start(): MembershipEffect[] {
    for (const concern of this.#concerns) this.#effects.log('error', {}, concern);
    if (this.#isBorn) this.#effects.save('ring', this.#agreement.current.bytes, { kind: 'born' });
    else this.#becomeRunning();
    return this.#drain();
  }

  step(event: MembershipEvent, now: number): MembershipEffect[] {
    if (this.#phase === 'removed') return [];
    this.#handleEvent(event, now);
    if (this.#phase !== 'starting') this.#perform(this.#claimant.advance(this.#view(), now), now);
    return this.#drain();
  }

  /** Time has passed: call it about every `preset.tickIntervalMs`. */
  tick(now: number): MembershipEffect[] {
    if (this.#phase !== 'running') return [];
    this.#effects.upChanged(this.#peers.tick(now));
    if (!this.#candidacy.isEntering) this.#perform(this.#agreement.tick(now), now);
    this.#perform(this.#candidacy.tick(now), now);
    if (this.#peers.isHeartbeatDue(now)) this.#heartbeatAll();
    this.#bring(this.#reports.due(this.current().document, now), now);
    this.#perform(this.#claimant.advance(this.#view(), now), now);
    return this.#drain();
  }

  // Queries

  /** The ring of this node: agreed and saved (unsaved only until the first `adopted` of a birth). */
  current(): AgreedDocument {
    return this.#agreement.current;
  }

  /** The ring of the cluster that this node has asked to join and that has not committed it yet. */
  prospect(): AgreedDocument | undefined {
    return this.#candidacy.prospect;
  }

  isUp(node: NodeId): boolean {
    return this.#peers.isUp(node);
  }

  /** What the peers have said of themselves. */
  get peers(): Pick<
    Peers,
    'runs' | 'servicesOf' | 'partialOf' | 'diskOf' | 'clusterTime' | 'clockOffset' | 'lowestClock' | 'isSlow'
  > {
    return this.#peers;
  }

  actingClaimant(): NodeId {
    return actingClaimant(this.current().document, (node) => this.isUp(node));
  }

  /** What claim is asked when this node carries out `request` under the ring that it has now; undefined: nothing. */
  claimInputFor(request: AdminRequest): ClaimInput | undefined {
    const isPlannedHere = request.kind === 'plan' && this.#notHere() === undefined;
    return isPlannedHere ? claimInputOfPlan(this.current().document) : undefined;
  }

  /** The epoch that this member said last; undefined when it has said none (of this ring) in this life. */
  epochOf(node: NodeId): Epoch | undefined {
    const { clusterId, epoch } = this.current().document;
    return node === this.#self ? epoch : this.#peers.epochOf(node, clusterId);
  }

  /** True when every member that is up is known to have this epoch or a later one. */
  allLiveHave(epoch: Epoch): boolean {
    return this.current().document.members.every(
      ({ id }) => !this.isUp(id) || (this.epochOf(id) ?? 0) >= epoch,
    );
  }

  /** Why the ring is not ready for plan and commit, one phrase each; empty when it is. */
  unready(): string[] {
    return unreadyMembers(this.#view());
  }

  // Events

  #handleEvent(event: MembershipEvent, now: number): void {
    switch (event.kind) {
      case 'message':
        this.#hear(event.from, event.message, now);
        return this.#handleMessage(event.from, event.message, now);
      case 'peerUp':
        // It can be told something, and is up once it is heard: until its own link to us stands, its answers are lost.
        return this.#heartbeat(event.peer);
      case 'peerDown':
        this.#effects.upChanged(this.#peers.connectionLost(event.peer, now));
        return this.#perform(this.#candidacy.peerLost(event.peer), now);
      case 'request':
        return this.#handleRequest(event.requestId, event.request, now);
      case 'joinVia':
        return this.#handleJoinVia(event.requestId, event.peer, now);
      case 'saved':
        return this.#handleSaved(event.token, event.error, now);
      case 'transferComplete':
        return this.#bring(this.#reports.completeTransfer(event.transfer, this.current().document), now);
      case 'transferBroken':
        return this.#reports.withdrawTransfer(event.transfer);
      case 'stopping':
        this.#peers.beginStopping();
        return this.#heartbeatAll();
      case 'drained':
        return this.#bring(this.#reports.drained(this.current().document), now);
      case 'filled':
        return this.#bring(this.#reports.setFilled(event.full, this.current().document), now);
      default:
        unreachable(event);
    }
  }

  /** Whoever is heard anew learns at once that it is: it waits for that before it takes us for up. */
  #hear(from: NodeId, message: MembershipMessage, now: number): void {
    const heardBefore = this.#peers.hears(from);
    this.#effects.upChanged(this.#peers.heard(from, message, now));
    if (!heardBefore) this.#heartbeat(from);
  }

  #handleMessage(from: NodeId, message: MembershipMessage, now: number): void {
    switch (message.kind) {
      case 'heartbeat':
        return this.#handleHeartbeat(from, message, now);
      case 'documentRequest': {
        const document = this.#documentOf(message.clusterId);
        if (document !== undefined) this.#effects.send(from, { kind: 'document', document });
        return;
      }
      case 'document':
        return this.#learn(message.document, now);
      case 'joinRequest':
        return this.#handleJoinRequest(from, message, now);
      case 'joinReply':
        return this.#perform(this.#candidacy.handleReply(from, message), now);
      case 'report':
        if (message.clusterId === this.current().document.clusterId) this.#takeReport(message.report, now);
        return;
      default:
        if (!this.#mayAgree()) return;
        return this.#perform(this.#agreement.receive(from, message, now), now);
    }
  }

  #handleHeartbeat(from: NodeId, heartbeat: Heartbeat, now: number): void {
    const { clusterId, epoch, digest } = heartbeat;
    const ours = this.#documentOf(clusterId);
    if (ours === undefined && !this.#candidacy.isAsking(from)) return;
    if (ours === undefined) return this.#effects.send(from, { kind: 'documentRequest', clusterId });
    const held = { agreed: ours, newest: this.#agreement.newestOf(clusterId) };
    const { verdict, news } = this.#peers.heardOf(from, heartbeat, held, now);
    if (news) this.#effects.servicesChanged(from);
    switch (verdict) {
      case 'behind':
        return this.#effects.send(from, { kind: 'documentRequest', clusterId });
      case 'ahead':
        return this.#effects.send(from, this.#peers.newsFor(from, ours));
      case 'contradiction':
        return this.#effects.log(
          'error',
          { from, epoch, digest },
          'a member has another ring document of our epoch',
        );
      case 'same':
    }
  }

  #learn(agreed: AgreedDocument, now: number): void {
    if (agreed.document.clusterId !== this.current().document.clusterId) {
      this.#perform(this.#candidacy.learn(agreed), now);
    } else if (this.#mayAgree()) {
      this.#perform(this.#agreement.learn(agreed), now);
    }
  }

  #handleRequest(requestId: number, request: AdminRequest, now: number): void {
    const refusal = this.#notHere();
    if (refusal !== undefined) return this.#effects.reply(requestId, refusal);
    if (request.kind === 'down' && request.force && this.#noMajority() !== undefined) {
      return this.#force(requestId, request.nodes, now);
    }
    this.#perform(this.#claimant.request({ kind: 'operator', requestId }, request, this.#view(), now), now);
  }

  #handleJoinRequest(from: NodeId, { requestId, candidate, boundTo }: JoinRequest, now: number): void {
    const refusal = this.#notHere() ?? this.#joinRefusal(from, candidate.id, boundTo);
    if (refusal !== undefined) {
      return this.#effects.send(from, { kind: 'joinReply', requestId, result: refusal });
    }
    const asker: Asker = { kind: 'joiner', node: from, requestId };
    this.#perform(this.#claimant.request(asker, { kind: 'join', candidate }, this.#view(), now), now);
  }

  #joinRefusal(from: NodeId, candidate: NodeId, boundTo: string | null): Refusal | undefined {
    if (candidate !== from) return refuse('not_reachable', 'a node can only ask for itself');
    if (boundTo !== null && boundTo !== this.current().document.clusterId) {
      return refuse('joining_elsewhere', 'the node was let into another cluster; clear the join there first');
    }
    if (this.#candidacy.isUnderWay) {
      return refuse('joining_elsewhere', 'the node asked is itself on its way into another cluster');
    }
    return undefined;
  }

  #handleJoinVia(requestId: number, peer: NodeId, now: number): void {
    if (this.#phase === 'starting') return this.#effects.reply(requestId, STARTING);
    const { ringSize, members } = this.current().document;
    const isAlone = members.length === 1 && this.#agreement.isIdle;
    this.#perform(this.#candidacy.ask({ requestId, peer, ringSize, isAlone }, now), now);
  }

  #handleSaved(token: number, error: string | undefined, now: number): void {
    const after = this.#effects.takeAfterSave(token);
    if (error !== undefined)
      this.#effects.log('error', { error }, 'a record of the membership could not be saved');
    const good = error === undefined;
    switch (after.kind) {
      case 'born':
        if (good) this.#becomeRunning();
        return;
      case 'planSaved':
        return this.#perform(good ? this.#claimant.saved(after) : this.#claimant.saveFailed(after), now);
      case 'prospectSaved':
      case 'ringSaved':
        return this.#perform(good ? this.#candidacy.saved(after) : this.#candidacy.saveFailed(after), now);
      case 'answer':
      case 'adopt': {
        if (!this.#mayAgree()) return;
        if (!good && after.kind === 'adopt') {
          this.#settleForcing(after.agreed, refuse('store_failed', 'the forced ring could not be saved'));
        }
        const saved = good ? this.#agreement.saved(after, now) : this.#agreement.saveFailed(after, now);
        return this.#perform(saved, now);
      }
      default:
        unreachable(after);
    }
  }

  // What the machines below want done

  #perform(effects: readonly (AgreementEffect | ClaimantEffect | CandidacyEffect)[], now: number): void {
    for (const effect of effects) this.#performOne(effect, now);
  }

  #performOne(effect: AgreementEffect | ClaimantEffect | CandidacyEffect, now: number): void {
    switch (effect.kind) {
      case 'send':
      case 'reply':
      case 'log':
        this.#effects.push(effect);
        return;
      case 'save':
        return this.#effects.save(effect.name, effect.bytes, effect.after);
      case 'adopted':
        return this.#becomeAdopted(effect.agreed);
      case 'settled':
        return this.#perform(this.#claimant.settled(effect.proposal, effect.outcome), now);
      case 'propose':
        return this.#propose(effect, now);
      case 'answer':
        return this.#answer(effect);
      case 'prospectChanged':
        this.#refreshPeers();
        return this.#heartbeatAll();
      case 'entered':
        this.#agreement = this.#agreementOn(effect.agreed, undefined);
        return this.#becomeAdopted(effect.agreed);
      default:
        unreachable(effect);
    }
  }

  /** Without a majority in sight the answer is known at once. */
  #propose({ proposal, build }: Extract<ClaimantEffect, { kind: 'propose' }>, now: number): void {
    const refusal = this.#noMajority();
    if (refusal === undefined) this.#perform(this.#agreement.propose(proposal, build, now), now);
    else this.#perform(this.#claimant.settled(proposal, refusal), now);
  }

  /** Go on without a majority. What was promised to others in the era that is left does not count in the new one. */
  #force(requestId: number, nodes: readonly NodeId[], now: number): void {
    if (this.#agreement.isAdopting || this.#forcing !== undefined)
      return this.#effects.reply(
        requestId,
        refuse('ring_not_ready', 'another ring is being saved; ask again soon'),
      );
    const { current, isUp, hasCurrent } = this.#view();
    const era = this.#agreement.nextEra;
    const forced = forceRing({ self: this.#self, current, era, nodes, isUp, hasCurrent });
    if (isRefusal(forced)) return this.#effects.reply(requestId, forced);
    const { epoch } = forced.document;
    const result: RequestResult = { kind: 'done', epoch, warnings: forceWarnings(current, forced) };
    this.#forcing = { requestId, digest: forced.digest, result };
    this.#perform(this.#agreement.force(forced), now);
  }

  /** The forced ring is durable, and about to be told; or it is not, and the old one stands. */
  #settleForcing(saved: AgreedDocument, result?: Refusal): void {
    const forcing = this.#forcing;
    if (forcing?.digest !== saved.digest) return;
    this.#forcing = undefined;
    this.#effects.reply(forcing.requestId, result ?? forcing.result);
  }

  #answer({ asker, result, agreed }: Extract<ClaimantEffect, { kind: 'answer' }>): void {
    if (asker.kind === 'operator') return this.#effects.reply(asker.requestId, result);
    const reply = joinResult(result, agreed);
    this.#effects.send(asker.node, { kind: 'joinReply', requestId: asker.requestId, result: reply });
  }

  #becomeRunning(): void {
    this.#phase = 'running';
    this.#becomeAdopted(this.#agreement.current);
  }

  #becomeAdopted(agreed: AgreedDocument): void {
    this.#effects.push({ kind: 'adopted', agreed });
    const before = this.#adopted;
    this.#adopted = agreed;
    const concern = before === undefined ? describeNameTaken(agreed.document, this.#init.self) : undefined;
    if (concern !== undefined) this.#effects.log('warn', {}, concern);
    for (const warning of before === undefined ? [] : forceWarnings(before, agreed))
      this.#effects.log('warn', { epoch: agreed.document.epoch }, warning);
    this.#settleForcing(agreed);
    if (memberOf(agreed.document, this.#self) === undefined) {
      this.#phase = 'removed';
      return;
    }
    this.#reports.adopt(agreed.document);
    this.#refreshPeers();
    this.#heartbeatAll();
  }

  // Peers, heartbeats, reports

  #refreshPeers(): void {
    const prospect = this.prospect();
    const { moved, changes } = this.#peers.follow([this.current(), ...(prospect ? [prospect] : [])]);
    if (moved) this.#effects.push({ kind: 'setPeers', peers: this.#peers.addresses });
    this.#effects.upChanged(changes);
  }

  #heartbeatAll(): void {
    for (const { id } of this.#peers.addresses) this.#heartbeat(id);
  }

  /** A member of our ring hears of our ring, a member of the prospect's of that. */
  #heartbeat(to: NodeId): void {
    if (this.#phase !== 'running') return;
    const shared = [this.current(), this.prospect()].find(
      (agreed) => agreed !== undefined && memberOf(agreed.document, to) !== undefined,
    );
    if (shared !== undefined) this.#effects.send(to, this.#peers.heartbeat(shared, to));
  }

  /** To the acting claimant. A lone ring that is about to be left does not change any more. */
  #bring(reports: readonly Report[], now: number): void {
    if (this.#candidacy.isUnderWay) return;
    const claimant = this.actingClaimant();
    const { clusterId } = this.current().document;
    for (const report of reports) {
      if (claimant === this.#self) this.#takeReport(report, now);
      else this.#effects.send(claimant, { kind: 'report', clusterId, report });
    }
  }

  /** Whoever brings it thinks that we are the claimant; that agreement holds makes it harmless if we are not. */
  #takeReport(report: Report, now: number): void {
    if (isOutstanding(this.current().document, report))
      this.#perform(this.#claimant.report(report, now), now);
  }

  // What this node may do as things stand, and what the machines below see

  /** Why an operator's request is not handled at this node, or undefined when it is. */
  #notHere(): Refusal | NotClaimant | undefined {
    if (this.#phase === 'starting') return STARTING;
    const acting = this.actingClaimant();
    if (acting === this.#self) return undefined;
    const claimant = memberOf(this.current().document, acting);
    assert(claimant !== undefined, 'the claimant is a member');
    return { kind: 'not_claimant', claimant: { id: acting, name: claimant.name, address: claimant.address } };
  }

  /** From the moment another ring is being saved as ours, the old one must not be saved over it. */
  #mayAgree(): boolean {
    return this.#phase === 'running' && !this.#candidacy.isEntering;
  }

  #noMajority(): Refusal | undefined {
    return majorityRefusal(this.current().document, (node) => this.isUp(node));
  }

  #documentOf(clusterId: string): AgreedDocument | undefined {
    return [this.current(), this.prospect()].find((agreed) => agreed?.document.clusterId === clusterId);
  }

  #view(): ClaimantView {
    const current = this.current();
    return {
      current,
      isUp: (node) => this.isUp(node),
      hasCurrent: (node) => this.#peers.has(node, current),
      servicesOf: (node) => this.#peers.servicesOf(node),
      partialOf: (node) => this.#peers.partialOf(node),
    };
  }

  #agreementOn(current: AgreedDocument, record: AcceptorRecord | undefined): Agreement {
    const { random, preset } = this.#init;
    const isRingOlder = this.#isRingOlder;
    return new Agreement({ self: this.#self, current, record, isRingOlder, random, timing: preset });
  }

  /** `removed` closes the last batch, after the news was told and whoever waited was answered. */
  #drain(): MembershipEffect[] {
    if (this.#phase === 'removed') this.#effects.push({ kind: 'removed' });
    return this.#effects.drain();
  }
}
