/**
 * Determinism: a run is a function of its seed.
 *
 * Hidden time, hidden chance, or an order that depends on anything but the seed makes two runs of one seed differ.
 */
import type { World } from '../world/world.ts';

export type Determinism =
  | { readonly kind: 'same'; readonly digest: string; readonly events: number }
  | {
      readonly kind: 'different';
      readonly digests: readonly [string, string];
      readonly events: readonly [number, number];
      /** The last events of both runs, in words. */
      readonly traces: readonly [string, string];
    };

/** `run` builds a world, runs it to its end and returns it. It is called twice. */
export function checkDeterminism(run: () => World): Determinism {
  const first = run();
  const second = run();
  const digests = [first.trace.digest, second.trace.digest] as const;
  const events = [first.trace.count, second.trace.count] as const;
  if (digests[0] === digests[1]) return { kind: 'same', digest: digests[0], events: events[0] };
  return { kind: 'different', digests, events, traces: [first.describeTrace(), second.describeTrace()] };
}
