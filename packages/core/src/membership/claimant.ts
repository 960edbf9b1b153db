/**
 * The claimant's desk: stage, plan, commit, clear, and the reports that members bring.
 *
 * Which node sits at it is a pure function of the ring and of who is up (`actingClaimant`); every node has a
 * desk and only the acting claimant's gets requests. Should two nodes sit there at once, agreement still makes
 * one document of it and the other's request is built anew or refused.
 *
 * Plan and commit want every live member, and every joiner, to have the current ring. They wait a little for
 * those on their way and then say who is behind.
 *
 * A cold machine like all of this room; `propose` effects are settled by agreement.ts.
 * Source: Riak's riak_core_claimant.
 */
import { assert, unreachable } from '../base/assert.ts';
import type { NodeId } from '../contracts/ids.ts';
import { memberOf, memberName, votersOf, type AgreedDocument, type RingDocument } from '../ring/document.ts';
import type { Outcome } from './agreement.ts';
import { changeBucket } from './bucket-changes.ts';
import { markDown } from './down.ts';
import type { AdminRequest, RequestResult } from './events.ts';
import type { JoinReply } from './messages.ts';
import { commitPlan, encodePlan, makePlan, type Plan } from './plan.ts';
import type { MembershipPreset } from './preset.ts';
import { isRefusal, refuse, unsure, type Refusal } from './refusal.ts';
import { Fillers } from './fillers.ts';
import { applyReports, reportKey, switchRing, type Report } from './reports.ts';
import { removedIn, type ClaimFunction } from './planned-ring.ts';
import {
  abortResize,
  clearStaged,
  pendingRefusal,
  stageChange,
  stageJoin,
  type Build,
  type Candidate,
} from './staging.ts';

/** Who waits for an answer: an operator at this node, or a joiner elsewhere. */
export type Asker =
  | { readonly kind: 'operator'; readonly requestId: number }
  | { readonly kind: 'joiner'; readonly node: NodeId; readonly requestId: number };

export type ClaimantRequest = AdminRequest | { readonly kind: 'join'; readonly candidate: Candidate };

/** How things stand, as seen from this node. */
export interface ClaimantView {
  readonly current: AgreedDocument;
  readonly isUp: (node: NodeId) => boolean;
  /** Whether this member was last heard with exactly the current document. */
  readonly hasCurrent: (node: NodeId) => boolean;
  /** Undefined: it has not said. */
  readonly servicesOf: (node: NodeId) => readonly string[] | undefined;
  /** How many vnodes of a member are partial, as it said last. */
  readonly partialOf: (node: NodeId) => number;
}

export type AfterPlanSave = { readonly kind: 'planSaved'; readonly asker: Asker; readonly plan: Plan };

export type ClaimantEffect =
  | { readonly kind: 'propose'; readonly proposal: number; readonly build: Build }
  | {
      readonly kind: 'save';
      readonly name: 'plan';
      readonly bytes: Uint8Array;
      readonly after: AfterPlanSave;
    }
  | {
      readonly kind: 'answer';
      readonly asker: Asker;
      readonly result: RequestResult;
      /** The document that the answer rests upon, for a joiner. */
      readonly agreed?: AgreedDocument;
    };

export interface ClaimantInit {
  readonly self: NodeId;
  /** The plan this node saved last. */
  readonly plan: Plan | undefined;
  readonly claim: ClaimFunction;
  readonly timing: Pick<MembershipPreset, 'gatherMs' | 'readyWaitMs' | 'reportIntervalMs'>;
}

type Proposed = { readonly asker: Asker; readonly request: ClaimantRequest };
type Waiting = { readonly asker: Asker; readonly request: PlanOrCommit; readonly until: number };
type PlanOrCommit = Extract<AdminRequest, { kind: 'plan' | 'commit' }>;

/** The claimant of the document if it is up and has a vote, else the first voter in member order that is. */
export function actingClaimant(document: RingDocument, isUp: (node: NodeId) => boolean): NodeId {
  const voters = votersOf(document).filter((member) => isUp(member.id));
  return (voters.find(({ id }) => id === document.claimant) ?? voters[0])?.id ?? document.claimant;
}

