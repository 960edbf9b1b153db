/**
 * Candidacy: a lone node on its way into another cluster.
 *
 *   alone --joinVia--> asking --staged--> candidate --committed--> member
 *                        |                   |
 *                        +--refused----------+--cleared--> alone
 *
 * A candidate goes on serving its own lone ring. It keeps the other cluster's document beside it, the *prospect*,
 * follows it by gossip, and makes it its ring when a document of that cluster lists it as a full member. The
 * prospect is durable before it is acted upon, so a candidate that restarts is still one.
 *
 * Holds: a node never takes a ring it did not ask for; nor one while others are in its own.
 * Source: Riak's staged join, where the joiner takes the ring at once; keeping both lets `clear` undo it.
 */
import { jsonDecode, jsonEncode } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import { memberOf, type AgreedDocument } from '../ring/document.ts';
import type { LogLevel, RequestResult } from './events.ts';
import type { JoinReply, JoinRequest } from './messages.ts';
import type { MembershipPreset } from './preset.ts';
import { refuse, unsure } from './refusal.ts';
import type { MemberInfo } from './staging.ts';
import { readDocument } from './wire-document.ts';

export type AfterCandidacySave =
  | { readonly kind: 'prospectSaved'; readonly prospect: AgreedDocument | undefined }
  | { readonly kind: 'ringSaved'; readonly agreed: AgreedDocument };

export type CandidacyEffect =
  | {
      readonly kind: 'save';
      readonly name: 'prospect' | 'ring';
      readonly bytes: Uint8Array;
      readonly after: AfterCandidacySave;
    }
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: JoinRequest }
  | { readonly kind: 'reply'; readonly requestId: number; readonly result: RequestResult }
  /** The prospect is another, or none: other peers, other heartbeats. */
  | { readonly kind: 'prospectChanged' }
  /** The ring of the other cluster is saved as ours: we are in. */
  | { readonly kind: 'entered'; readonly agreed: AgreedDocument }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: object; readonly text: string };

interface Asking {
  readonly requestId: number;
  readonly peer: NodeId;
  readonly until: number;
}

export interface CandidacyInit {
  readonly self: MemberInfo;
  readonly prospect: AgreedDocument | undefined;
  readonly timing: Pick<MembershipPreset, 'joinTimeoutMs'>;
}

/** Bytes of `prospect` that say there is none; a stable store replaces and never deletes. */
const NO_PROSPECT = jsonEncode(null);

/** What was saved as `prospect`: undefined when there is none, `WireError` when damaged. */
export function decodeProspect(bytes: Uint8Array): AgreedDocument | undefined {
  return jsonDecode(bytes) === null ? undefined : readDocument(bytes);
}

export class Candidacy {
  readonly #self: MemberInfo;
  readonly #timing: CandidacyInit['timing'];
  #asking: Asking | undefined;
  #prospect: AgreedDocument | undefined;
  /** What is on its way to disk. */
  #saving: AgreedDocument | undefined;
  /** The ring being saved is not the lone one any more: from here on the lone ring must not change. */
  #entering = false;
  #out: CandidacyEffect[] = [];

  constructor({ self, prospect, timing }: CandidacyInit) {
    this.#self = self;
    this.#prospect = prospect;
    this.#timing = timing;
  }

  get prospect(): AgreedDocument | undefined {
    return this.#prospect;
  }

  /** Asking, or let in and not committed yet: nobody may join *this* node meanwhile. */
  get isUnderWay(): boolean {
    return this.#asking !== undefined || this.#prospect !== undefined || this.#saving !== undefined;
  }

  /** Its word on the cluster asked counts as the answer, should that have been lost. */
  isAsking(peer: NodeId): boolean {
    return this.#asking?.peer === peer;
  }

  get isEntering(): boolean {
    return this.#entering;
  }

