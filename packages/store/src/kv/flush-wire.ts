/**
 * What a node is asked of a flush, and what it tells; and how both look on the wire (commands.ts has the frames around them).
 *
 * ```
 * flush    u8 {clock, run, end}, stamp 16
 * flushed  u8 {idle, running, done, failed}, clock 16, f64 records
 * ```
 */
import { STAMP_BYTES, WireError, type ByteReader, type ByteWriter } from '@rkv/core';

const PHASES = ['clock', 'run', 'end'] as const;
const STATES = ['idle', 'running', 'done', 'failed'] as const;

/** Asked of a node, through any vnode of it. */
export interface FlushCommand {
  readonly kind: 'flush';
  /**
   * clock: nothing is done, only the clock is told. run: all vnodes of the node delete what is stamped below `stamp`; asked again
   * it is told how far that is. end: what comes in later is not of this flush any more.
   */
  readonly phase: (typeof PHASES)[number];
  readonly stamp: Uint8Array;
}

/** What a node says of the phase that it was asked for. */
export interface FlushedReply {
  readonly kind: 'flushed';
  /** failed: the store of the node does not take it. */
  readonly state: (typeof STATES)[number];
  /** Above every stamp that the node has given or taken in. */
  readonly clock: Uint8Array;
  /** Entries that were looked at so far. */
  readonly records: number;
}

export function writeFlush({ phase, stamp }: FlushCommand, out: ByteWriter): void {
  out.u8(PHASES.indexOf(phase));
  out.bytes(stamp, 0, STAMP_BYTES);
}

export function readFlush(input: ByteReader): FlushCommand {
  const phase = PHASES[input.u8()];
  if (phase === undefined) throw new WireError('a flush in no phase');
  return { kind: 'flush', phase, stamp: input.view(STAMP_BYTES).slice() };
}

export function writeFlushed({ state, clock, records }: FlushedReply, out: ByteWriter): void {
  out.u8(STATES.indexOf(state));
  out.bytes(clock, 0, STAMP_BYTES);
  out.f64(records);
}

export function readFlushed(input: ByteReader): FlushedReply {
  const state = STATES[input.u8()];
  if (state === undefined) throw new WireError('a flush in no state');
  const clock = input.view(STAMP_BYTES).slice();
  return { kind: 'flushed', state, clock, records: input.f64() };
}
