/**
 * Agreement: one successor per epoch.
 *
 * Each epoch is a slot of its own, chosen by single-slot Paxos among the voting members of the document before
 * it. Any voter may propose; the acting claimant does. A proposer that finds a value already accepted finishes
 * that one first and then builds its own change anew, on the ring as it is by then.
 *
 * A ring that was forced in a minority was chosen by one node alone; it begins a new era, above all epochs before
 * (ring/era.ts). Whoever hears of it takes it, and its voters choose what follows as ever.
 *
 * A voter that has forgotten what it saved (its file was damaged) has no vote in the epoch concerned until it has
 * prepared a ballot above all that it can ever have promised, and so many others have answered that nothing it may
 * have accepted is missed. Then it remembers what they told it.
 *
 * Holds: at most one document per epoch is ever adopted, whatever is lost, doubled, late or restarted, as long
 * as no node forgets what it saved without knowing that it did. A promise or acceptance leaves only when it is
 * durable; a document is durable before it is told or acted upon; only chosen documents travel as `document`.
 * Not promised: progress without a majority that remembers, or that a change given up on (`definite: false`) stays undone.
 *
 * A cold machine: `propose`, `receive`, `learn`, `saved`, `saveFailed` and `tick` return effects, to be
 * performed in order. A `save` says in `after` what to give back to `saved` once it is durable.
 *
 * Source: Lamport, "Paxos Made Simple" (2001); rules 2; decisions 0006, 0008.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { encodeDocument, votersOf, type AgreedDocument } from '../ring/document.ts';
import { eraOf } from '../ring/era.ts';
import {
  accept,
  compareBallots,
  encodeAcceptorRecord,
  freshRecord,
  promise,
  type AcceptorRecord,
  type Ballot,
} from './acceptor.ts';
import { Attempt } from './attempt.ts';
import { describeMajority } from './majority.ts';
import type { Accept, AgreementMessage, DocumentMessage, DocumentRequest, Prepare } from './messages.ts';
import type { MembershipPreset } from './preset.ts';
import { isRefusal, refuse, unsure, type Refusal } from './refusal.ts';
import type { Build } from './staging.ts';

/** What waits for a save: an answer of the acceptor, or the adoption of a document. */
export type AfterSave =
  | { readonly kind: 'answer'; readonly to: NodeId; readonly message: AgreementMessage }
  | { readonly kind: 'adopt'; readonly agreed: AgreedDocument; readonly announce: boolean };

export type Outcome = { readonly kind: 'agreed'; readonly agreed: AgreedDocument } | Refusal;

export type AgreementEffect =
  | {
      readonly kind: 'save';
      readonly name: 'agreement' | 'ring';
      readonly bytes: Uint8Array;
      readonly after: AfterSave;
    }
  | {
      readonly kind: 'send';
      readonly to: NodeId;
      readonly message: AgreementMessage | DocumentMessage | DocumentRequest;
    }
  | { readonly kind: 'adopted'; readonly agreed: AgreedDocument }
  | { readonly kind: 'settled'; readonly proposal: number; readonly outcome: Outcome }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'error';
      readonly fields: object;
      readonly text: string;
    };

export type AgreementTiming = Pick<
  MembershipPreset,
  'attemptTimeoutMs' | 'backOffMs' | 'proposalLimitMs' | 'finishAfterMs'
>;

export interface AgreementInit {
  readonly self: NodeId;
  /** The newest document this node has saved. */
  readonly current: AgreedDocument;
  /** What this node saved as an acceptor; void when of another cluster or an epoch that is past. */
  readonly record: AcceptorRecord | undefined;
  /** The newest ring that was saved is damaged: this node may have forced one that it has forgotten. */
  readonly isRingOlder?: boolean;
  /** Thirty-two random bits, unsigned; for jitter only. */
  readonly random: () => number;
  readonly timing: AgreementTiming;
}

