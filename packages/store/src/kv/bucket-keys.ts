/**
 * Whether keys exist that a change of the buckets would give other properties: asked of every copy, not of a quorum.
 *
 * A quorum's word is not enough here. Of a deleted key one copy may still hold the value, and once the key has five
 * copies where it had three, a quorum may be made of that one and of two that never heard of it. So every copy of
 * every range must answer, those too that the keys are to have, and no value may be left anywhere.
 *
 * It walks through all keys: there is no index by prefix.
 */
import type { Coordinator } from './coordinator.ts';
import { POSITION_END } from './key-space.ts';
import { askPages, latestItems, reachOf, type Outcome } from './scan.ts';

/** How many keys of a prefix there are. */
export interface FoundKeys {
  /** Keys that exist. */
  readonly live: number;
  /** Keys that do not, of which some copy holds a value all the same. */
  readonly stale: number;
}

const PAGE_KEYS = 1_000;
/** Records of a page where more keys than usual share one position. */
const PAGE_KEYS_MAX = 0xffff;

/** `copies`: the largest n that any key has now or is to have. */
export function findKeys(
  coordinator: Coordinator,
  { copies, isMeant }: { readonly copies: number; readonly isMeant: (key: string) => boolean },
  done: (outcome: Outcome<FoundKeys>) => void,
): void {
  let live = 0;
  let stale = 0;
  const goOn = (position: number, limit: number): void => {
    if (position >= POSITION_END) return done({ kind: 'ok', live, stale });
    askPages(coordinator, { position, limit, n: copies, needed: copies }, (outcome) => {
      if (outcome.kind === 'failed') return done(outcome);
      const { pages, end } = outcome;
      const reach = reachOf(pages, end);
      const latest = latestItems(pages, position, reach).filter(({ key }) => isMeant(key));
      const alive = new Set(latest.filter((item) => item.live).map(({ key }) => key));
      const held = new Set(
        pages.flatMap(({ items }) => items.filter((item) => item.live)).map(({ key }) => key),
      );
      live += alive.size;
      for (const { key } of latest) if (!alive.has(key) && held.has(key)) stale++;
      const nextLimit = reach === position ? Math.min(limit * 2, PAGE_KEYS_MAX) : PAGE_KEYS;
      coordinator.host.defer(() => goOn(reach, nextLimit));
    });
  };
  goOn(0, PAGE_KEYS);
}
