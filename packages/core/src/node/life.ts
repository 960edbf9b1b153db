/**
 * Proof that a node's store still holds what was acknowledged from it.
 *
 * Each life of a node leaves a record: under which boot of the machine it ran, how durable its acknowledgements were,
 * and, once it has closed its store in good order, that it ended clean. The next life reads it. Writes acknowledged
 * from the page cache survive a killed process but not a machine that went dark; then nothing looks lost, and a vnode
 * that claimed to hold everything would be one of a majority that does not. So without proof its vnodes start partial.
 *
 * Source: rules 3.
 */
import { jsonDecode, jsonEncode } from '../base/bytes.ts';

export interface LifeRecord {
  readonly bootId: string;
  readonly durability: 'process' | 'power';
  /** The store that it acknowledged from; undefined in records of earlier versions. */
  readonly storeId?: string | undefined;
  /** The store was flushed and closed. */
  readonly clean: boolean;
  /**
   * The store was intact when this life began, or every vnode has since been durably marked partial. Until then what
   * was not proven then is not proven by the next life's looking at this one either.
   */
  readonly proven: boolean;
}

/** A life of which nothing can be known: it counts as one that ended badly under another boot. */
const UNKNOWN: LifeRecord = { bootId: '', durability: 'process', clean: false, proven: false };

/**
 * The life before this one, or undefined when there was none. With its newest record damaged an older one says nothing:
 * it may well tell of a life that ended clean.
 */
export function recallLife(newest: Uint8Array | undefined, damaged: boolean): LifeRecord | undefined {
  if (damaged) return UNKNOWN;
  return newest && decodeLife(newest);
}

/** Whether the store is what the life before left: true also when there was none. */
export function isProvenIntact(previous: LifeRecord | undefined, bootId: string): boolean {
  if (previous === undefined) return true;
  if (!previous.proven) return false;
  return previous.clean || previous.durability === 'power' || previous.bootId === bootId;
}

export function encodeLife(record: LifeRecord): Uint8Array {
  return jsonEncode(record);
}

/** A record that makes no sense proves nothing. */
export function decodeLife(bytes: Uint8Array): LifeRecord {
  const raw = jsonDecode(bytes) as Partial<LifeRecord> | null;
  return {
    bootId: typeof raw?.bootId === 'string' ? raw.bootId : UNKNOWN.bootId,
    durability: raw?.durability === 'power' ? 'power' : 'process',
    ...(typeof raw?.storeId === 'string' && { storeId: raw.storeId }),
    clean: raw?.clean === true,
    proven: raw?.proven === true,
  };
}