/** `build` undefined: only finish what another began. */
interface Proposal {
  readonly id: number | undefined;
  readonly build: Build | undefined;
  readonly deadline: number;
  /** What was built for one slot; built once, so that all our ballots in a slot carry the same value. */
  own: { readonly value: AgreedDocument; sent: boolean } | undefined;
}

/**
 * Above the rounds of one slot that others have shown us lie those that nobody who answers has seen: of proposers that
 * are away, and our own that reached nobody. There are never this many: at twenty a second it took seven years.
 */
const UNSEEN_ROUNDS = 2 ** 32;

export class Agreement {
  readonly #self: NodeId;
  readonly #random: () => number;
  readonly #timing: AgreementTiming;
  readonly #erasForgotten: 0 | 1;
  #current: AgreedDocument;
  /** The newest document that is on its way to disk. */
  #saving: AgreedDocument | undefined;
  #record: AcceptorRecord | undefined;
  /** The last question about a slot that this node has not come to: it is answered then, or its asker would wait in vain. */
  #early: { readonly from: NodeId; readonly message: Prepare | Accept } | undefined;
  /** When to finish a value that lies accepted in the current slot, should nothing be heard of its being chosen. */
  #finishAt: number | undefined;
  #queue: Proposal[] = [];
  #active: Proposal | undefined;
  #attempt: Attempt | undefined;
  #failures = 0;
  #highestRound = 0;
  /** The round in which this life asks what it has forgotten, unless somebody has objected to it. */
  #recoveryRound: number | undefined;
  #resumeAt: number | undefined;
  #out: AgreementEffect[] = [];

  constructor({ self, current, record, isRingOlder, random, timing }: AgreementInit) {
    this.#self = self;
    this.#current = current;
    this.#random = random;
    this.#timing = timing;
    this.#erasForgotten = isRingOlder === true ? 1 : 0;
    const { clusterId, epoch } = current.document;
    if (record?.clusterId === clusterId && record.slot > epoch) this.#record = record;
  }

  get current(): AgreedDocument {
    return this.#current;
  }

  /** True when nothing is being proposed here. */
  get isIdle(): boolean {
    return this.#active === undefined;
  }

  /** A ring was chosen and is on its way to disk. */
  get isAdopting(): boolean {
    return this.#saving !== undefined;
  }

