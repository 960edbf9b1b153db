/**
 * The toll: what faults have really done, counted by kind.
 *
 * A fault that is planned may meet nobody: a crash of a process that is down, a lossy link over which nothing was
 * sent. A campaign adds up the tolls of its seeds, and a kind that never came shows as a zero.
 */
export const MISHAPS = [
  // One frame. Of a transport that keeps its contract come the first three, the others on lossy links only.
  'frame held up by a cut',
  'frame lost with its connection',
  'frame of a sender that is dead',
  'frame dropped',
  'frame duplicated',
  'frame reordered',
  'frame of a connection that is over',
  // The network.
  'cut both ways',
  'cut one way',
  'link slow',
  'link lossy',
  'packet swallowed by a cut',
  'dial timed out',
  'connection reset',
  'connection given up',
  // Processes and their machines.
  'crash',
  'crash while saving',
  'power cut',
  'pause',
  'happening held by a pause',
  // Disks.
  'write slow',
  'write refused, disk full',
  'write failed, disk failing',
  'write failed, disk flaky',
  'batch lost in a crash',
  'batch lost in a power cut',
  'save cut short',
  'store wiped',
  'disk wiped',
  // Rings.
  'ring forced',
  'node stranded',
  'stranded disk emptied',
  // Clocks.
  'clock skewed',
  'clock jumped forward',
  'clock jumped back',
  'clock rewound',
  'clock fast',
  'clock slow',
] as const;

/** What may have happened, by name. */
export type Mishap = (typeof MISHAPS)[number];

export class Toll {
  readonly #counts = new Map<Mishap, number>();

  count(mishap: Mishap, by = 1): void {
    if (by > 0) this.#counts.set(mishap, this.of(mishap) + by);
  }

  of(mishap: Mishap): number {
    return this.#counts.get(mishap) ?? 0;
  }

  /** Every kind, in the order of `MISHAPS`, those that never came with 0. */
  all(): Record<Mishap, number> {
    return Object.fromEntries(MISHAPS.map((mishap) => [mishap, this.of(mishap)])) as Record<Mishap, number>;
  }
}
