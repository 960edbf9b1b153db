/**
 * Going in good order: a node that is about to end says so, serves on until nobody asks any more, and then refuses.
 *
 * In the heartbeat with which it says so it runs no service: others stand in for it from then on and ask it no more. What
 * they had asked before is answered, and so is what was on its way meanwhile. When no command has come from another node
 * for a while, no request of this node is open and no vnode owes an answer, it is over; or when the time for it is.
 *
 * Not promised: that others have heard. One that has not is refused with `stopping` at the end, and asks elsewhere.
 */
import type { Host } from '../contracts/host.ts';

export interface FarewellParts {
  readonly host: Host;
  /** Tell the others. */
  announce(): void;
  /** Commands that have come from other nodes so far. */
  heard(): number;
  /** Answers that this node waits for, and those that it owes. */
  open(): number;
  /** Take no more commands of other nodes. */
  refuse(): void;
}

const LOOK_EVERY_MS = 25;
/** A lane that is not broken carries a heartbeat there, and what was sent before it came back, in less than this. */
const QUIET_MS = 200;
/** Requests end within a second unless their askers said otherwise. */
const FAREWELL_MS_MAX = 5_000;

/** `done` is called once, later. */
export function sayFarewell(parts: FarewellParts, done: () => void): void {
  const { host } = parts;
  const endsAt = host.monotonic() + FAREWELL_MS_MAX;
  let heard = parts.heard();
  let quietSince = host.monotonic();
  const look = (): void => {
    const now = host.monotonic();
    if (parts.heard() !== heard || parts.open() > 0) quietSince = now;
    heard = parts.heard();
    if (now - quietSince < QUIET_MS && now < endsAt) return wait();
    parts.refuse();
    done();
  };
  const wait = (): void => void host.setTimer(LOOK_EVERY_MS, look);
  parts.announce();
  wait();
}
