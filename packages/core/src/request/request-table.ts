/**
 * Open requests by number, and their alarms.
 *
 * A number is a slot and the generation of its use, so that a reply to a request that has long ended finds
 * nobody. A slot is used again at once, since it is still in the processor's caches; but the few that a node needs go
 * through their generations within the time that a reply can be late, and one that has gone through them rests. (It
 * does not matter who may still answer its last use: some use of it may be unanswered.) And each life of a node mixes
 * its own secret into the numbers, because replies to the life before may still be on their way. Either would hand one
 * key's answer to another.
 *
 * Alarms are coarse and cheap (alarm-wheel.ts): one timer for all of them, and one that is not needed any more costs
 * nothing until it was due.
 */
import { assert } from '../base/assert.ts';
import type { Host, Timer } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { LimitUse } from '../contracts/limit.ts';
import { Alarm, ALARM_GRAIN_MS, AlarmWheel } from './alarm-wheel.ts';
import type { ReplicaRequest, RequestId } from './port.ts';

const SLOT_BITS = 20;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATIONS = 1 << (32 - SLOT_BITS);
/**
 * Requests open at once before no more should be begun. A request lasts a second at most unless its asker says
 * otherwise, so a node whose every request times out gets here at 131,072 a second, more than one thread can serve; it is 128
 * clients that are owed as much as they may be. Far below the number of slots, for requests that begin anew meanwhile.
 */
export const OPEN_REQUESTS_MAX = 1 << 17;
/** How long a slot rests between two rounds of its generations, ms: longer than a connection stands that says nothing. */
const REST_MS = 60_000;

interface Slot {
  request: ReplicaRequest<unknown> | undefined;
  generation: number;
  /** Set or not. */
  readonly alarm: Alarm;
  /** While it rests: the slot that has its turn after this one, and until when. */
  next: number;
  restsUntil: number;
  /** Node that each replica of this request was last asked at, undefined once it answered. Three are usual. */
  readonly waiting: (NodeId | undefined)[];
}

export class RequestTable {
  readonly #host: Host;
  readonly #slots: Slot[] = [];
  /** Slots at rest, those longest at rest first. */
  #oldest = 0;
  #newest = 0;
  #resting = 0;
  /** Slots to be used next, the one used last first. */
  readonly #idle: number[] = [];
  readonly #secret: number;
  readonly #wheel = new AlarmWheel();
  #timer: Timer | undefined;
  /** Requests open now. */
  open = 0;
  #refused = 0;

  constructor(host: Host) {
    this.#host = host;
    // With the highest bit of a slot set, no number is zero before half a million are open.
    this.#secret = host.random() | (1 << (SLOT_BITS - 1));
  }

