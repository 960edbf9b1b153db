/**
 * Alarms of open requests, for as long as they are open: a wheel of circles.
 *
 * An alarm lies in the circle of the ten milliseconds in which it is due. Who does not need it any more takes it out, in
 * one step wherever it lies; so there are never more of them than requests, whatever time those were given. What is due
 * later than the wheel goes round lies in the circle that is furthest away, and is put in anew when its turn comes.
 *
 * Holds: an alarm rings once, when the wheel is first looked at after it was due.
 * Not promised: the order in which those ring that one look finds due.
 *
 * Source: Varghese and Lauck, Hashed and hierarchical timing wheels (SOSP 1987), scheme 4.
 */

/** How many milliseconds share a circle, and how often the wheel is to be looked at. Fine enough for time-outs of requests. */
export const ALARM_GRAIN_MS = 10;
/** Circles, a power of two: 2.5 s, longer than most requests wait. One that waits a minute is put in anew 24 times. */
const CIRCLES = 256;

/** One that may be set, again and again; also the head of a circle. */
export class Alarm {
  /** Where it lies; itself when it is not set. */
  before: Alarm = this;
  after: Alarm = this;
  dueMs = 0;
  /** Whose it is. */
  id = 0;

  get isSet(): boolean {
    return this.after !== this;
  }
}

export class AlarmWheel {
  readonly #circles: readonly Alarm[] = Array.from({ length: CIRCLES }, () => new Alarm());
  /** Grains since the clock's beginning when the wheel was last looked at. */
  #turned = 0;
  /** Alarms that are set. */
  size = 0;

  /** Ring at `dueMs`, and not when it was to ring before. */
  set(alarm: Alarm, dueMs: number): void {
    if (alarm.isSet) this.clear(alarm);
    alarm.dueMs = dueMs;
    this.size++;
    this.#put(alarm);
  }

  /** Take out one that is set. */
  clear(alarm: Alarm): void {
    this.size--;
    unlink(alarm);
  }

  /** Take out each alarm that is due and call `ring` with it, which may set and clear any. */
  turn(nowMs: number, ring: (alarm: Alarm) => void): void {
    const from = this.#turned;
    const to = Math.floor(nowMs / ALARM_GRAIN_MS);
    // Set first: what is put in meanwhile belongs behind it.
    this.#turned = to;
    const last = Math.min(to, from + CIRCLES - 1);
    for (let at = from; at <= last && this.size > 0; at++) {
      const circle = this.#circleAt(at);
      if (circle.isSet) this.#empty(circle, nowMs, ring);
    }
  }

  #empty(circle: Alarm, nowMs: number, ring: (alarm: Alarm) => void): void {
    // Its alarms move to a head of their own, since some of them go back to where they were.
    const head = new Alarm();
    moveAll(circle, head);
    while (head.isSet) {
      const alarm = head.after;
      unlink(alarm);
      if (alarm.dueMs > nowMs) this.#put(alarm);
      else {
        this.size--;
        ring(alarm);
      }
    }
  }

  #put(alarm: Alarm): void {
    const at = Math.floor(alarm.dueMs / ALARM_GRAIN_MS);
    const head = this.#circleAt(Math.min(Math.max(at, this.#turned), this.#turned + CIRCLES - 1));
    const last = head.before;
    alarm.before = last;
    alarm.after = head;
    last.after = alarm;
    head.before = alarm;
  }

  #circleAt(grain: number): Alarm {
    return this.#circles[grain % CIRCLES] as Alarm;
  }
}

function unlink(alarm: Alarm): void {
  alarm.before.after = alarm.after;
  alarm.after.before = alarm.before;
  alarm.before = alarm;
  alarm.after = alarm;
}

/** From a circle that is not empty to one that is. */
function moveAll(from: Alarm, to: Alarm): void {
  to.after = from.after;
  to.before = from.before;
  to.after.before = to;
  to.before.after = to;
  from.before = from;
  from.after = from;
}
