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

export class Past {
  /** The latest begin comes last. */
  readonly #changes: readonly Change[];
  readonly #byState = new Map<string | null, Change[]>();
  readonly #hasVersions: boolean;

  constructor(changes: readonly Change[]) {
    this.#changes = changes.toSorted((a, b) => a.begin - b.begin);
    this.#hasVersions = changes.some(({ version }) => version !== undefined);
    for (const change of changes) {
      const same = this.#byState.get(change.state);
      if (same === undefined) this.#byState.set(change.state, [change]);
      else same.push(change);
    }
  }

  judge(found: Found): Judgement {
    const origins = this.#originsOf(found);
    return { origins, instead: origins.length === 0 ? undefined : this.#laterThanAll(origins, found) };
  }

  #originsOf({ state, version, end }: Found): readonly Origin[] {
    const makers = (this.#byState.get(state) ?? []).filter(({ begin }) => begin < end);
    const named = makers.filter((change) => version !== undefined && change.version === version);
    if (named.length > 0) return named;
    return state === null ? [BEGINNING, ...makers] : makers;
  }

  #laterThanAll(origins: readonly Origin[], found: Found): Change | undefined {
    const newest = Math.max(...origins.map(({ end }) => end));
    for (let at = this.#beginsBefore(found.begin) - 1; at >= 0; at--) {
      const change = this.#changes[at] as Change;
      // Without stamps nothing that began earlier than this can be later than what was found.
      if (!this.#hasVersions && change.begin <= newest) return undefined;
      const isInTime = change.isAcknowledged && change.end <= found.begin;
      if (isInTime && isLaterThanFound(change, found, origins)) return change;
    }
    return undefined;
  }

  /** How many changes began before this moment. */
  #beginsBefore(moment: number): number {
    let [low, high] = [0, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle] as Change).begin < moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isLaterThanFound(change: Change, { version }: Found, origins: readonly Origin[]): boolean {
  if (change.version !== undefined && version !== undefined) return change.version > version;
  return origins.every((origin) =>
    change.version !== undefined && origin.version !== undefined
      ? change.version > origin.version
      : change.begin > origin.end,
  );
}
