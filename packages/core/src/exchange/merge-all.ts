/** Items that came from another copy, merged in: how many changed something, and how many could not be stored. */
import type { ComparableVnode } from './port.ts';

/** `asOf`: the reap floor when they were read there, or asked for here. `done` once, when all of them are durable or given up. */
export function mergeAll(
  vnode: ComparableVnode,
  items: readonly Uint8Array[],
  asOf: Uint8Array,
  done: (changed: number, failed: number) => void,
): void {
  let [open, changed, failed] = [items.length, 0, 0];
  if (open === 0) return done(0, 0);
  for (const item of items)
    vnode.merge(item, asOf, (merged) => {
      if (merged === 'changed') changed++;
      if (merged === 'failed') failed++;
      if (--open === 0) done(changed, failed);
    });
}
