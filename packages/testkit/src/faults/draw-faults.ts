/**
 * A schedule of faults drawn from a seed.
 *
 * Swarm testing: each seed leaves out whole kinds of faults, because a mixture of everything hides what only a
 * few kinds together bring out; and one seed in ten has no faults, so that liveness without them is seen too.
 *
 * Some cuts come as a swizzle: one node after the other loses everybody else, and they come back in another order.
 *
 * Source: Groce et al., "Swarm Testing" (ISSTA 2012); FoundationDB's "swizzle-clogging"; the ranges are Jepsen's and
 * TigerBeetle's.
 */
import type { Prng, StableName } from '@rkv/core';
import type { Breakage, Fault, FaultKind } from './fault.ts';

/**
 * What a correct cluster must survive without breaking a promise, whatever else happens. Not among them: `lossyLink`,
 * which is harsher than a transport may be, the losses of a disk, which are survived one at a time only, and
 * `forcedCut`, in which somebody gives up what the others may do.
 */
export const FAULT_KINDS: readonly FaultKind[] = [
  'cut',
  'cutOneWay',
  'reset',
  'slowLink',
  'crash',
  'crashSaving',
  'powerCut',
  'pause',
  'slowDisk',
  'fullDisk',
  'failingDisk',
  'flakyDisk',
  'clockJump',
  'clockRewind',
  'clockDrift',
];

/** Where and when faults may fall, virtual milliseconds. */
export interface FaultPlan {
  readonly nodes: readonly string[];
  /** No fault begins before. */
  readonly fromMs: number;
  /** Every fault is healed by then. */
  readonly untilMs: number;
  /** What the seed chooses from. Default: `FAULT_KINDS`. */
  readonly kinds?: readonly FaultKind[];
  /** The mean time from the beginning of one fault to that of the next. Default 4000. */
  readonly gapMs?: number;
  /** The chance that there are no faults at all. Default 0.1. */
  readonly calmShare?: number;
}

/** Short and long ones are equally likely: each step is twice the one before. */
const DURATIONS_MS = [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600];

/** What nodes save while they run. */
const SAVED: readonly StableName[] = ['ring', 'agreement', 'prospect', 'plan', 'life'];

/** Of all cuts. */
const SWIZZLE_SHARE = 0.2;

const HOUR_MS = 3_600_000;

export function drawFaults(prng: Prng, plan: FaultPlan): Fault[] {
  const { nodes, fromMs, untilMs, kinds = FAULT_KINDS, gapMs = 4000, calmShare = 0.1 } = plan;
  const enabled = swarm(prng, kinds);
  if (prng.chance(calmShare) || enabled.length === 0) return [];
  const faults: Fault[] = [];
  for (let at = fromMs; at < untilMs; at += prng.between(1, 2 * gapMs)) {
    const lasts = prng.between(1, prng.pick(DURATIONS_MS));
    const kind = prng.pick(enabled);
    if (kind === 'cut' && nodes.length > 1 && prng.chance(SWIZZLE_SHARE)) {
      faults.push(...drawSwizzle(prng, nodes, at, Math.min(untilMs, at + lasts)));
      continue;
    }
    const breakage = drawBreakage(prng, kind, nodes);
    if (breakage !== undefined) faults.push({ at, until: Math.min(untilMs, at + lasts), ...breakage });
  }
  return faults;
}

/** Some nodes are cut off one by one in the first half of the time, and let back one by one in the second. */
function drawSwizzle(prng: Prng, nodes: readonly string[], from: number, until: number): Fault[] {
  const middle = (from + until) >>> 1;
  const some = prng.shuffled(nodes).slice(0, prng.between(1, nodes.length));
  return some.map((node) => ({
    at: prng.between(from, middle),
    until: prng.between(middle + 1, until),
    kind: 'cut' as const,
    sides: [[node], nodes.filter((other) => other !== node)] as const,
  }));
}

/** About half of the kinds, at least one if there is any. */
export function swarm<Kind>(prng: Prng, kinds: readonly Kind[]): Kind[] {
  const shuffled = prng.shuffled(kinds);
  return shuffled.slice(0, 1 + prng.below(shuffled.length));
}

/** Undefined when there are too few nodes for this kind. */
function drawBreakage(prng: Prng, kind: FaultKind, nodes: readonly string[]): Breakage | undefined {
  const node = prng.pick(nodes);
  switch (kind) {
    case 'cut':
    case 'forcedCut':
    case 'cutOneWay':
    case 'reset':
    case 'slowLink':
    case 'lossyLink':
      return nodes.length < 2 ? undefined : drawLinkBreakage(prng, kind, nodes);
    case 'slowDisk':
      return { kind, node, factor: prng.pick([3, 10, 100, 1000]) };
    case 'crashSaving':
      return { kind, node, document: prng.pick(SAVED) };
    case 'clockJump':
      return { kind, node, byMs: drawJumpMs(prng) };
    case 'clockDrift':
      return { kind, node, rate: prng.pick([0.5, 0.9, 0.99, 1.01, 1.1, 2]) };
    default:
      return { kind, node };
  }
}

type LinkFaultKind = 'cut' | 'forcedCut' | 'cutOneWay' | 'reset' | 'slowLink' | 'lossyLink';

function drawLinkBreakage(prng: Prng, kind: LinkFaultKind, nodes: readonly string[]): Breakage {
  const sides = drawSides(prng, nodes);
  switch (kind) {
    case 'slowLink':
      return {
        kind,
        sides,
        delayMs: prng.pick([1, 10, 50, 200, 1000, 5000]),
        jitterMs: prng.pick([0, 10, 100]),
      };
    case 'lossyLink':
      return { kind, sides, lossy: drawLossiness(prng) };
    default:
      return { kind, sides };
  }
}

/** All nodes in two halves of any size, or any one against any other. */
function drawSides(prng: Prng, nodes: readonly string[]): readonly [readonly string[], readonly string[]] {
  const shuffled = prng.shuffled(nodes);
  if (prng.chance(0.3)) return [shuffled.slice(0, 1), shuffled.slice(1, 2)];
  const at = prng.between(1, shuffled.length - 1);
  return [shuffled.slice(0, at), shuffled.slice(at)];
}

function drawLossiness(prng: Prng): { drop: number; duplicate: number; reorder: number } {
  return { drop: prng.below(31) / 100, duplicate: prng.below(51) / 100, reorder: prng.below(51) / 100 };
}

/** Jepsen's bumps: 11 ms to 288 s either way, 1.5 times as much a step; and now and then the wrong time zone. */
function drawJumpMs(prng: Prng): number {
  if (prng.chance(1 / 16)) return prng.chance(0.5) ? HOUR_MS : -HOUR_MS;
  let jumpMs = 1;
  for (let steps = prng.between(6, 31); steps > 0; steps--) jumpMs *= 1.5;
  return Math.round(prng.chance(0.5) ? jumpMs : -jumpMs);
}
