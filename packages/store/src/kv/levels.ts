/** What is done with the levels that a request asks for: picked, refused where they cannot be had, brought to another node. */
import type { ByteReader, ByteWriter } from '@rkv/core';
import type { Failure, RequestLevels, RequestOptions } from './api.ts';

/** In the order in which they stand on the wire. */
const LEVELS = ['r', 'w', 'pr', 'pw', 'dw'] as const satisfies readonly (keyof RequestLevels)[];
const READ_LEVELS = ['r', 'pr'] as const;
const WRITE_LEVELS = ['w', 'pw', 'dw'] as const;

/** Those that are asked for; undefined: none. */
export function levelsOf(options: RequestOptions = {}): RequestLevels | undefined {
  const asked = LEVELS.filter((level) => options[level] !== undefined);
  return asked.length === 0 ? undefined : Object.fromEntries(asked.map((level) => [level, options[level]]));
}

/** Why these cannot be had of a key with n replicas, whoever is up; undefined: they can. */
export function levelFailure(
  verb: 'read' | 'write',
  levels: RequestLevels | undefined,
  n: number,
): Failure | undefined {
  if (levels === undefined) return undefined;
  for (const level of verb === 'read' ? READ_LEVELS : WRITE_LEVELS) {
    const needed = levels[level] ?? 0;
    if (needed <= n) continue;
    const message = `this ${verb} asks for ${level}=${needed}, and n=${n} for this key: there are no more replicas; nothing was done`;
    return { code: 'bad_request', message, needed, got: 0, from: [], definite: true };
  }
  return undefined;
}

/** A byte each; 0: not asked for. */
export function writeLevels(levels: RequestLevels, out: ByteWriter): void {
  for (const level of LEVELS) out.u8(levels[level] ?? 0);
}

export function readLevels(input: ByteReader): RequestLevels {
  const levels: { [level in (typeof LEVELS)[number]]?: number } = {};
  for (const level of LEVELS) {
    const count = input.u8();
    if (count > 0) levels[level] = count;
  }
  return levels;
}
