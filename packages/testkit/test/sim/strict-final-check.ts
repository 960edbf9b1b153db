/**
 * What must be true of strict keys when all is healed and settled: each can be read, and what it holds goes with all that
 * was told before; what was acknowledged lies on a majority of its primaries.
 */
import { copiesOf, W } from './copies.ts';
import type { Latest } from './latest.ts';
import { citizensOf, type Realm } from './peace.ts';
import type { StrictKeys } from './strict-keys.ts';

/**
 * A vnode that may have forgotten what it promised does not vote for 30 s. Where two of three lie on its machine that is how long
 * a key may be away.
 */
const AWAY_MS_MAX = 40_000;
const TRY_EVERY_MS = 500;

export function checkStrictKeys(realm: Realm, strict: StrictKeys, report: (problem: string) => void): void {
  checkLatest(realm, strict.latest, report);
  readAll(realm, strict, report);
  for (const problem of strict.check()) report(problem);
}

/** What was acknowledged last lies on a majority, unless something later does. */
export function checkLatest(realm: Realm, latest: Latest, report: (problem: string) => void): void {
  for (const key of latest.keys) {
    const problem = problemOfCopies(realm, latest, key);
    if (problem !== undefined) report(problem);
  }
}

function problemOfCopies(realm: Realm, latest: Latest, key: string): string | undefined {
  const needed = latest.neededOf(key);
  const document = citizensOf(realm)[0]?.node.document;
  if (needed === undefined || document === undefined) return undefined;
  const copies = copiesOf(realm, key, document);
  if (copies.some(({ replica }) => realm.lost.has(replica.node))) return undefined;
  if (copies.filter(({ version }) => version >= needed.version).length >= W) return undefined;
  const held = copies.map(({ version }) => version || 'nothing').join(', ');
  return `${key}: a change acknowledged at ${needed.version} is lost; the primaries hold ${held}`;
}

/** Until all have answered, each through a member that is another's turn when it has not. */
function readAll(realm: Realm, strict: StrictKeys, report: (problem: string) => void): void {
  const { world } = realm.cluster;
  const unread = new Set(strict.lastKeys);
  let turn = 0;
  const tryAll = (): void => {
    const citizens = citizensOf(realm);
    for (const key of unread) {
      const citizen = citizens[turn++ % citizens.length];
      if (citizen !== undefined)
        strict.read(citizen, key, (answered) => {
          if (answered) unread.delete(key);
        });
    }
    if (unread.size > 0) world.schedule(TRY_EVERY_MS, tryAll, 'final reads');
  };
  if (unread.size === 0) return;
  world.schedule(0, tryAll, 'final reads');
  if (!world.runUntilHolds(() => unread.size === 0, AWAY_MS_MAX))
    report(`strict keys cannot be read in the end: ${[...unread].join(', ')}`);
}
