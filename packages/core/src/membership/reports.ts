/**
 * Reports: what a member knows and the ring document does not show yet. Pure.
 *
 * A member repeats each report to the acting claimant until a document shows it; the claimant gathers reports
 * and has one document agreed for many. Each is harmless when said twice, late or to the wrong node: it is
 * checked against the document it changes.
 *
 *   transferComplete   partition p is whole and durable at its new owner: switch the owner
 *   drained            the reporter is leaving, owns nothing and holds nothing that is not its own: let it go
 *   memberInfo         the reporter has another name, address, location or store than the document says
 *   back               the reporter is called down in the document and is not
 *   filled             all that the reporter is to own in a ring of another size is there and kept up, or not any more;
 *                      changes nothing alone: the ring switches when all have said so of late (claimant.ts)
 */
import type { Epoch, NodeId } from '../contracts/ids.ts';
import {
  memberNamed,
  memberOf,
  type AgreedDocument,
  type PendingTransfer,
  type RingDocument,
} from '../ring/document.ts';
import { withoutDown } from './down.ts';
import {
  isBoolean,
  isCount,
  isKindOf,
  isName,
  isOptional,
  isPositive,
  isRecord,
  isText,
  type Check,
} from './shape.ts';
import { successorOf, withMemberInfo, type MemberInfo } from './staging.ts';

export type Report =
  | { readonly kind: 'transferComplete'; readonly transfer: PendingTransfer }
  | { readonly kind: 'drained'; readonly node: NodeId }
  | { readonly kind: 'memberInfo'; readonly info: MemberInfo }
  | { readonly kind: 'back'; readonly node: NodeId }
  | Filled;

/** Said under the ring of an epoch, of the size that is being filled under it. */
export interface Filled {
  readonly kind: 'filled';
  readonly node: NodeId;
  readonly ringSize: number;
  readonly epoch: Epoch;
  readonly full: boolean;
}

const shapes: Readonly<Record<Report['kind'], Check>> = {
  transferComplete: isRecord({ transfer: isRecord({ partition: isCount, from: isName, to: isName }) }),
  drained: isRecord({ node: isName }),
  back: isRecord({ node: isName }),
  filled: isRecord({ node: isName, ringSize: isPositive, epoch: isCount, full: isBoolean }),
  memberInfo: isRecord({
    info: isRecord({
      id: isName,
      name: isName,
      address: isText,
      location: isText,
      storeId: isOptional(isName),
    }),
  }),
};
export const reportShape: Check = isKindOf(shapes);

/** Equal for two reports that say the same. */
export function reportKey(report: Report): string {
  return JSON.stringify(report);
}

/** The document with these reports in it; the same object when none of them changes anything. */
export function applyReports(current: AgreedDocument, reports: readonly Report[]): RingDocument {
  return reports.reduce(applyReport, current.document);
}

/** True while the document does not show this report and still could. */
export function isOutstanding(document: RingDocument, report: Report): boolean {
  if (report.kind === 'filled') return document.resize?.ringSize === report.ringSize;
  return applyReport(document, report) !== document;
}

function applyReport(document: RingDocument, report: Report): RingDocument {
  switch (report.kind) {
    case 'transferComplete':
      return completeTransfer(document, report.transfer);
    case 'drained':
      return removeDrained(document, report.node);
    case 'memberInfo':
      return updateInfo(document, report.info);
    case 'back':
      return withoutDown(document, report.node);
    case 'filled':
      return document;
  }
}

/** The ring of the other size takes over, whole and at once; the same object when none of that size is being filled. */
export function switchRing(document: RingDocument, ringSize: number): RingDocument {
  const { resize, ...rest } = document;
  if (resize?.ringSize !== ringSize) return document;
  return { ...rest, ringSize, owners: resize.owners };
}

export function sameTransfer(a: PendingTransfer, b: PendingTransfer): boolean {
  return a.partition === b.partition && a.from === b.from && a.to === b.to;
}

function completeTransfer(document: RingDocument, done: PendingTransfer): RingDocument {
  const pending = document.pending.filter((transfer) => !sameTransfer(transfer, done));
  if (pending.length === document.pending.length) return document;
  const owners = document.owners.map((owner, partition) => (partition === done.partition ? done.to : owner));
  return { ...document, owners, pending };
}

/** Nothing of the ring depends on this member any more: it is leaving, owns nothing and moves nothing. */
export function isFreeToGo(document: RingDocument, node: NodeId): boolean {
  return (
    memberOf(document, node)?.status === 'leaving' &&
    !document.owners.includes(node) &&
    document.resize?.owners.includes(node) !== true &&
    !document.pending.some((transfer) => transfer.from === node || transfer.to === node)
  );
}

function removeDrained(document: RingDocument, node: NodeId): RingDocument {
  if (!isFreeToGo(document, node)) return document;
  const members = document.members.filter((member) => member.id !== node);
  const claimant = document.claimant === node ? successorOf(document, node) : document.claimant;
  if (claimant === undefined) return document;
  // Somebody may have lost patience with it and staged that it be removed.
  const staged = document.staged.filter((change) => !('node' in change) || change.node !== node);
  return { ...document, members, claimant, staged };
}

/** What an operator should know who has started a member under the name of another; undefined when it is free. */
export function describeNameTaken(document: RingDocument, { id, name }: MemberInfo): string | undefined {
  const known = memberOf(document, id);
  const namesake = memberNamed(document, name);
  if (known === undefined || namesake === undefined || namesake.id === id) return undefined;
  return `another member is called ${name}: this node stays ${known.name} in the ring; start it with a --name of its own`;
}

/** A name that another member bears is not taken over: the document keeps the old one. */
function updateInfo(document: RingDocument, info: MemberInfo): RingDocument {
  const namesake = memberNamed(document, info.name);
  const known = memberOf(document, info.id);
  if (known === undefined) return document;
  const name = namesake === undefined || namesake.id === info.id ? info.name : known.name;
  return withMemberInfo(document, { ...info, name });
}
