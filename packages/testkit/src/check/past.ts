/**
 * What made the states of one register, and whether a state that was found is past: something later was acknowledged.
 *
 * Later is the higher stamp, where both are known; else what began after the other had ended.
 */

/** A write, a delete: it leaves a state behind, whatever was there before. */
export interface Change {
  /** Null: nothing. */
  readonly state: string | null;
  readonly begin: number;
  /** Infinity: its outcome is unknown, so it may take effect at any time. */
  readonly end: number;
  readonly isAcknowledged: boolean;
  readonly version?: string | undefined;
  /** Who took it. */
  readonly by: string;
}

/** A state that somebody found. */
export interface Found {
  readonly state: string | null;
  readonly version?: string | undefined;
  readonly begin: number;
  readonly end: number;
}

export interface Judgement {
  /** What may have made the state; none: nobody wrote it. */
  readonly origins: readonly Origin[];
  /** An acknowledged change that makes all of these past, the latest one; undefined: one of them may stand. */
  readonly instead: Change | undefined;
}

type Origin = Pick<Change, 'begin' | 'end' | 'version'>;

/** Nothing was there before the first write. */
const BEGINNING: Origin = { begin: -Infinity, end: -Infinity };

export function judge(found: Found, changes: readonly Change[]): Judgement {
  const origins = originsOf(found, changes);
  return { origins, instead: origins.length === 0 ? undefined : laterThanAll(origins, found, changes) };
}

function originsOf({ state, version, end }: Found, changes: readonly Change[]): readonly Origin[] {
  const makers = changes.filter((change) => change.state === state && change.begin < end);
  const named = makers.filter((change) => version !== undefined && change.version === version);
  if (named.length > 0) return named;
  return state === null ? [BEGINNING, ...makers] : makers;
}

function laterThanAll(
  origins: readonly Origin[],
  found: Found,
  changes: readonly Change[],
): Change | undefined {
  let latest: Change | undefined;
  for (const change of changes) {
    if (!change.isAcknowledged || change.end > found.begin) continue;
    if (!isLaterThanFound(change, found, origins)) continue;
    if (latest === undefined || change.begin > latest.begin) latest = change;
  }
  return latest;
}

function isLaterThanFound(change: Change, { version }: Found, origins: readonly Origin[]): boolean {
  if (change.version !== undefined && version !== undefined) return change.version > version;
  return origins.every((origin) =>
    change.version !== undefined && origin.version !== undefined
      ? change.version > origin.version
      : change.begin > origin.end,
  );
}