  /** The newest epoch of this cluster that is here or on its way to disk; 0 of another one. */
  newestOf(cluster: string): number {
    const { clusterId, epoch } = (this.#saving ?? this.#current).document;
    return cluster === clusterId ? epoch : 0;
  }

  /** The era in which this node may force a ring: above all that it has, has voted in, or may have forced and forgotten. */
  get nextEra(): number {
    const known = Math.max(this.#current.document.epoch, this.#record?.slot ?? 0);
    return eraOf(known) + 1 + this.#erasForgotten;
  }

  /** Adopt a ring that this node has chosen alone (forced-ring.ts): like any other it is saved first, then told. */
  force(agreed: AgreedDocument): AgreementEffect[] {
    assert(!this.isAdopting, 'a forced ring follows the newest that was chosen');
    this.#learn(agreed, true);
    return this.#drain();
  }

  /** Have a change agreed. Settled exactly once, now or within the limit, by the id given. */
  propose(id: number, build: Build, now: number): AgreementEffect[] {
    this.#queue.push({ id, build, deadline: now + this.#timing.proposalLimitMs, own: undefined });
    this.#pump(now);
    return this.#drain();
  }

  receive(from: NodeId, message: AgreementMessage, now: number): AgreementEffect[] {
    this.#handleMessage(from, message, now);
    return this.#drain();
  }

  /** A chosen document came in. One that cannot follow the current one is refused, loudly. */
  learn(agreed: AgreedDocument): AgreementEffect[] {
    this.#learn(agreed, false);
    return this.#drain();
  }

  saved(after: AfterSave, now: number): AgreementEffect[] {
    if (after.kind === 'answer') this.#deliver(after.to, after.message, now);
    else this.#becomeCurrent(after.agreed, after.announce, now);
    return this.#drain();
  }

  /** The old record stands. What waited is not done; it comes again by a new attempt or by gossip. */
  saveFailed(after: AfterSave, now: number): AgreementEffect[] {
    if (after.kind === 'adopt' && this.#saving?.digest === after.agreed.digest) this.#saving = undefined;
    if (this.#active !== undefined) this.#backOff(now);
    return this.#drain();
  }

  tick(now: number): AgreementEffect[] {
    this.#giveUpLate(now);
    if (this.#attempt !== undefined && this.#attempt.phase !== 'chosen' && now >= this.#attempt.deadline) {
      this.#backOff(now);
    }
    if (this.#resumeAt !== undefined && now >= this.#resumeAt) this.#begin(now);
    this.#maybeFinish(now);
    return this.#drain();
  }

  // The acceptor

  #handleMessage(from: NodeId, message: AgreementMessage, now: number): void {
    if (message.clusterId !== this.#current.document.clusterId) {
      this.#log(
        'debug',
        { from, cluster: message.clusterId },
        `ignored a ${message.kind} of another cluster`,
      );
      return;
    }
    switch (message.kind) {
      case 'prepare':
        if (this.#canVote(from, message)) this.#handlePrepare(from, message, now);
        return;
      case 'accept':
        if (this.#canVote(from, message)) this.#handleAccept(from, message, now);
        return;
      case 'promise':
      case 'accepted':
      case 'nack':
        this.#handleAnswer(from, message, now);
        return;
      default:
        unreachable(message);
    }
  }

  /** Only the voters of the current document decide its successor; who is behind is helped instead. */
  #canVote(from: NodeId, message: Prepare | Accept): boolean {
    const { clusterId, slot } = message;
    const next = this.#nextSlot();
    if (slot < next) {
      this.#send(from, { kind: 'document', document: this.#current });
      return false;
    }
    if (slot > next || (this.#record !== undefined && this.#record.slot > slot)) {
      this.#send(from, { kind: 'documentRequest', clusterId });
      this.#early = { from, message };
      return false;
    }
    if (this.#record?.amnesic === true) {
      this.#log('debug', { from, slot }, 'no vote: what was promised here is forgotten');
      return false;
    }
    const voters = this.#voters();
    return voters.includes(this.#self) && voters.includes(from);
  }

  #handlePrepare(from: NodeId, { clusterId, slot, ballot }: Prepare, now: number): void {
    const record = this.#recordOf(slot);
    const promised = promise(record, ballot);
    if (promised === undefined) return this.#nack(from, record, ballot, now);
    const answer: AgreementMessage = {
      kind: 'promise',
      clusterId,
      slot,
      ballot,
      accepted: promised.accepted,
    };
    this.#saveRecord(promised, { kind: 'answer', to: from, message: answer });
  }

  #handleAccept(from: NodeId, { clusterId, slot, ballot, document }: Accept, now: number): void {
    if (!this.#canFollow(document) || document.document.epoch !== slot) {
      this.#log(
        'error',
        { from, slot, digest: document.digest },
        'refused to accept an impossible ring document',
      );
      return;
    }
    const record = this.#recordOf(slot);
    const accepted = accept(record, { ballot, document });
    if (accepted === undefined) return this.#nack(from, record, ballot, now);
    this.#finishAt = this.#patienceFrom(now);
    const answer: AgreementMessage = { kind: 'accepted', clusterId, slot, ballot };
    this.#saveRecord(accepted, { kind: 'answer', to: from, message: answer });
  }

  /** Needs no save: it says only what is durable already, or will be before anyone gains by it. */
  #nack(to: NodeId, { clusterId, slot, promised }: AcceptorRecord, ballot: Ballot, now: number): void {
    if (promised !== null) this.#deliver(to, { kind: 'nack', clusterId, slot, ballot, promised }, now);
  }

  #recordOf(slot: Epoch): AcceptorRecord {
    return this.#record ?? freshRecord(this.#current.document.clusterId, slot);
  }

  #saveRecord(record: AcceptorRecord, after: AfterSave): void {
    this.#record = record;
    this.#out.push({ kind: 'save', name: 'agreement', bytes: encodeAcceptorRecord(record), after });
  }

