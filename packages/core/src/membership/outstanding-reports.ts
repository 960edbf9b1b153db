/**
 * Outstanding reports: what this node has to tell the claimant, again and again until the ring document shows it.
 *
 * A report may be lost on its way, or reach a claimant that dies before it has proposed it. The document is the only
 * receipt, so a report is dropped when a document shows it and never because it was sent.
 *
 * Holds: whatever is noted here is due at once and then once per interval, as long as the document lacks it.
 * Not here: what a report means and how it changes the document (reports.ts), and who the claimant is (membership.ts).
 */
import type { NodeId } from '../contracts/ids.ts';
import type { PendingTransfer, RingDocument } from '../ring/document.ts';
import { isFreeToGo, isOutstanding, sameTransfer, type Report } from './reports.ts';
import type { MemberInfo } from './staging.ts';

export interface OutstandingReportsInit {
  readonly self: MemberInfo;
  readonly intervalMs: number;
}

export class OutstandingReports {
  readonly #self: MemberInfo;
  readonly #intervalMs: number;
  #completed: PendingTransfer[] = [];
  /** This node holds all that it is to own in the ring of another size. */
  #filled = false;
  #dueAt: number | undefined;

  constructor({ self, intervalMs }: OutstandingReportsInit) {
    this.#self = self;
    this.#intervalMs = intervalMs;
  }

  /** Forget what this document shows, or has made void. */
  adopt(document: RingDocument): void {
    this.#completed = this.#completed.filter((transfer) =>
      isOutstanding(document, { kind: 'transferComplete', transfer }),
    );
    if (document.resize === undefined) this.#filled = false;
  }

  // Each gives back what is to be brought to the claimant now: nothing when it says nothing new.

  completeTransfer(transfer: PendingTransfer, document: RingDocument): Report[] {
    const report: Report = { kind: 'transferComplete', transfer };
    const isKnown = this.#completed.some((known) => sameTransfer(known, transfer));
    if (isKnown || !isOutstanding(document, report)) return [];
    this.#completed.push(transfer);
    return [report];
  }

  withdrawTransfer(transfer: PendingTransfer): void {
    this.#completed = this.#completed.filter((known) => !sameTransfer(known, transfer));
  }

  setFilled(filled: boolean, document: RingDocument): Report[] {
    if (filled === this.#filled) return [];
    this.#filled = filled;
    return this.#filledReports(document);
  }

  /** Not kept: whoever finds the node drained says so again (events.ts). */
  drained(document: RingDocument): Report[] {
    return isFreeToGo(document, this.#id) ? [{ kind: 'drained', node: this.#id }] : [];
  }

  /** All that the document lacks, once per interval; nothing in between. */
  due(document: RingDocument, now: number): Report[] {
    if (this.#dueAt !== undefined && now < this.#dueAt) return [];
    this.#dueAt = now + this.#intervalMs;
    const ofSelf: Report[] = [
      { kind: 'memberInfo', info: this.#self },
      { kind: 'back', node: this.#id },
    ];
    return [
      ...ofSelf.filter((report) => isOutstanding(document, report)),
      ...this.#completed.map((transfer): Report => ({ kind: 'transferComplete', transfer })),
      ...(this.#filled ? this.#filledReports(document) : []),
    ];
  }

  get #id(): NodeId {
    return this.#self.id;
  }

  #filledReports({ resize, epoch }: RingDocument): Report[] {
    if (resize === undefined) return [];
    return [{ kind: 'filled', node: this.#id, ringSize: resize.ringSize, epoch, full: this.#filled }];
  }
}