  get limit(): LimitUse {
    return { limit: 'open_requests', used: this.open, max: OPEN_REQUESTS_MAX, reached: this.#refused };
  }

  /** So many are open that no more should be begun. Asked once for each that would be: each yes counts as one refused. */
  get full(): boolean {
    if (this.open < OPEN_REQUESTS_MAX) return false;
    this.#refused++;
    return true;
  }

  add(request: ReplicaRequest<never>): RequestId {
    const at = this.#idle.pop() ?? this.#maybeRested() ?? this.#newSlot();
    const slot = this.#slots[at] as Slot;
    slot.request = request as ReplicaRequest<unknown>;
    this.open++;
    return (((slot.generation << SLOT_BITS) | at) ^ this.#secret) >>> 0;
  }

  remove(id: RequestId): void {
    const slot = this.#slot(id);
    if (slot === undefined) return;
    slot.request = undefined;
    slot.generation++;
    if (slot.alarm.isSet) this.#wheel.clear(slot.alarm);
    this.open--;
    forget(slot.waiting);
    const at = (id ^ this.#secret) & SLOT_MASK;
    if (slot.generation === GENERATIONS) this.#rest(at, slot);
    else this.#idle.push(at);
  }

  find(id: RequestId): ReplicaRequest<unknown> | undefined {
    return this.#slot(id)?.request;
  }

  /** Note that this replica of the request is asked at a node. */
  expect(id: RequestId, at: number, node: NodeId): void {
    const slot = this.#slot(id);
    if (slot !== undefined) slot.waiting[at] = node;
  }

  /**
   * The request that waits for this answer of this node, or undefined: it has ended, or the node was not asked
   * or has answered before. An answer is taken once.
   */
  take(id: RequestId, at: number, node: NodeId): ReplicaRequest<unknown> | undefined {
    const slot = this.#slot(id);
    if (slot === undefined || slot.waiting[at] !== node) return undefined;
    slot.waiting[at] = undefined;
    return slot.request;
  }

  /** Fail whatever waits for this node: its connection broke. */
  failNode(node: NodeId): void {
    for (let index = 0; index < this.#slots.length; index++) {
      const slot = this.#slots[index] as Slot;
      const generation = slot.generation;
      for (let at = 0; at < slot.waiting.length; at++) {
        if (slot.waiting[at] !== node) continue;
        slot.waiting[at] = undefined;
        slot.request?.onFailed(at, true);
        if (slot.generation !== generation) break;
      }
    }
  }

  /** Tell every open request that the ring or the set of live nodes has changed. */
  ringChanged(): void {
    const now = this.#slots
      .filter((slot) => slot.request !== undefined)
      .map((slot) => ({ slot, generation: slot.generation }));
    for (const { slot, generation } of now) if (slot.generation === generation) slot.request?.onRingChanged();
  }

  alarm(id: RequestId, delayMs: number): void {
    const slot = this.#slot(id);
    if (slot === undefined) return;
    slot.alarm.id = id;
    this.#wheel.set(slot.alarm, this.#host.monotonic() + delayMs);
    this.#timer ??= this.#host.setTimer(ALARM_GRAIN_MS, () => this.#ring());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #ring(): void {
    this.#timer = undefined;
    this.#wheel.turn(this.#host.monotonic(), ({ id }) => this.#slot(id)?.request?.onAlarm());
    if (this.#wheel.size > 0) this.#timer ??= this.#host.setTimer(ALARM_GRAIN_MS, () => this.#ring());
  }

  #newSlot(): number {
    const at = this.#slots.length;
    assert(at <= SLOT_MASK, 'whoever begins a request asks first whether there is room');
    this.#slots.push({
      request: undefined,
      generation: 1,
      alarm: new Alarm(),
      next: 0,
      restsUntil: 0,
      waiting: [undefined, undefined, undefined],
    });
    return at;
  }

  /** The slot that has rested longest, when that was long enough. */
  #maybeRested(): number | undefined {
    if (this.#resting === 0) return undefined;
    const at = this.#oldest;
    const slot = this.#slots[at] as Slot;
    if (this.#host.monotonic() < slot.restsUntil) return undefined;
    this.#oldest = slot.next;
    this.#resting--;
    return at;
  }

  #rest(at: number, slot: Slot): void {
    slot.generation = 1;
    slot.restsUntil = this.#host.monotonic() + REST_MS;
    if (this.#resting === 0) this.#oldest = at;
    else (this.#slots[this.#newest] as Slot).next = at;
    this.#newest = at;
    this.#resting++;
  }

  #slot(id: RequestId): Slot | undefined {
    const plain = id ^ this.#secret;
    const slot = this.#slots[plain & SLOT_MASK];
    return slot !== undefined && slot.request !== undefined && slot.generation === plain >>> SLOT_BITS
      ? slot
      : undefined;
  }
}

/** Nobody is waited for any more. */
function forget(waiting: (NodeId | undefined)[]): void {
  // Not by its length: the array would lose its memory and be given new one for the next request.
  for (let replica = 0; replica < waiting.length; replica++) waiting[replica] = undefined;
}