export class Claimant {
  readonly #self: NodeId;
  readonly #claim: ClaimFunction;
  readonly #timing: ClaimantInit['timing'];
  #plan: Plan | undefined;
  #nextProposal = 1;
  readonly #proposed = new Map<number, Proposed>();
  #waiting: Waiting[] = [];
  readonly #reports = new Map<string, Report>();
  #reportsDueAt: number | undefined;
  /** The proposal that carries reports; one at a time, the rest gather. */
  #reporting: number | undefined;
  /** Who has said of late that its part of a coming ring is there. */
  readonly #fillers: Fillers;
  /** The proposal that the ring switch to its other size. */
  #switching: number | undefined;
  #out: ClaimantEffect[] = [];

  constructor({ self, plan, claim, timing }: ClaimantInit) {
    this.#self = self;
    this.#plan = plan;
    this.#claim = claim;
    this.#timing = timing;
    this.#fillers = new Fillers(timing.reportIntervalMs);
  }

  request(asker: Asker, request: ClaimantRequest, view: ClaimantView, now: number): ClaimantEffect[] {
    switch (request.kind) {
      case 'join':
        this.#propose(asker, request, ({ document }) => stageJoin(document, request.candidate));
        break;
      case 'leave':
      case 'replace':
      case 'force-replace':
      case 'force-remove':
      case 'resize':
        this.#propose(asker, request, ({ document }) => stageChange(document, request));
        break;
      case 'abortResize':
        this.#propose(asker, request, ({ document }) => abortResize(document));
        break;
      case 'bucket':
        this.#propose(asker, request, ({ document }) => changeBucket(document, request));
        break;
      case 'down':
        this.#handleDown(asker, request, view);
        break;
      case 'clear':
        this.#propose(asker, request, ({ document }) => clearStaged(document));
        break;
      case 'plan':
      case 'commit':
        this.#waiting.push({ asker, request, until: now + this.#timing.readyWaitMs });
        this.#serveWaiting(view, now);
        break;
      default:
        unreachable(request);
    }
    return this.#drain();
  }

  report(report: Report, now: number): ClaimantEffect[] {
    if (report.kind === 'filled') {
      this.#fillers.heard(report, now);
      return [];
    }
    this.#reports.set(reportKey(report), report);
    this.#reportsDueAt ??= now + this.#timing.gatherMs;
    return [];
  }

  /** A proposal of this desk is agreed or refused. */
  settled(proposal: number, outcome: Outcome): ClaimantEffect[] {
    if (proposal === this.#reporting) {
      this.#reporting = undefined;
      return [];
    }
    if (proposal === this.#switching) {
      this.#switching = undefined;
      return [];
    }
    const proposed = this.#proposed.get(proposal);
    this.#proposed.delete(proposal);
    if (proposed === undefined) return [];
    if (isRefusal(outcome)) this.#answer(proposed.asker, outcome);
    else this.#answer(proposed.asker, this.#resultOf(proposed.request, outcome.agreed), outcome.agreed);
    return this.#drain();
  }

  saved({ asker, plan }: AfterPlanSave): ClaimantEffect[] {
    this.#plan = plan;
    this.#answer(asker, { kind: 'planned', plan });
    return this.#drain();
  }

  saveFailed({ asker }: AfterPlanSave): ClaimantEffect[] {
    this.#answer(asker, refuse('store_failed', 'the plan could not be saved'));
    return this.#drain();
  }

