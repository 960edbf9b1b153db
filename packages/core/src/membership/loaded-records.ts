/**
 * What a node finds of its former lives, and whether it may go on from there.
 *
 * A record that is a version old is a lie in the making: a ring that was left, a promise that was given since. Which
 * lies do harm differs from record to record:
 *
 *     ring        an older one is caught up with by gossip; none at all would be another ring under the same id
 *     agreement   a forgotten promise lets two documents be chosen: no vote until the others have told it
 *     prospect    an older one follows by gossip; forgotten, the node must ask to be let in again
 *     plan        an older one is of another document, hence void: it may also be missing
 *
 * Of which epoch the forgotten promise was is known from the ring, which is saved first. With both damaged it is not,
 * and then the node does not start.
 *
 * Source: rules 2; decision 0006.
 */
import { WireError } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { StableName, StableStore } from '../contracts/stable-store.ts';
import type { AgreedDocument } from '../ring/document.ts';
import { amnesicRecord, decodeAcceptorRecord, type AcceptorRecord } from './acceptor.ts';
import { decodeProspect } from './candidacy.ts';
import { decodePlan, type Plan } from './plan.ts';
import { readDocument } from './wire-document.ts';

/** What the stable store held at start, each document if there was one. */
export interface LoadedRecords {
  readonly ring?: Uint8Array | undefined;
  readonly agreement?: Uint8Array | undefined;
  readonly prospect?: Uint8Array | undefined;
  readonly plan?: Uint8Array | undefined;
  /** Names whose newest version could not be read: what stands here is older, or missing. */
  readonly damaged?: ReadonlySet<StableName> | undefined;
}

const NAMES = ['ring', 'agreement', 'prospect', 'plan'] as const;

export function loadRecords(stable: StableStore): LoadedRecords {
  return {
    ring: stable.load('ring'),
    agreement: stable.load('agreement'),
    prospect: stable.load('prospect'),
    plan: stable.load('plan'),
    damaged: new Set(NAMES.filter((name) => stable.isDamaged?.(name) === true)),
  };
}

/** The node must not start on these records. The message is a sentence for the operator. */
export class RecordsDamaged extends Error {
  readonly code = 'records_damaged';
}

/** A record is whole and says what this version does not know. The message is a sentence for the operator. */
export class RecordsUnknown extends Error {
  readonly code = 'records_unknown';
}

/** All of it decoded. */
export interface Recollections {
  /** Undefined: this node has no ring yet. */
  readonly ring: AgreedDocument | undefined;
  /** There was a newer ring, and it is damaged. */
  readonly isRingOlder: boolean;
  readonly acceptor: AcceptorRecord | undefined;
  /** The ring of another cluster that this node has asked to join. */
  readonly prospect: AgreedDocument | undefined;
  readonly plan: Plan | undefined;
  /** What the operator should know, one sentence each. */
  readonly concerns: readonly string[];
}

const REMEDY =
  'put the missing files back into the data directory, or start with an empty one, as a new node under another name';

/** Throws `RecordsDamaged`, or `RecordsUnknown` for a record that is whole and makes no sense to this version. */
export function recollect(self: NodeId, records: LoadedRecords): Recollections {
  const isDamaged = (name: StableName): boolean => records.damaged?.has(name) === true;
  if (records.ring === undefined) return newborn(records, isDamaged);
  const ring = known('ring', records.ring, readDocument);
  const concerns: string[] = [];
  let acceptor = records.agreement && known('agreement', records.agreement, decodeAcceptorRecord);
  if (isDamaged('agreement')) {
    if (isDamaged('ring') || isAhead(acceptor, ring))
      throw new RecordsDamaged(
        'what this node promised to the other members is damaged, and its newest ring is not there to tell when that ' +
          `was; two rings could be agreed upon for one epoch. ${sentence(REMEDY)}`,
      );
    acceptor = amnesicRecord({ self, current: ring, record: acceptor }) ?? acceptor;
    if (acceptor?.amnesic === true)
      concerns.push(
        'what this node promised to the other members is damaged: it has no vote on the next ring until they have told it',
      );
  }
  if (isDamaged('ring')) concerns.push('the newest ring is damaged: this node begins with an older one');
  if (isDamaged('prospect'))
    concerns.push('which cluster this node asked to join last is damaged: look whether it must ask again');
  return {
    ring,
    isRingOlder: isDamaged('ring'),
    acceptor,
    prospect: otherThan(ring, records.prospect && known('prospect', records.prospect, decodeProspect)),
    plan: planIn(records.plan),
    concerns,
  };
}

function known<Decoded>(
  name: StableName,
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => Decoded,
): Decoded {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new RecordsUnknown(
      `the ${name} of this node makes no sense to this version of rkv (${error.message}): start the one that wrote it`,
    );
  }
}

/** A ring is saved before anything that rests on it. */
function newborn(records: LoadedRecords, isDamaged: (name: StableName) => boolean): Recollections {
  const left = NAMES.filter((name) => records[name] !== undefined || isDamaged(name));
  if (left.length > 0)
    throw new RecordsDamaged(
      `the ring of this node is ${isDamaged('ring') ? 'damaged' : 'missing'}, and no older one is there. ${sentence(REMEDY)}`,
    );
  const nothing = { ring: undefined, acceptor: undefined, prospect: undefined, plan: undefined };
  return { ...nothing, isRingOlder: false, concerns: [] };
}

/** A prospect that has become the ring since is none. */
function otherThan(ring: AgreedDocument, prospect: AgreedDocument | undefined): AgreedDocument | undefined {
  return prospect?.document.clusterId === ring.document.clusterId ? undefined : prospect;
}

/** The ring is older than what was promised on it: it was put back from somewhere. */
function isAhead(record: AcceptorRecord | undefined, { document }: AgreedDocument): boolean {
  return record?.clusterId === document.clusterId && record.slot > document.epoch + 1;
}

/** A plan that another version wrote is as good as none: the operator makes it anew. */
function planIn(bytes: Uint8Array | undefined): Plan | undefined {
  try {
    return bytes && decodePlan(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
