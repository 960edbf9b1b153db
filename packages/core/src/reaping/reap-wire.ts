/** What members say to each other about the reap floor, and what each keeps of it: small JSON, stamps as hex. */
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import { STAMP_BYTES, stampHex } from '../base/hybrid-clock.ts';
import type { Epoch } from '../contracts/ids.ts';

/**
 * survey   how do you stand?                     bar      take no write at or below this stamp any more
 * clean    is there anything of others with you? compare  are all your pairs alike, as of later than this was asked first?
 * flush    is all that durable?                  floor    tombstones at or below this stamp may go
 */
export type ReapStep = 'survey' | 'bar' | 'clean' | 'compare' | 'flush' | 'floor';

export const REAP_STEPS: readonly ReapStep[] = ['survey', 'bar', 'clean', 'compare', 'flush', 'floor'];

export interface ReapQuestion {
  readonly step: ReapStep;
  readonly clusterId: string;
  /** Of the asker's ring. But for `survey` and `floor` it is answered under that ring only. */
  readonly epoch: Epoch;
  /** Thirty-two hex digits: which floor it is about. */
  readonly stamp: string;
}

export interface ReapAnswer {
  /** Another one whenever the node may have lost something: since it started, or its store has failed. */
  readonly life: string;
  readonly done: boolean;
  /** Why it is not. */
  readonly reason?: string;
  /** Whether the node knows the cluster's bar and floor; else it only says what it has. */
  readonly known: boolean;
  readonly bar: string;
  readonly floor: string;
  /** How much it has that could go. */
  readonly tombstones: number;
}

/** What a node never forgets of it. */
export interface FloorRecord {
  readonly clusterId: string;
  readonly bar: string;
  readonly floor: string;
}

export function encodeFloorRecord(record: FloorRecord): Uint8Array {
  return jsonEncode(record);
}

/** Undefined: it makes no sense, and is to be learned anew. */
export function decodeFloorRecord(bytes: Uint8Array): FloorRecord | undefined {
  try {
    const { clusterId, bar, floor } = jsonDecode(bytes) as FloorRecord;
    return typeof clusterId === 'string' && isStampHex(bar) && isStampHex(floor)
      ? { clusterId, bar, floor }
      : undefined;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

export function isStampHex(text: unknown): boolean {
  return typeof text === 'string' && /^[0-9a-f]{32}$/.test(text);
}

export function stampFromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: STAMP_BYTES }, (_, at) => parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

export const NO_STAMP: string = stampHex(new Uint8Array(STAMP_BYTES));