  /** Something changed: the ring, who is up, or who has which document; or time has passed. */
  advance(view: ClaimantView, now: number): ClaimantEffect[] {
    if (this.#waiting.length > 0) this.#serveWaiting(view, now);
    if (this.#reportsDueAt !== undefined && now >= this.#reportsDueAt && this.#reporting === undefined) {
      this.#proposeReports();
    }
    const ringSize = this.#fillers.look(view.current.document, now);
    if (ringSize !== undefined && this.#switching === undefined) this.#proposeSwitch(ringSize);
    return this.#drain();
  }

  #proposeSwitch(ringSize: number): void {
    this.#switching = this.#nextProposal++;
    const build: Build = ({ document }) => switchRing(document, ringSize);
    this.#out.push({ kind: 'propose', proposal: this.#switching, build });
  }

  #proposeReports(): void {
    const reports = [...this.#reports.values()];
    this.#reports.clear();
    this.#reportsDueAt = undefined;
    this.#reporting = this.#nextProposal++;
    const build: Build = (current) => applyReports(current, reports);
    this.#out.push({ kind: 'propose', proposal: this.#reporting, build });
  }

  /** Plans and commits in the order they came; the first that must wait holds up those behind it. */
  #serveWaiting(view: ClaimantView, now: number): void {
    const waiting = this.#waiting;
    if (memberOf(view.current.document, this.#self) === undefined) {
      this.#waiting = [];
      for (const { asker } of waiting)
        this.#answer(asker, refuse('not_member', 'this node has left the cluster'));
      return;
    }
    let served = 0;
    for (const one of waiting) {
      const unready =
        deskRefusal(view.current.document, this.#self) === undefined ? unreadyMembers(view) : [];
      if (unready.length > 0 && now < one.until) break;
      served++;
      if (unready.length > 0) this.#answer(one.asker, notReady(unready));
      else if (one.request.kind === 'plan') this.#handlePlan(one.asker, view);
      else this.#handleCommit(one.asker, one.request);
    }
    this.#waiting = waiting.slice(served);
  }

  #handlePlan(asker: Asker, view: ClaimantView): void {
    const refusal = deskRefusal(view.current.document, this.#self);
    const plan = refusal ?? makePlan({ ...view, claim: this.#claim });
    if (isRefusal(plan)) return this.#answer(asker, plan);
    this.#out.push({
      kind: 'save',
      name: 'plan',
      bytes: encodePlan(plan),
      after: { kind: 'planSaved', asker, plan },
    });
  }

  /** Who is up says so by being heard, whatever the operator thinks. */
  #handleDown(asker: Asker, request: Extract<AdminRequest, { kind: 'down' }>, view: ClaimantView): void {
    const up = request.nodes.filter((node) => view.isUp(node));
    if (up.length > 0) {
      const names = up.map((node) => memberName(view.current.document, node)).join(', ');
      return this.#answer(asker, refuse('is_up', `${names} can be reached; a leave moves the data first`));
    }
    this.#propose(asker, request, ({ document }) => markDown(document, request.nodes));
  }

  #handleCommit(asker: Asker, request: Extract<AdminRequest, { kind: 'commit' }>): void {
    const plan = this.#plan;
    this.#propose(
      asker,
      request,
      (current) => deskRefusal(current.document, this.#self) ?? commitPlan(current, plan, request.planId),
    );
  }

  #propose(asker: Asker, request: ClaimantRequest, build: Build): void {
    const proposal = this.#nextProposal++;
    this.#proposed.set(proposal, { asker, request });
    this.#out.push({ kind: 'propose', proposal, build });
  }

  #resultOf(request: ClaimantRequest, { document }: AgreedDocument): RequestResult {
    const epoch = document.epoch;
    switch (request.kind) {
      case 'commit':
        return { kind: 'committed', epoch };
      case 'clear':
        return { kind: 'cleared', epoch };
      case 'down':
      case 'abortResize':
      case 'bucket':
        return { kind: 'done', epoch };
      case 'join':
        if (memberOf(document, request.candidate.id) !== undefined) break;
        return unsure('superseded', 'the join was staged and has been cleared since');
      default:
    }
    return { kind: 'staged', epoch, via: this.#self };
  }

  #answer(asker: Asker, result: RequestResult, agreed?: AgreedDocument): void {
    this.#out.push({ kind: 'answer', asker, result, ...(agreed && { agreed }) });
  }

  #drain(): ClaimantEffect[] {
    const effects = this.#out;
    this.#out = [];
    return effects;
  }
}

/** Why nothing can be planned or committed at this desk just now, whoever is ready, or undefined. */
function deskRefusal(document: RingDocument, self: NodeId): Refusal | undefined {
  const refusal = pendingRefusal(document);
  if (refusal !== undefined || !removedIn(document).has(self)) return refusal;
  const name = memberOf(document, self)?.name;
  return refuse(
    'is_claimant',
    `${name} is the claimant and would remove itself; stop it first, and another member stands in for it`,
  );
}

/** What keeps the ring from being ready, one phrase each; empty when it is. */
export function unreadyMembers({ current, isUp, hasCurrent }: ClaimantView): string[] {
  return current.document.members.flatMap(({ id, name, status }) => {
    if (isUp(id)) return hasCurrent(id) ? [] : [`${name} has not the current ring yet`];
    // Once committed a joiner votes: letting in one that is away could leave the cluster without a majority.
    return status === 'joining' ? [`${name} asked to join and is down`] : [];
  });
}

/** An answer to a joiner, as it travels. */
export function joinResult(result: RequestResult, agreed: AgreedDocument | undefined): JoinReply['result'] {
  if (result.kind === 'staged' && agreed !== undefined) return { kind: 'staged', document: agreed };
  assert(result.kind === 'refused', 'a join is staged or refused');
  return result;
}

function notReady(unready: readonly string[]): Refusal {
  return refuse('ring_not_ready', unready.join('; '));
}