  // The proposer

  #pump(now: number): void {
    if (this.#active !== undefined) return;
    this.#active = this.#queue.shift();
    this.#failures = 0;
    if (this.#active !== undefined) this.#begin(now);
  }

  /** A new ballot for the active proposal: our own promise first, made durable. */
  #begin(now: number): void {
    this.#resumeAt = undefined;
    const active = this.#active;
    if (active === undefined || this.#saving !== undefined) return;
    if (!this.#voters().includes(this.#self)) {
      return this.#settle(refuse('not_member', 'this node has no vote in the cluster'), now);
    }
    if (!this.#hasBuilt(active, now)) return;
    const slot = this.#nextSlot();
    if (this.#record !== undefined && this.#record.slot > slot) return this.#catchUp(now);
    const amnesic = this.#record?.amnesic === true ? this.#self : undefined;
    const round = amnesic === undefined ? this.#nextRound(1) : this.#roundToRecoverIn();
    this.#highestRound = round;
    const ballot: Ballot = { round, node: this.#self };
    const deadline = now + this.#timing.attemptTimeoutMs;
    this.#attempt = new Attempt({ slot, ballot, voters: this.#voters(), deadline, amnesic });
    const clusterId = this.#current.document.clusterId;
    this.#handlePrepare(this.#self, { kind: 'prepare', clusterId, slot, ballot }, now);
  }

  #nextRound(step: number): number {
    return Math.max(this.#highestRound, this.#record?.promised?.round ?? 0) + step;
  }

  /** The same again while nobody objects, so that asking in vain does not use rounds up. */
  #roundToRecoverIn(): number {
    this.#recoveryRound ??= this.#nextRound(UNSEEN_ROUNDS);
    return this.#recoveryRound;
  }

  /** False when the proposal was settled instead: refused, or nothing to change. */
  #hasBuilt(active: Proposal, now: number): boolean {
    if (active.build === undefined || active.own !== undefined) return true;
    const built = active.build(this.#current);
    if (isRefusal(built)) {
      this.#settle(built, now);
      return false;
    }
    if (built === this.#current.document) {
      this.#settle({ kind: 'agreed', agreed: this.#current }, now);
      return false;
    }
    const parentDigest = this.#current.digest;
    const value = encodeDocument({ ...built, epoch: this.#nextSlot(), parentDigest });
    active.own = { value, sent: false };
    return true;
  }

  /** Our ring record is older than our promises (it was restored): ask before proposing anything. */
  #catchUp(now: number): void {
    const clusterId = this.#current.document.clusterId;
    for (const voter of this.#others()) this.#send(voter, { kind: 'documentRequest', clusterId });
    this.#backOff(now);
  }

  #handleAnswer(from: NodeId, message: AgreementMessage, now: number): void {
    const attempt = this.#attempt;
    if (attempt === undefined || attempt.slot !== message.slot) return;
    if (compareBallots(attempt.ballot, message.ballot) !== 0) return;
    switch (message.kind) {
      case 'promise':
        if (from === this.#self) this.#askOthers(attempt);
        if (!attempt.countPromise(from, message.accepted)) return;
        if (attempt.isRecovery) return this.#becomeRecovered(attempt, now);
        return this.#beginAccept(attempt, now);
      case 'accepted':
        if (attempt.countAccepted(from)) this.#handleChosen(attempt);
        return;
      case 'nack':
        this.#highestRound = Math.max(this.#highestRound, message.promised.round);
        this.#recoveryRound = undefined;
        if (attempt.phase !== 'chosen') this.#backOff(now);
    }
  }

  #askOthers({ slot, ballot }: Attempt): void {
    if (this.#attempt?.phase !== 'reserving') return;
    this.#attempt.becomePreparing();
    const clusterId = this.#current.document.clusterId;
    for (const voter of this.#others()) this.#send(voter, { kind: 'prepare', clusterId, slot, ballot });
  }

  /** The vote is ours again. Nobody hears of it before it is saved: every answer of an acceptor saves its record. */
  #becomeRecovered({ slot, ballot, inherited }: Attempt, now: number): void {
    const clusterId = this.#current.document.clusterId;
    this.#record = { clusterId, slot, promised: ballot, accepted: inherited ?? null, amnesic: false };
    this.#recoveryRound = undefined;
    this.#attempt = undefined;
    this.#log(
      'info',
      { epoch: slot },
      'the other members have told what this node had forgotten: it votes again',
    );
    this.#begin(now);
  }

  #beginAccept(attempt: Attempt, now: number): void {
    const own = this.#active?.own;
    const value = attempt.inherited?.document ?? own?.value;
    if (value === undefined) {
      this.#attempt = undefined;
      return this.#settle({ kind: 'agreed', agreed: this.#current }, now);
    }
    if (own?.value === value) own.sent = true;
    attempt.becomeAccepting(value);
    const { slot, ballot } = attempt;
    const message: Accept = {
      kind: 'accept',
      clusterId: this.#current.document.clusterId,
      slot,
      ballot,
      document: value,
    };
    for (const voter of this.#others()) this.#send(voter, message);
    this.#handleAccept(this.#self, message, now);
  }

  #handleChosen(attempt: Attempt): void {
    attempt.becomeChosen();
    if (attempt.value !== undefined) this.#learn(attempt.value, true);
  }

  #backOff(now: number): void {
    this.#attempt = undefined;
    const base = this.#timing.backOffMs * 2 ** Math.min(this.#failures++, 5);
    this.#resumeAt = now + base * (0.5 + this.#random() / 0x1_0000_0000);
  }

  #giveUpLate(now: number): void {
    const late = this.#queue.filter((proposal) => now >= proposal.deadline);
    this.#queue = this.#queue.filter((proposal) => now < proposal.deadline);
    for (const proposal of late)
      this.#tell(proposal, refuse('no_majority', 'another change is still being agreed upon; ask again'));
    const active = this.#active;
    if (active === undefined || now < active.deadline || this.#attempt?.phase === 'chosen') return;
    const text = `${describeMajority(this.#current.document)}, and too few answered`;
    this.#settle((active.own?.sent === true ? unsure : refuse)('no_majority', text), now);
  }

  /**
   * The proposer of a value that lies here accepted may be dead: after a while anyone carries it on. And who has
   * forgotten its promises asks, whether there is something to propose or not.
   */
  #maybeFinish(now: number): void {
    const record = this.#record;
    if (record === undefined || record.slot !== this.#nextSlot()) return;
    if (record.accepted === null && !record.amnesic) return;
    this.#finishAt ??= this.#patienceFrom(now);
    if (now < this.#finishAt || this.#active !== undefined || this.#saving !== undefined) return;
    this.#finishAt = this.#patienceFrom(now);
    const deadline = now + this.#timing.proposalLimitMs;
    this.#queue.push({ id: undefined, build: undefined, deadline, own: undefined });
    this.#pump(now);
  }

  /** Spread, so that not all acceptors take it up at once. */
  #patienceFrom(now: number): number {
    return now + this.#timing.finishAfterMs * (1 + this.#random() / 0x1_0000_0000);
  }

  // The chosen document

  #learn(agreed: AgreedDocument, announce: boolean): void {
    const head = this.#saving ?? this.#current;
    const { clusterId, epoch } = agreed.document;
    if (clusterId !== head.document.clusterId || epoch < head.document.epoch) return;
    if (epoch === head.document.epoch) {
      if (agreed.digest === head.digest) return;
      this.#log(
        'error',
        { epoch, ours: head.digest, theirs: agreed.digest },
        'two ring documents for one epoch',
      );
      return;
    }
    if (!this.#canFollow(agreed)) {
      const { digest } = agreed;
      this.#log('error', { epoch, digest }, 'refused a ring document that does not follow ours');
      return;
    }
    this.#saving = agreed;
    const after: AfterSave = { kind: 'adopt', agreed, announce };
    this.#out.push({ kind: 'save', name: 'ring', bytes: agreed.bytes, after });
  }

