/**
 * What one seed draws: machines and how many of them run at first, ring size, durability, how far apart they stand and
 * how wrong their clocks are for good, faults.
 *
 * Of the kinds of faults each seed leaves out some (swarm testing) and each storm some more; one seed in ten has none
 * at all. Power is cut only where acknowledgements wait for the platter (`power`).
 */
import type { Prng } from '@rkv/core';
import {
  drawFaults,
  LOCAL_NETWORK,
  swarm,
  type Fault,
  type FaultKind,
  type LinkProperties,
  type World,
} from '@rkv/testkit';

const MACHINES_MIN = 3;
const MACHINES_MAX = 7;
const MINUTE_MS = 60_000;
/** Virtual milliseconds, of each minute. */
const STORMS = [
  [1_000, 16_000],
  [24_000, 40_000],
] as const;
/** Between and after them the cluster may be at peace for long enough to lose a disk. */
const LULLS = [
  [18_500, 23_000],
  [43_000, 48_000],
] as const;
const HEALED_AT = 40_000;
/** Clients go on for a while after that. */
const CLIENTS_UNTIL = 52_000;
/** One rack, one building, two cities. */
const LINKS: readonly LinkProperties[] = [
  LOCAL_NETWORK,
  LOCAL_NETWORK,
  { ...LOCAL_NETWORK, delayMs: 0.5, jitterMs: 10 },
  { ...LOCAL_NETWORK, delayMs: 10, jitterMs: 20, bytesPerMs: 12_500 },
];
/** Time servers; none, for a while; none, for long - half of the limit up to which clocks follow each other. */
const SKEWS_MS_MAX = [10, 10, 1_000, 30_000];
const CALM_SHARE = 0.1;
/** Seeds in which one clock is an hour off. */
const HOUR_OFF_SHARE = 0.3;
const HOUR_MS = 3_600_000;
/** Of the other seeds, in how many disks are lost between the storms as well. */
const LOSS_SHARE = 0.5;
/**
 * And in how many a minority is told to go on without the others, once a minute, when there are some members already.
 * Virtual milliseconds of that minute.
 */
const FORCED_SHARE = 0.2;
const FORCED_FROM: Span = [18_000, 33_000];
const FORCED_FOR: Span = [5_000, 20_000];
/** A run of many minutes may be busy or quiet: in a quiet one hints drain, sweeps end and trees meet between two faults. */
const PACES = [1, 2, 4];

const KINDS: readonly FaultKind[] = [
  'cut',
  'cutOneWay',
  'reset',
  'slowLink',
  'lossyLink',
  'crash',
  'crashSaving',
  'pause',
  'slowDisk',
  'fullDisk',
  'failingDisk',
  'flakyDisk',
  'clockJump',
  'clockRewind',
  'clockDrift',
  'lostStore',
  'lostDisk',
];

/** With power cuts, which come only where acknowledgements wait for the flush, and cuts that somebody does not wait out. */
export const ALL_KINDS: readonly FaultKind[] = [...KINDS, 'powerCut', 'forcedCut'];

export interface Draw {
  readonly machines: readonly string[];
  readonly atFirst: number;
  readonly ringSize: number;
  readonly durability: 'process' | 'power';
  /** What links are like when nothing is broken. */
  readonly link: LinkProperties;
  /** Wall clocks are off by up to this all the time, also when all is healed. */
  readonly skewMsMax: number;
  /** One machine's wall clock is wrong by an hour, until something sets it right. */
  readonly hourOff: { readonly machine: string; readonly byMs: number } | undefined;
  /** How many times as long as usual clients wait between two requests. */
  readonly pace: number;
  /** In order of time, so that a schedule plays as it is printed. */
  readonly faults: readonly Fault[];
  /** From then on nothing is broken any more, and from then on nobody writes; virtual milliseconds. */
  readonly healedAt: number;
  readonly clientsUntil: number;
}

