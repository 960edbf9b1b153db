/**
 * RING.json: a ring written down, for questions that need no cluster. `{ringSize, owners: [name per partition]}`;
 * what `rkv ring --json` and `rkv claim --json` print will do as it is.
 */
import { readFileSync } from 'node:fs';
import { type NodeId, ringSizeProblem } from '@rkv/core';
import * as v from 'valibot';
import { Refusal } from './terminal.ts';

export interface RingFile {
  readonly ringSize: number;
  /** Names stand for ids here: offline there is nothing else. */
  readonly owners: readonly NodeId[];
}

const schema = v.object({
  ringSize: v.optional(v.number()),
  owners: v.array(v.pipe(v.string(), v.nonEmpty())),
});

/** Refuses what is no ring with `bad_ring`. */
export function readRingFile(path: string): RingFile {
  const { owners, ringSize = owners.length } = readFields(path);
  const problem = ringSizeProblem(ringSize);
  if (problem !== undefined) throw new Refusal('bad_ring', `${path}: ${problem}`);
  if (owners.length !== ringSize) {
    throw new Refusal(
      'bad_ring',
      `${path}: ${owners.length} owners do not fit a ring of ${ringSize} partitions`,
    );
  }
  return { ringSize, owners: owners as NodeId[] };
}

function readFields(path: string): v.InferOutput<typeof schema> {
  let raw: unknown;
  try {
    raw = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Refusal('bad_ring', `${path}: ${(error as Error).message}`);
  }
  const parsed = v.safeParse(schema, raw);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Refusal('bad_ring', `${path}: ${v.getDotPath(issue) ?? 'ring'}: ${issue.message}`);
}
