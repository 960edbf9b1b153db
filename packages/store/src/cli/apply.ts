/**
 * `rkv cluster apply FILE`: the members that are wanted, declared in a file; the command goes on until they are so.
 *
 * ```yaml
 * members:
 *   - n1                                  # is a member already
 *   - name: n4
 *     address: 192.0.2.4:8099             # by which it is invited
 *     replaces: n2                        # and takes over what n2 owns; others give and take as claim sees fit
 * ```
 *
 * The node that is asked finds out what to do next (core's membership/wanted.ts) and does it; this command asks again until
 * nothing is left. So it may be run any number of times, and after any crash.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { passesByItself, type WantedMember } from '@rkv/core';
import * as v from 'valibot';
import { parse, YAMLParseError } from 'yaml';
import type { ApplyView } from '../admin/api.ts';
import type { AdminClient } from './admin-client.ts';
import { Refusal, WrongUsage } from './terminal.ts';

const name = v.pipe(v.string(), v.nonEmpty());
const member = v.strictObject({ name, address: v.optional(name), replaces: v.optional(name) });
const wantedFile = v.strictObject({
  members: v.pipe(v.array(v.union([name, member])), v.nonEmpty('at least one member is wanted')),
});

/** Throws `WrongUsage` that names what is wrong with the file. YAML, and so JSON. */
export function readWanted(path: string): WantedMember[] {
  const parsed = v.safeParse(wantedFile, parseYaml(path));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new WrongUsage(`${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
  }
  const wanted = parsed.output.members.map((each) => (typeof each === 'string' ? { name: each } : each));
  const twice = wanted.find((each, at) => wanted.findIndex((other) => other.name === each.name) !== at);
  if (twice !== undefined) throw new WrongUsage(`${path}: ${twice.name} stands there twice`);
  return wanted;
}

function parseYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof YAMLParseError) throw new WrongUsage(`${path}: ${cause.message}`);
    throw new WrongUsage(`${path}: ${(cause as Error).message}`);
  }
}

const PATIENCE_MS = 120_000;
const LOOK_AGAIN_MS = 250;
/** Somebody else changed the ring between two steps, or the steps took longer than the door waits: the next look tells. */
const OVERTAKEN = new Set(['plan_changed', 'pending_changes', 'nothing_planned', 'timeout']);

/** What was done, a sentence each, as it is done; what had to be done again is told once. Throws the Refusal `still_waiting` with the reasons when time is over. */
export async function apply(
  client: AdminClient,
  members: readonly WantedMember[],
  tell: (step: string) => void,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  const told = new Set<string>();
  let reasons: readonly string[] = [];
  while (performance.now() < deadline) {
    const look = await step(client, members);
    if ('refusal' in look) reasons = [look.refusal.message];
    else {
      for (const line of look.steps) if (!told.has(line)) tell(line);
      for (const line of look.steps) told.add(line);
      if (look.done) return;
      reasons = look.waiting;
    }
    await pause(LOOK_AGAIN_MS);
  }
  const after = `the members are not the wanted ones after ${patienceMs / 1000} s:`;
  throw new Refusal('still_waiting', [after, ...reasons.map((reason) => `  ${reason}`)].join('\n'));
}

async function step(
  client: AdminClient,
  members: readonly WantedMember[],
): Promise<ApplyView | { refusal: Refusal }> {
  try {
    return await client.post<ApplyView>('/api/cluster/apply', { body: { members } });
  } catch (error) {
    if (error instanceof Refusal && (passesByItself(error.code) || OVERTAKEN.has(error.code)))
      return { refusal: error };
    throw error;
  }
}