export interface DrawOptions {
  /** How many minutes like the first there are before the end; one when left out. */
  readonly minutes?: number | undefined;
  /** Play these instead of what the seed draws. */
  readonly faults?: readonly Fault[] | undefined;
  /** Storms of these kinds only, and no seed without any. */
  readonly kinds?: readonly FaultKind[] | undefined;
}

export function drawScenario(world: World, { faults, kinds: given, minutes = 1 }: DrawOptions): Draw {
  const dice = world.prng('scenario');
  const machines = Array.from({ length: dice.between(MACHINES_MIN, MACHINES_MAX) }, (_, i) => `n${i + 1}`);
  const atFirst = dice.between(MACHINES_MIN, machines.length);
  const ringSize = dice.pick([8, 16, 16, 32]);
  const durability = dice.chance(0.5) || given?.includes('powerCut') === true ? 'power' : 'process';
  const kinds = given ?? swarm(dice, durability === 'power' ? [...KINDS, 'powerCut'] : KINDS);
  const gapMs = dice.pick([600, 1_500, 4_000]);
  const calm = dice.chance(CALM_SHARE) && given === undefined;
  const storm = ([fromMs, untilMs]: readonly [number, number]): Fault[] =>
    drawFaults(world.prng(`faults from ${fromMs}`), {
      nodes: machines,
      fromMs,
      untilMs,
      kinds,
      gapMs,
      calmShare: 0,
    });
  const loses = dice.chance(LOSS_SHARE);
  const losses = inEach(minutes, LULLS).flatMap((lull) => (loses ? drawLoss(dice, machines, lull) : []));
  const forced = given === undefined ? drawForcedCuts(world.prng('forced cuts'), machines, minutes) : [];
  const before = (minutes - 1) * MINUTE_MS;
  return {
    machines,
    atFirst,
    ringSize,
    durability,
    link: dice.pick(LINKS),
    skewMsMax: dice.pick(SKEWS_MS_MAX),
    hourOff: drawHourOff(world.prng('hour off'), machines),
    pace: minutes === 1 ? 1 : world.prng('pace').pick(PACES),
    faults: (
      faults ?? (calm ? [] : [...inEach(minutes, STORMS).flatMap(storm), ...losses, ...forced])
    ).toSorted((a, b) => a.at - b.at),
    healedAt: before + HEALED_AT,
    clientsUntil: before + CLIENTS_UNTIL,
  };
}

type Span = readonly [fromMs: number, untilMs: number];

function inEach(minutes: number, spans: readonly Span[]): Span[] {
  return Array.from({ length: minutes }, (_, minute) =>
    spans.map(([from, until]): Span => [from + minute * MINUTE_MS, until + minute * MINUTE_MS]),
  ).flat();
}

function drawHourOff(dice: Prng, machines: readonly string[]): Draw['hourOff'] {
  if (!dice.chance(HOUR_OFF_SHARE)) return undefined;
  return { machine: dice.pick(machines), byMs: dice.chance(0.5) ? HOUR_MS : -HOUR_MS };
}

/** By dice of its own, so that a seed without any is what it was before there were such cuts. */
function drawForcedCuts(dice: Prng, machines: readonly string[], minutes: number): Fault[] {
  if (!dice.chance(FORCED_SHARE)) return [];
  return inEach(minutes, [FORCED_FROM]).map(([fromMs, untilMs]) => {
    const at = dice.between(fromMs, untilMs);
    const shuffled = dice.shuffled(machines);
    const few = dice.between(1, machines.length >> 1);
    const sides = [shuffled.slice(0, few), shuffled.slice(few)] as const;
    return { at, until: at + dice.between(...FORCED_FOR), kind: 'forcedCut', sides };
  });
}

/** A disk that is lost when it may be: between storms, mostly its store only. */
function drawLoss(
  dice: Prng,
  machines: readonly string[],
  [fromMs, untilMs]: readonly [number, number],
): Fault[] {
  const at = dice.between(fromMs, untilMs);
  const kind = dice.chance(0.6) ? 'lostStore' : 'lostDisk';
  return [{ at, until: at + dice.between(1, 3_000), kind, node: dice.pick(machines) }];
}