  /** `isAlone`: in the own ring, with nobody about to be let in. */
  ask(
    request: { requestId: number; peer: NodeId; ringSize: number; isAlone: boolean },
    now: number,
  ): CandidacyEffect[] {
    const { requestId, peer, ringSize, isAlone } = request;
    if (peer === this.#self.id) {
      this.#reply(requestId, refuse('self_join', 'a node cannot join itself'));
    } else if (!isAlone) {
      this.#reply(requestId, refuse('not_single_node', 'this node is in a cluster with others already'));
    } else if (this.#asking !== undefined) {
      this.#reply(requestId, refuse('joining_elsewhere', 'this node is asking to join already'));
    } else {
      this.#asking = { requestId, peer, until: now + this.#timing.joinTimeoutMs };
      const candidate = { ...this.#self, ringSize };
      const boundTo = this.#prospect?.document.clusterId ?? null;
      this.#out.push({
        kind: 'send',
        to: peer,
        message: { kind: 'joinRequest', requestId, candidate, boundTo },
      });
    }
    return this.#drain();
  }

  handleReply(from: NodeId, { requestId, result }: JoinReply): CandidacyEffect[] {
    const asking = this.#asking;
    if (asking === undefined || asking.peer !== from || asking.requestId !== requestId) return [];
    if (result.kind === 'staged') {
      this.#handleStaged(result.document);
    } else {
      this.#becomeAnswered(result);
    }
    return this.#drain();
  }

  /** A chosen document of another cluster. Nothing happens unless it is the one we asked to join. */
  learn(agreed: AgreedDocument): CandidacyEffect[] {
    this.#learn(agreed);
    return this.#drain();
  }

  peerLost(peer: NodeId): CandidacyEffect[] {
    if (this.#asking?.peer === peer) {
      this.#becomeAnswered(unsure('not_reachable', 'the connection was lost before an answer came'));
    }
    return this.#drain();
  }

  tick(now: number): CandidacyEffect[] {
    if (this.#asking !== undefined && now >= this.#asking.until) {
      this.#becomeAnswered(unsure('not_reachable', 'no answer came in time'));
    }
    return this.#drain();
  }

  saved(after: AfterCandidacySave): CandidacyEffect[] {
    if (after.kind === 'ringSaved') this.#becomeMember(after.agreed);
    else this.#becomeCandidate(after.prospect);
    return this.#drain();
  }

  saveFailed(after: AfterCandidacySave): CandidacyEffect[] {
    this.#saving = undefined;
    if (after.kind === 'ringSaved') this.#entering = false;
    this.#becomeAnswered(unsure('store_failed', 'the ring of the cluster could not be saved here'));
    return this.#drain();
  }

  #handleStaged(document: AgreedDocument): void {
    const held = this.#prospect;
    if (held !== undefined && !isNewer(document, held)) {
      this.#becomeAnswered(this.#stagedResult(held));
    } else {
      this.#learn(document);
    }
  }

  #learn(agreed: AgreedDocument): void {
    const head = this.#saving ?? this.#prospect;
    if (this.#entering || (head === undefined && this.#asking === undefined)) return;
    if (head !== undefined && !isNewer(agreed, head)) return;
    const status = memberOf(agreed.document, this.#self.id)?.status;
    if (status === undefined) {
      if (head !== undefined) this.#save(NO_PROSPECT, undefined);
    } else if (!this.#maybeEnter(agreed)) {
      this.#saving = agreed;
      this.#save(agreed.bytes, agreed);
    }
  }

  /** True when the document lists us as more than joining: it is saved as our ring. */
  #maybeEnter(agreed: AgreedDocument): boolean {
    const status = memberOf(agreed.document, this.#self.id)?.status;
    if (status === undefined || status === 'joining') return false;
    this.#saving = agreed;
    this.#entering = true;
    this.#out.push({ kind: 'save', name: 'ring', bytes: agreed.bytes, after: { kind: 'ringSaved', agreed } });
    return true;
  }

  #save(bytes: Uint8Array, prospect: AgreedDocument | undefined): void {
    this.#out.push({ kind: 'save', name: 'prospect', bytes, after: { kind: 'prospectSaved', prospect } });
  }

  #becomeCandidate(prospect: AgreedDocument | undefined): void {
    if (this.#saving?.digest === prospect?.digest) this.#saving = undefined;
    if (prospect === undefined && this.#prospect === undefined) return;
    this.#prospect = prospect;
    if (prospect === undefined) {
      this.#log('info', {}, 'the join was cleared; this node stays alone');
    } else {
      this.#becomeAnswered(this.#stagedResult(prospect));
    }
    this.#out.push({ kind: 'prospectChanged' });
  }

  #becomeMember(agreed: AgreedDocument): void {
    this.#entering = false;
    this.#saving = undefined;
    this.#prospect = undefined;
    this.#becomeAnswered(this.#stagedResult(agreed));
    this.#save(NO_PROSPECT, undefined);
    this.#out.push({ kind: 'entered', agreed });
  }

  #becomeAnswered(result: RequestResult): void {
    const asking = this.#asking;
    this.#asking = undefined;
    if (asking !== undefined) this.#reply(asking.requestId, result);
  }

  #stagedResult({ document }: AgreedDocument): RequestResult {
    return { kind: 'staged', epoch: document.epoch, via: this.#asking?.peer ?? document.claimant };
  }

  #reply(requestId: number, result: RequestResult): void {
    this.#out.push({ kind: 'reply', requestId, result });
  }

  #log(level: LogLevel, fields: object, text: string): void {
    this.#out.push({ kind: 'log', level, fields, text });
  }

  #drain(): CandidacyEffect[] {
    const effects = this.#out;
    this.#out = [];
    return effects;
  }
}

/** A later document of the same cluster, and its child when it is the very next. */
function isNewer(agreed: AgreedDocument, head: AgreedDocument): boolean {
  const { clusterId, epoch, parentDigest } = agreed.document;
  if (clusterId !== head.document.clusterId || epoch <= head.document.epoch) return false;
  return epoch !== head.document.epoch + 1 || parentDigest === head.digest;
}
