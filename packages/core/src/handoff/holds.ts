/**
 * Why transfers that are owed do not run, since when, and when each is tried again.
 *
 * One that failed is tried again after a second, then after two, four, eight and ever after ten; when it gets anywhere
 * it begins with a second again. One that is held for another cause is tried as soon as the cause is gone.
 */

/** Reasons that the manager gives. */
export const ALL_THERE = 'all items are there; waiting for the ring to switch';
export const CANCELLED = 'cancelled by an operator';

export interface Hold {
  readonly reason: string;
  readonly since: number;
  /** Undefined: when the cause is gone. */
  readonly retryAt: number | undefined;
}

export const RETRY_FIRST_MS = 1_000;
export const RETRY_MAX_MS = 10_000;

export class Holds {
  readonly #holds = new Map<string, Hold>();
  /** Failures in a row. */
  readonly #failures = new Map<string, number>();

  get(key: string): Hold | undefined {
    return this.#holds.get(key);
  }

  /** Until its cause is gone, or until `retryAt`. The same cause again is the same hold. */
  hold(key: string, reason: string, now: number, retryAt?: number): void {
    const held = this.#holds.get(key);
    const since = held?.reason === reason ? held.since : now;
    this.#holds.set(key, { reason, since, retryAt });
  }

  fail(key: string, reason: string, now: number): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.hold(key, reason, now, now + Math.min(RETRY_FIRST_MS * 2 ** (failures - 1), RETRY_MAX_MS));
  }

  /** It gets somewhere: whatever held it is over. */
  progress(key: string): void {
    this.#failures.delete(key);
    this.#holds.delete(key);
  }

  /** Whether it must not be tried yet. */
  isWaiting(key: string, now: number): boolean {
    const retryAt = this.#holds.get(key)?.retryAt;
    return retryAt !== undefined && retryAt > now;
  }

  /** Those held for such a reason may be tried at once. */
  releaseIf(isReason: (reason: string) => boolean): void {
    for (const [key, { reason }] of this.#holds) if (isReason(reason)) this.#holds.delete(key);
  }

  /** Under another ring everything is tried at once. */
  clear(): void {
    this.#holds.clear();
    this.#failures.clear();
  }

  /** Forget all but those that are still owed. */
  keepOnly(owed: { has(key: string): boolean }): void {
    for (const key of this.#holds.keys()) if (!owed.has(key)) this.#holds.delete(key);
    for (const key of this.#failures.keys()) if (!owed.has(key)) this.#failures.delete(key);
  }
}

/** The reason as people read it, with the time left. */
export function describeHold({ reason, retryAt }: Hold, now: number): string {
  if (retryAt === undefined) return reason;
  const leftMs = retryAt - now;
  return leftMs <= 0
    ? `${reason}, tried again at once`
    : `${reason}, next try in ${Math.ceil(leftMs / 1_000)} s`;
}