  /** Of this cluster, and when it is the direct successor of what we have, its child. */
  #canFollow(agreed: AgreedDocument): boolean {
    const heads = this.#saving === undefined ? [this.#current] : [this.#current, this.#saving];
    return heads.every(({ document, digest }) => {
      if (agreed.document.clusterId !== document.clusterId) return false;
      return agreed.document.epoch !== document.epoch + 1 || agreed.document.parentDigest === digest;
    });
  }

  #becomeCurrent(agreed: AgreedDocument, announce: boolean, now: number): void {
    if (this.#saving?.digest === agreed.digest) this.#saving = undefined;
    const before = this.#current.document;
    if (agreed.document.clusterId !== before.clusterId || agreed.document.epoch <= before.epoch) return;
    const tell = new Set([...before.members, ...agreed.document.members].map((member) => member.id));
    this.#current = agreed;
    this.#attempt = undefined;
    this.#resumeAt = undefined;
    this.#finishAt = undefined;
    this.#recoveryRound = undefined;
    if (this.#record !== undefined && this.#record.slot <= agreed.document.epoch) this.#record = undefined;
    if (announce) this.#announce(agreed, tell);
    this.#out.push({ kind: 'adopted', agreed });
    this.#resettle(now);
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) this.#handleMessage(early.from, early.message, now);
  }

  #announce(agreed: AgreedDocument, tell: ReadonlySet<NodeId>): void {
    const message: DocumentMessage = { kind: 'document', document: agreed };
    for (const node of tell) if (node !== this.#self) this.#send(node, message);
  }

  /** The epoch has moved: was it ours, another's, or can we no longer tell? */
  #resettle(now: number): void {
    const active = this.#active;
    if (active === undefined) return;
    const { value, sent } = active.own ?? {};
    const { digest, document } = this.#current;
    if (active.build === undefined || value?.digest === digest || value?.digest === document.parentDigest) {
      return this.#settle({ kind: 'agreed', agreed: this.#current }, now);
    }
    if (sent === true && value !== undefined && document.epoch > value.document.epoch + 1) {
      return this.#settle(
        unsure('superseded', 'the ring has moved on; look whether the change is in it'),
        now,
      );
    }
    active.own = undefined;
    this.#begin(now);
  }

  #settle(outcome: Outcome, now: number): void {
    const settled = this.#active;
    this.#active = undefined;
    this.#attempt = undefined;
    this.#resumeAt = undefined;
    if (settled !== undefined) this.#tell(settled, outcome);
    this.#pump(now);
  }

  #tell({ id }: Proposal, outcome: Outcome): void {
    if (id !== undefined) this.#out.push({ kind: 'settled', proposal: id, outcome });
  }

  #nextSlot(): Epoch {
    return (this.#current.document.epoch + 1) as Epoch;
  }

  #voters(): NodeId[] {
    return votersOf(this.#current.document).map((member) => member.id);
  }

  #others(): NodeId[] {
    return this.#voters().filter((voter) => voter !== this.#self);
  }

  /** What concerns ourselves does not travel. */
  #deliver(to: NodeId, message: AgreementMessage, now: number): void {
    if (to === this.#self) this.#handleMessage(this.#self, message, now);
    else this.#send(to, message);
  }

  #send(to: NodeId, message: AgreementMessage | DocumentMessage | DocumentRequest): void {
    this.#out.push({ kind: 'send', to, message });
  }

  #log(level: 'debug' | 'info' | 'error', fields: object, text: string): void {
    this.#out.push({ kind: 'log', level, fields, text });
  }

  #drain(): AgreementEffect[] {
    const effects = this.#out;
    this.#out = [];
    return effects;
  }
}
