/**
 * A vnode's durable record: what it must know of itself after a crash, written before it takes effect.
 *
 * It lies in the node's store beside the vnode's items, so that it commits in order with them. `storeId` proves
 * that the items beside it are the ones it speaks of; `state` tells whether the vnode holds everything that
 * an owner should; `actor` names this vnode's writes where writes accumulate.
 *
 * Source: rules 3; the lesson of riak_kv issue 679 ("a fresh clock after a failed local read").
 */
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import type { Epoch } from '../contracts/ids.ts';
import type { Place, RecordKey, StoreRecord } from '../contracts/store.ts';
import { SPACE_META } from '../contracts/store.ts';

/**
 * owner: the ring says so. receiving: will own it when the transfer is done. hint: stands in, or holds what it
 * held before it joined. retired: gave the partition away, its data is redundant and on its way out.
 */
export type VnodeStanding = 'owner' | 'receiving' | 'hint' | 'retired';

const STANDINGS: readonly unknown[] = ['owner', 'receiving', 'hint', 'retired'] satisfies VnodeStanding[];

export interface VnodeRecord {
  readonly epoch: Epoch;
  readonly role: VnodeStanding;
  /** partial: serves and heals, but its "not found" proves nothing. */
  readonly state: 'whole' | 'partial';
  /** Always empty: the reap floor is the node's (core/reaping). Part of the form since before it was. */
  readonly reapFloor: string;
  readonly storeId: string;
  /** Sixteen hex digits, drawn anew whenever the vnode cannot prove itself whole. */
  readonly actor: string;
  /** Always empty: hash trees are stored with the data and need none (decision 0011). Part of the form since before they were. */
  readonly treeCheckpoint: string;
  /**
   * Its successor has been told that it has everything: until a newer ring says whose the partition is, nothing is
   * answered here that would have to be counted in a majority.
   */
  readonly sealed?: boolean;
  /**
   * What was answered to fenced commands may have been forgotten, so lately that somebody may still count it: it does none
   * until `fencedForMs` are over, in later lives neither.
   */
  readonly forgetful?: boolean;
  /** Somebody asked for it to be repaired, and not all other copies have been merged since. */
  readonly repairAsked?: boolean;
  /** The cluster of whose ring `epoch` is. Missing in records of before: it is the one the node was in then. */
  readonly clusterId?: string;
}

/** The record of a service's vnode: first of its place in hash order. */
export function vnodeRecordKey(service: string): RecordKey {
  return { hashHi: 0, hashLo: 0, key: `${KEY_PREFIX}${service}` };
}

const KEY_PREFIX = 'vnode:';

/** The service whose record lies under this key; undefined: it is no vnode's record. */
export function serviceOfRecord(key: string): string | undefined {
  return key.startsWith(KEY_PREFIX) ? key.slice(KEY_PREFIX.length) : undefined;
}

/** As the store keeps it, beside the vnode's items. */
export function encodeVnodeRecord(service: string, place: Place, record: VnodeRecord): StoreRecord {
  return { ...vnodeRecordKey(service), space: SPACE_META, place, value: jsonEncode(record) };
}

/** Undefined when the bytes make no sense: a disk may have damaged them. */
export function decodeVnodeRecord(bytes: Uint8Array): VnodeRecord | undefined {
  let raw: Partial<VnodeRecord> | null;
  try {
    raw = jsonDecode(bytes) as Partial<VnodeRecord> | null;
  } catch (error) {
    if (error instanceof WireError || error instanceof SyntaxError) return undefined;
    throw error;
  }
  const isRecord =
    STANDINGS.includes(raw?.role) &&
    (raw?.state === 'whole' || raw?.state === 'partial') &&
    typeof raw.epoch === 'number' &&
    typeof raw.storeId === 'string' &&
    typeof raw.actor === 'string';
  return isRecord ? (raw as VnodeRecord) : undefined;
}
