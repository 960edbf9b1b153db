/**
 * Values that a node holds for requests that are not answered yet: those that reads have been given, and those that writes spread.
 *
 * Clients are slowed down by it rather than refused. Who sends many requests and waits for none of them fills
 * the lanes to the other nodes faster than they empty, and a lane that is full takes no frame: a burst of large values
 * would fail although every node is well. So a door that has a choice begins no more while these are crowded.
 */
import type { LimitUse } from '@rkv/core';
import { ByteBudget } from './byte-budget.ts';

/**
 * Bytes of copies in open reads from which on clients that wait for answers are not read: some sixty values of one
 * megabyte under way keep every lane busy, and copying as many takes a node some ten milliseconds.
 */
const READ_BYTES_CROWDED = 64 * 1024 * 1024;
/** A read that would hold more is refused. Four times the above: what was under way when it was reached may yet come in. */
const READ_BYTES_MAX = 256 * 1024 * 1024;
/** The same of values being written: half of a lane, of which the other half is for copies that nobody waits for any more. */
const WRITE_BYTES_CROWDED = 8 * 1024 * 1024;

export class ValuesUnderWay {
  /** Copies in open reads. */
  readonly reads = new ByteBudget('read_bytes', READ_BYTES_MAX);
  /** Values in open writes, each counted once, bytes. */
  writeBytes = 0;

  /** So much that no more should be begun before some of it has ended. */
  get crowded(): boolean {
    return this.writeBytes > WRITE_BYTES_CROWDED || this.reads.bytes > READ_BYTES_CROWDED;
  }

  limits(): readonly LimitUse[] {
    return [this.reads.limit, { limit: 'write_bytes', used: this.writeBytes, max: WRITE_BYTES_CROWDED }];
  }
}
