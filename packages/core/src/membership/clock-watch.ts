/**
 * Names members whose wall clocks are wrong, once when that is certain and once when it is over.
 *
 * Nobody is refused for a clock: keys expire by the median of all, and stamps follow a clock only so far. But on an eventual key
 * the higher stamp wins, and whoever writes by a clock that is ahead wins over those who write after him. Only an operator can
 * set that right. A heartbeat that was long on its way looks like a clock that is behind, so one that is off for a while counts.
 *
 * Source: rules 7.
 */
import { describeTime } from '../base/quantities.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';

/** Further from the cluster's time than this, ms, a clock is wrong; nearer than half of it, right again. */
export const CLOCK_OFF_MS = 1_000;
/** For so long before it is named, ms. */
const CERTAIN_AFTER_MS = 10_000;

/** A member, and how far its clock is ahead of the cluster's time, ms; undefined: it is not up, and nothing is known. */
export interface ClockSeen {
  readonly id: NodeId;
  readonly name: string;
  readonly offsetMs: number | undefined;
}

export class ClockWatch {
  readonly #logger: Logger;
  /** Since when a clock is off, by the monotonic clock. */
  readonly #offSince = new Map<NodeId, number>();
  readonly #named = new Set<NodeId>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** All members, from time to time. */
  look(members: readonly ClockSeen[], now: number): void {
    const ids = new Set(members.map(({ id }) => id));
    for (const id of this.#offSince.keys()) if (!ids.has(id)) this.#forget(id);
    // Of two the lower counts, whichever is right.
    const whose = members.length === 2 ? 'the other' : 'that of the cluster';
    for (const member of members) this.#lookAt(member, whose, now);
  }

  #lookAt({ id, name, offsetMs }: ClockSeen, whose: string, now: number): void {
    if (offsetMs === undefined) return this.#forget(id);
    const isOff = Math.abs(offsetMs) > CLOCK_OFF_MS / (this.#named.has(id) ? 2 : 1);
    if (!isOff) {
      if (this.#named.has(id))
        this.#logger.info({ member: name, offsetMs }, `the clock of ${name} is right again`);
      return this.#forget(id);
    }
    const since = this.#offSince.get(id) ?? now;
    this.#offSince.set(id, since);
    if (now - since < CERTAIN_AFTER_MS || this.#named.has(id)) return;
    this.#named.add(id);
    const way = offsetMs > 0 ? 'ahead of' : 'behind';
    this.#logger.warn(
      { member: name, offsetMs },
      `the clock of ${name} is ${describeTime(Math.abs(offsetMs))} ${way} ${whose}`,
    );
  }

  #forget(id: NodeId): void {
    this.#offSince.delete(id);
    this.#named.delete(id);
  }
}
