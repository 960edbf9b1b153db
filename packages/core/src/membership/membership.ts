/**
 * Membership: the one machine that the shell talks to; it feeds the others and gathers what they want done.
 *
 *   circle      who is up, with which document    candidacy  on the way into another cluster
 *   agreement   the next document of the ring     claimant   stage, plan, commit, reports
 *
 * Cold: `start` once, then `step(event, now)` and `tick(now)`, each returning the effects to perform in order
 * (events.ts tells the order's promise). `now` is the monotonic clock, milliseconds. The queries at the end
 * answer from what has happened so far and change nothing.
 *
 * Holds: no node acts on a ring that it has not saved, or votes twice; what an operator was told is agreed, is
 * agreed. A node that is removed learns it from any member it can still hear, says `removed`, and falls silent.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { StableName } from '../contracts/stable-store.ts';
import {
  birthDocument,
  encodeDocument,
  memberOf,
  votersOf,
  type AgreedDocument,
  type BirthOptions,
  type Member,
  type PendingTransfer,
} from '../ring/document.ts';
import type { AcceptorRecord } from './acceptor.ts';
import { Agreement, type AfterSave, type AgreementEffect } from './agreement.ts';
import { Circle, type CircleInit } from './circle.ts';
import { Candidacy, type AfterCandidacySave, type CandidacyEffect } from './candidacy.ts';
import {
  actingClaimant,
  Claimant,
  unreadyMembers,
  type AfterPlanSave,
  type Asker,
  type ClaimantEffect,
  type ClaimantView,
} from './claimant.ts';
import type { AdminRequest, MembershipEffect, MembershipEvent, RequestResult } from './events.ts';
import { forceRing, isForcedSince, warningsOf, type Forcing } from './forced-ring.ts';
import type { Heartbeat, JoinReply, JoinRequest, MembershipMessage, NotClaimant } from './messages.ts';
import type { LivenessChange } from './liveness.ts';
import { recollect, type LoadedRecords } from './loaded-records.ts';
import type { ClaimFunction } from './planned-ring.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import { describeNameTaken, isFreeToGo, isOutstanding, sameTransfer, type Report } from './reports.ts';
import type { MemberInfo } from './staging.ts';

export interface MembershipInit extends Omit<CircleInit, 'self'> {
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

export class Membership {
  readonly #init: MembershipInit;
  readonly #self: NodeId;
  readonly #circle: Circle;
  readonly #claimant: Claimant;
  readonly #candidacy: Candidacy;
  #agreement: Agreement;
  #phase: Phase = 'starting';
  readonly #isBorn: boolean;
  readonly #isRingOlder: boolean;
  readonly #concerns: readonly string[];
  #nextToken = 1;
  readonly #after = new Map<number, After>();
  #completed: PendingTransfer[] = [];
  /** All that is to be owned here in a ring of another size is there. */
  #filled = false;
  #reportsDueAt: number | undefined;
  /** A ring forced here that is being saved, and who waits for it. */
  #forcing: Forcing | undefined;
  /** The ring that was adopted last. */
  #adopted: AgreedDocument | undefined;
  #out: MembershipEffect[] = [];

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
    this.#circle = new Circle({ ...init, self: self.id });
    this.#agreement = this.#agreementOn(current, acceptor);
    this.#claimant = new Claimant({ self: self.id, plan, claim: init.claim, timing: preset });
    this.#candidacy = new Candidacy({ self, prospect: otherThan(current, prospect), timing: preset });
  }

  // What happens

  /** Once, before anything else. */
  start(now: number): MembershipEffect[] {
    for (const concern of this.#concerns) this.#log('error', {}, concern);
    if (this.#isBorn) this.#save('ring', this.#agreement.current.bytes, { kind: 'born' });
    else this.#becomeRunning(now);
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
    this.#tellUp(this.#circle.tick(now));
    if (!this.#candidacy.isEntering) this.#perform(this.#agreement.tick(now), now);
    this.#perform(this.#candidacy.tick(now), now);
    if (this.#circle.isHeartbeatDue(now)) this.#heartbeatAll();
    if (this.#reportsDueAt === undefined || now >= this.#reportsDueAt) this.#sendReports(now);
    this.#perform(this.#claimant.advance(this.#view(), now), now);
    return this.#drain();
  }

  // What is the case

  /** The ring of this node: agreed and saved (unsaved only until the first `adopted` of a birth). */
  current(): AgreedDocument {
    return this.#agreement.current;
  }

  /** The ring of the cluster that this node has asked to join and that has not committed it yet. */
  prospect(): AgreedDocument | undefined {
    return this.#candidacy.prospect;
  }

  isUp(node: NodeId): boolean {
    return this.#circle.isUp(node);
  }

  /** What the peers have said of themselves. */
  get peers(): Pick<Circle, 'runs' | 'servicesOf' | 'partialOf' | 'clockOffsetOf' | 'isSlow'> {
    return this.#circle;
  }

  actingClaimant(): NodeId {
    return actingClaimant(this.current().document, (node) => this.isUp(node));
  }

  /** The epoch that this member said last; undefined when it has said none (of this ring) in this life. */
  epochOf(node: NodeId): Epoch | undefined {
    const { clusterId, epoch } = this.current().document;
    return node === this.#self ? epoch : this.#circle.epochOf(node, clusterId);
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
        this.#tellUp(this.#circle.connectionLost(event.peer, now));
        return this.#perform(this.#candidacy.peerLost(event.peer), now);
      case 'request':
        return this.#handleRequest(event.requestId, event.request, now);
      case 'joinVia':
        return this.#handleJoinVia(event.requestId, event.peer, now);
      case 'saved':
        return this.#handleSaved(event.token, event.error, now);
      case 'transferComplete':
        return this.#handleTransferComplete(event.transfer, now);
      case 'transferBroken':
        this.#completed = this.#completed.filter((transfer) => !sameTransfer(transfer, event.transfer));
        return;
      case 'stopping':
        this.#circle.beginStopping();
        return this.#heartbeatAll();
      case 'drained':
        return this.#handleDrained(now);
      case 'filled':
        if (event.full === this.#filled) return;
        this.#filled = event.full;
        return this.#bringFilled(now);
      default:
        unreachable(event);
    }
  }

  /** Whoever is heard anew learns at once that it is: it waits for that before it takes us for up. */
  #hear(from: NodeId, message: MembershipMessage, now: number): void {
    const heardBefore = this.#circle.hears(from);
    this.#tellUp(this.#circle.heard(from, message, now));
    if (!heardBefore) this.#heartbeat(from);
  }

  #handleMessage(from: NodeId, message: MembershipMessage, now: number): void {
    switch (message.kind) {
      case 'heartbeat':
        return this.#handleHeartbeat(from, message, now);
      case 'documentRequest': {
        const document = this.#documentOf(message.clusterId);
        if (document !== undefined) this.#send(from, { kind: 'document', document });
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
    if (ours === undefined) return this.#send(from, { kind: 'documentRequest', clusterId });
    const held = { agreed: ours, newest: this.#agreement.newestOf(clusterId) };
    const { verdict, news } = this.#circle.heardOf(from, heartbeat, held, now);
    if (news) this.#tellServices(from);
    switch (verdict) {
      case 'behind':
        return this.#send(from, { kind: 'documentRequest', clusterId });
      case 'ahead':
        return this.#send(from, this.#circle.newsFor(from, ours));
      case 'contradiction':
        return this.#log('error', { from, epoch, digest }, 'a member has another ring document of our epoch');
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
    if (refusal !== undefined) return this.#reply(requestId, refusal);
    if (request.kind === 'down' && request.force && this.#missing().length > 0) {
      return this.#force(requestId, request.nodes, now);
    }
    this.#perform(this.#claimant.request({ kind: 'operator', requestId }, request, this.#view(), now), now);
  }

  #handleJoinRequest(from: NodeId, { requestId, candidate, boundTo }: JoinRequest, now: number): void {
    const refusal = this.#notHere() ?? this.#joinRefusal(from, candidate.id, boundTo);
    if (refusal !== undefined) {
      return this.#send(from, { kind: 'joinReply', requestId, result: refusal });
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
    if (this.#phase === 'starting')
      return this.#reply(requestId, refuse('node_starting', 'this node is starting'));
    const { ringSize, members } = this.current().document;
    const isAlone = members.length === 1 && this.#agreement.isIdle;
    this.#perform(this.#candidacy.ask({ requestId, peer, ringSize, isAlone }, now), now);
  }

  #handleTransferComplete(transfer: PendingTransfer, now: number): void {
    if (!isOutstanding(this.current().document, { kind: 'transferComplete', transfer })) return;
    if (this.#completed.some((known) => sameTransfer(known, transfer))) return;
    this.#completed.push(transfer);
    this.#bring({ kind: 'transferComplete', transfer }, now);
  }

  #handleDrained(now: number): void {
    if (isFreeToGo(this.current().document, this.#self))
      this.#bring({ kind: 'drained', node: this.#self }, now);
  }

  #handleSaved(token: number, error: string | undefined, now: number): void {
    const after = this.#after.get(token);
    assert(after !== undefined, 'a save is reported once');
    this.#after.delete(token);
    if (error !== undefined) this.#log('error', { error }, 'a record of the membership could not be saved');
    const good = error === undefined;
    switch (after.kind) {
      case 'born':
        if (good) this.#becomeRunning(now);
        return;
      case 'planSaved':
        return this.#perform(
          good ? this.#claimant.planSaved(after) : this.#claimant.planNotSaved(after),
          now,
        );
      case 'prospectSaved':
      case 'ringSaved':
        return this.#perform(good ? this.#candidacy.saved(after) : this.#candidacy.saveFailed(after), now);
      case 'answer':
      case 'adopt': {
        if (!this.#mayAgree()) return;
        const agreement = this.#agreement;
        if (!good && after.kind === 'adopt') {
          this.#settleForcing(after.agreed, refuse('store_failed', 'the forced ring could not be saved'));
        }
        return this.#perform(good ? agreement.saved(after, now) : agreement.saveFailed(after, now), now);
      }
      default:
        unreachable(after);
    }
  }

  // The effects of the machines below

  #perform(effects: readonly (AgreementEffect | ClaimantEffect | CandidacyEffect)[], now: number): void {
    for (const effect of effects) this.#performOne(effect, now);
  }

  #performOne(effect: AgreementEffect | ClaimantEffect | CandidacyEffect, now: number): void {
    switch (effect.kind) {
      case 'send':
      case 'reply':
      case 'log':
        this.#out.push(effect);
        return;
      case 'save':
        return this.#save(effect.name, effect.bytes, effect.after);
      case 'adopted':
        return this.#becomeAdopted(effect.agreed, now);
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
        return this.#becomeAdopted(effect.agreed, now);
      default:
        unreachable(effect);
    }
  }

  /** Without a majority in sight the answer is known at once. */
  #propose({ proposal, build }: Extract<ClaimantEffect, { kind: 'propose' }>, now: number): void {
    const missing = this.#missing();
    if (missing.length === 0) return this.#perform(this.#agreement.propose(proposal, build, now), now);
    const voters = votersOf(this.current().document).length;
    const names = missing.map((voter) => voter.name).join(', ');
    const text = `${Math.floor(voters / 2) + 1} of ${voters} voting members are needed; ${names} cannot be reached`;
    this.#perform(this.#claimant.settled(proposal, refuse('no_majority', text)), now);
  }

  /** The voters that are away, when a majority is; otherwise none. */
  #missing(): Member[] {
    const voters = votersOf(this.current().document);
    const away = voters.filter((voter) => !this.isUp(voter.id));
    return (voters.length - away.length) * 2 > voters.length ? [] : away;
  }

  /** Go on without a majority. What was promised to others in the era that is left does not count in the new one. */
  #force(requestId: number, nodes: readonly NodeId[], now: number): void {
    if (this.#agreement.isAdopting || this.#forcing !== undefined)
      return this.#reply(requestId, refuse('ring_not_ready', 'another ring is being saved; ask again soon'));
    const { current, isUp, hasCurrent } = this.#view();
    const era = this.#agreement.nextEra;
    const forced = forceRing({ self: this.#self, current, era, nodes, isUp, hasCurrent });
    if (isRefusal(forced)) return this.#reply(requestId, forced);
    const warnings = warningsOf(current, forced);
    const result: RequestResult = { kind: 'done', epoch: forced.document.epoch, warnings };
    this.#forcing = { requestId, digest: forced.digest, result };
    this.#perform(this.#agreement.force(forced), now);
  }

  /** The forced ring is durable, and about to be told; or it is not, and the old one stands. */
  #settleForcing(saved: AgreedDocument, result?: Refusal): void {
    const forcing = this.#forcing;
    if (forcing?.digest !== saved.digest) return;
    this.#forcing = undefined;
    this.#reply(forcing.requestId, result ?? forcing.result);
  }

  #answer({ asker, result, agreed }: Extract<ClaimantEffect, { kind: 'answer' }>): void {
    if (asker.kind === 'operator') return this.#reply(asker.requestId, result);
    const reply = joinResult(result, agreed);
    this.#send(asker.node, { kind: 'joinReply', requestId: asker.requestId, result: reply });
  }

  #becomeRunning(now: number): void {
    this.#phase = 'running';
    this.#becomeAdopted(this.#agreement.current, now);
  }

  #becomeAdopted(agreed: AgreedDocument, now: number): void {
    this.#out.push({ kind: 'adopted', agreed });
    const before = this.#adopted;
    this.#adopted = agreed;
    const concern = before === undefined ? describeNameTaken(agreed.document, this.#init.self) : undefined;
    if (concern !== undefined) this.#log('warn', {}, concern);
    if (before !== undefined && isForcedSince(before.document, agreed.document)) {
      for (const warning of warningsOf(before, agreed))
        this.#log('warn', { epoch: agreed.document.epoch }, warning);
    }
    this.#settleForcing(agreed);
    if (memberOf(agreed.document, this.#self) === undefined) {
      this.#phase = 'removed';
      return;
    }
    this.#completed = this.#completed.filter((transfer) =>
      isOutstanding(agreed.document, { kind: 'transferComplete', transfer }),
    );
    if (agreed.document.resize === undefined) this.#filled = false;
    this.#refreshPeers();
    this.#heartbeatAll();
    this.#reportsDueAt ??= now;
  }

  // Peers, heartbeats, reports

  #refreshPeers(): void {
    const prospect = this.prospect();
    const { moved, changes } = this.#circle.draw([this.current(), ...(prospect ? [prospect] : [])]);
    if (moved) this.#out.push({ kind: 'setPeers', peers: this.#circle.peers });
    this.#tellUp(changes);
  }

  #heartbeatAll(): void {
    for (const { id } of this.#circle.peers) this.#heartbeat(id);
  }

  /** A member of our ring hears of our ring, a member of the prospect's of that. */
  #heartbeat(to: NodeId): void {
    if (this.#phase !== 'running') return;
    const shared = [this.current(), this.prospect()].find(
      (agreed) => agreed !== undefined && memberOf(agreed.document, to) !== undefined,
    );
    if (shared !== undefined) this.#send(to, this.#circle.heartbeat(shared, to));
  }

  #sendReports(now: number): void {
    this.#reportsDueAt = now + this.#init.preset.reportIntervalMs;
    const own: Report[] = [
      { kind: 'memberInfo', info: this.#init.self },
      { kind: 'back', node: this.#self },
    ];
    for (const report of own) if (isOutstanding(this.current().document, report)) this.#bring(report, now);
    for (const transfer of this.#completed) this.#bring({ kind: 'transferComplete', transfer }, now);
    if (this.#filled) this.#bringFilled(now);
  }

  #bringFilled(now: number): void {
    const { resize, epoch } = this.current().document;
    if (resize === undefined) return;
    const { ringSize } = resize;
    this.#bring({ kind: 'filled', node: this.#self, ringSize, epoch, full: this.#filled }, now);
  }

  /** To the acting claimant. A lone ring that is about to be left does not change any more. */
  #bring(report: Report, now: number): void {
    if (this.#candidacy.isUnderWay) return;
    const claimant = this.actingClaimant();
    if (claimant === this.#self) return this.#takeReport(report, now);
    this.#send(claimant, { kind: 'report', clusterId: this.current().document.clusterId, report });
  }

  /** Whoever brings it thinks that we are the claimant; that agreement holds makes it harmless if we are not. */
  #takeReport(report: Report, now: number): void {
    if (isOutstanding(this.current().document, report))
      this.#perform(this.#claimant.report(report, now), now);
  }

  // Odds and ends

  /** Why an operator's request is not handled at this node, or undefined when it is. */
  #notHere(): Refusal | NotClaimant | undefined {
    if (this.#phase === 'starting') return refuse('node_starting', 'this node is starting');
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

  #documentOf(clusterId: string): AgreedDocument | undefined {
    return [this.current(), this.prospect()].find((agreed) => agreed?.document.clusterId === clusterId);
  }

  #view(): ClaimantView {
    const current = this.current();
    return {
      current,
      isUp: (node) => this.isUp(node),
      hasCurrent: (node) => this.#circle.has(node, current),
      servicesOf: (node) => this.#circle.servicesOf(node),
      partialOf: (node) => this.#circle.partialOf(node),
    };
  }

  #agreementOn(current: AgreedDocument, record: AcceptorRecord | undefined): Agreement {
    const { random, preset } = this.#init;
    const isRingOlder = this.#isRingOlder;
    return new Agreement({ self: this.#self, current, record, isRingOlder, random, timing: preset });
  }

  #save(name: StableName, bytes: Uint8Array, after: After): void {
    const token = this.#nextToken++;
    this.#after.set(token, after);
    this.#out.push({ kind: 'save', name, bytes, token });
  }

  #tellUp(changes: readonly LivenessChange[]): void {
    for (const { node, up } of changes) this.#out.push({ kind: 'upChanged', node, up });
  }

  /** A node that is up runs other services than before; one that was told of just now is not told of twice. */
  #tellServices(node: NodeId): void {
    const told = this.#out.some((effect) => effect.kind === 'upChanged' && effect.node === node);
    if (!told) this.#tellUp([{ node, up: true }]);
  }

  #send(to: NodeId, message: MembershipMessage): void {
    this.#out.push({ kind: 'send', to, message });
  }

  #reply(requestId: number, result: RequestResult): void {
    this.#out.push({ kind: 'reply', requestId, result });
  }

  #log(level: 'warn' | 'error', fields: object, text: string): void {
    this.#out.push({ kind: 'log', level, fields, text });
  }

  /** `removed` closes the last batch, after the news was told and whoever waited was answered. */
  #drain(): MembershipEffect[] {
    const effects = this.#out;
    this.#out = [];
    if (this.#phase === 'removed') effects.push({ kind: 'removed' });
    return effects;
  }
}

/** A prospect that has become the ring since is none. */
function otherThan(ring: AgreedDocument, prospect: AgreedDocument | undefined): AgreedDocument | undefined {
  return prospect?.document.clusterId === ring.document.clusterId ? undefined : prospect;
}

function joinResult(result: RequestResult, agreed: AgreedDocument | undefined): JoinReply['result'] {
  if (result.kind === 'staged' && agreed !== undefined) return { kind: 'staged', document: agreed };
  assert(result.kind === 'refused', 'a join is staged or refused');
  return result;
}
