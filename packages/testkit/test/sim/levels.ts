/**
 * Levels: now and then a client asks for others than usual, by dice of its own. What its answer promises then:
 *
 *     w, pw, dw     when it is acknowledged a write lies on as many partitions as the largest of them says, w where it says
 *                   nothing; pw of these are primaries, at the nodes that own them; with dw all of these have flushed it
 *     one copy      is all that a write has which asks for no more. A lost disk may take it along, and a read of two may miss
 *                   it until the copies were compared. So it is there in the end, unless a disk was lost, and not settled before
 *     r, pr         a read of one promises only a value that somebody wrote; one of more finds what is settled
 *     notfoundOk    a read of one that takes no "not found" while another may hold something finds at peace that there is
 *                   something, where that is settled
 *
 * Not judged: that a read of pr and a write of pw meet before the write is settled.
 */
import type { Prng } from '@rkv/core';
import type { RequestOptions } from '@rkv/store';
import { N, W } from './copies.ts';

export type WriteLevels = Pick<RequestOptions, 'w' | 'pw' | 'dw'>;
export type ReadLevels = Pick<RequestOptions, 'r' | 'pr' | 'notfoundOk'>;

/** What an acknowledged write was promised. */
export interface Promised {
  readonly copies: number;
  /** Of these. */
  readonly primaries: number;
  readonly isFlushed: boolean;
}

/** When a read must find what is settled. `at peace`: something, and not that there is nothing. */
export type Certainty = 'always' | 'at peace' | 'never';

/** Where nobody asks for anything else. */
export const USUAL: Promised = { copies: W, primaries: 0, isFlushed: false };

const SHARE = 0.15;

export function drawWriteLevels(dice: Prng): WriteLevels | undefined {
  if (!dice.chance(SHARE)) return undefined;
  return {
    ...(dice.chance(0.5) && { w: dice.between(1, N) }),
    ...(dice.chance(0.5) && { pw: dice.between(1, N) }),
    ...(dice.chance(0.3) && { dw: dice.between(1, N) }),
  };
}

export function drawReadLevels(dice: Prng): ReadLevels | undefined {
  if (!dice.chance(SHARE)) return undefined;
  return {
    ...(dice.chance(0.6) && { r: dice.between(1, N) }),
    ...(dice.chance(0.3) && { pr: dice.between(1, N) }),
    ...(dice.chance(0.3) && { notfoundOk: false }),
  };
}

/** Of a write that depends on what it reads. */
export function drawChangeLevels(dice: Prng): (WriteLevels & ReadLevels) | undefined {
  const writes = drawWriteLevels(dice);
  if (writes === undefined) return undefined;
  return {
    ...writes,
    ...(dice.chance(0.5) && { r: dice.between(1, N) }),
    ...(dice.chance(0.3) && { pr: dice.between(1, N) }),
  };
}

export function promisedBy({ w = W, pw = 0, dw = 0 }: WriteLevels): Promised {
  return { copies: Math.max(w, pw, dw), primaries: pw, isFlushed: dw > 0 };
}

export function certaintyOf({ r = W, pr = 0, notfoundOk = true }: ReadLevels): Certainty {
  if (Math.max(r, pr) >= W) return 'always';
  return notfoundOk ? 'never' : 'at peace';
}
