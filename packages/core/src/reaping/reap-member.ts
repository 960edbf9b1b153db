/**
 * One member's part in raising the reap floor: what it has promised, and what it answers when it is asked.
 *
 *   bar     no write stamped at or below it is taken here any more. It holds as soon as it is heard of, and is durable
 *           before that is said
 *   floor   tombstones at or below it may go. It holds once it is durable
 *
 * Both only rise, and belong to one cluster. A node that comes into another one knows neither, until a member that knows
 * them has told it (or all of the others that they know as little). Until then it takes nothing over, and asks all members that
 * are up at every tick: of many that come together most know as little as it does.
 *
 * Source: rules 10, decision 0014. Not here: who asks, and in which order: reap-round.ts.
 */
import { compareStamps, stampHex, ZERO_STAMP } from '../base/hybrid-clock.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { Bounds } from '../contracts/vnode.ts';
import type { ReapingPort } from './port.ts';
import {
  decodeFloorRecord,
  encodeFloorRecord,
  NO_STAMP,
  stampFromHex,
  type ReapAnswer,
  type ReapQuestion,
} from './reap-wire.ts';

/** A member that missed what was said hears of it from another, each in turn. */
const SPREAD_MS = 10_000;

export class ReapMember implements Bounds {
  readonly #port: ReapingPort;
  #clusterId = '';
  #bar: Uint8Array = ZERO_STAMP;
  #floor: Uint8Array = ZERO_STAMP;
  /** The highest that was ever given to be saved: no later record may say less. */
  #floorSaved: Uint8Array = ZERO_STAMP;
  #known = false;
  /** Who has said that it knows no more than we do. */
  readonly #ignorant = new Set<NodeId>();
  #next = 0;
  #spreadAt = 0;
  /** When the comparing for this floor was asked for first, and what had been stored when the flush was. */
  #comparing: { readonly stamp: string; readonly since: number } | undefined;
  #flushing: { readonly stamp: string; readonly mark: number } | undefined;

  /** `record`: what was saved in an earlier life. */
  constructor(port: ReapingPort, record: Uint8Array | undefined) {
    this.#port = port;
    const saved = record && decodeFloorRecord(record);
    if (saved === undefined) return;
    this.#clusterId = saved.clusterId;
    this.#bar = stampFromHex(saved.bar);
    this.#floor = stampFromHex(saved.floor);
    this.#floorSaved = this.#floor;
    this.#known = true;
  }

  get bar(): Uint8Array {
    return this.#bar;
  }

  get floor(): Uint8Array {
    return this.#floor;
  }

  lowestClock(): number | undefined {
    return this.#port.lowestClock();
  }

  /** It may take over what others hold. */
  get known(): boolean {
    return this.#known;
  }

  /** The node has a newer ring, or its first. */
  adopt(): void {
    const { clusterId, members } = this.#port.document;
    this.#ignorant.clear();
    this.#comparing = undefined;
    this.#flushing = undefined;
    if (clusterId !== this.#clusterId) {
      this.#clusterId = clusterId;
      this.#bar = ZERO_STAMP;
      this.#floor = ZERO_STAMP;
      this.#floorSaved = ZERO_STAMP;
      this.#known = false;
    }
    if (!this.#known && members.length === 1) this.#becomeKnown();
    this.#spreadAt = 0;
  }

  tick(now: number): void {
    if (!this.#known) return this.#askAll();
    if (now < this.#spreadAt) return;
    this.#spreadAt = now + SPREAD_MS;
    this.#askNext();
  }

  answer(question: ReapQuestion, tell: (answer: ReapAnswer) => void): void {
    const { clusterId, epoch } = this.#port.document;
    const { step, stamp } = question;
    if (question.clusterId !== clusterId) return tell(this.#say('it is in another cluster'));
    if (step === 'survey') return tell(this.#say());
    if (step === 'floor') return this.learn({ bar: stamp, floor: stamp }, () => tell(this.#say()));
    if (!this.#known) return tell(this.#say('it has just come and does not know the floor yet'));
    if (question.epoch !== epoch) return tell(this.#say(`it has the ring of epoch ${epoch}`));
    switch (step) {
      case 'bar': {
        const why = this.#port.whyBarMustWait();
        if (why !== undefined) return tell(this.#say(why));
        return this.learn({ bar: stamp, floor: NO_STAMP }, () => tell(this.#say()));
      }
      case 'clean':
        return tell(this.#say(this.#port.unclean()));
      case 'compare':
        return tell(this.#say(this.#isCompared(stamp) ? undefined : 'its copies are being compared'));
      case 'flush':
        return tell(this.#say(this.#whyUnflushed(stamp)));
    }
  }

  /** `done` once it is durable, and the floor holds. */
  learn(heard: { readonly bar: string; readonly floor: string }, done: () => void = () => {}): void {
    const floor = higher(this.#floor, stampFromHex(heard.floor));
    const bar = higher(higher(this.#bar, stampFromHex(heard.bar)), floor);
    if (bar === this.#bar && floor === this.#floor) return done();
    this.#bar = bar;
    const clusterId = this.#clusterId;
    this.#save(floor, () => {
      if (clusterId !== this.#clusterId) return;
      this.#floor = higher(this.#floor, floor);
      done();
    });
  }

  get #others(): readonly NodeId[] {
    const { document, self, isUp } = this.#port;
    return document.members.map(({ id }) => id).filter((id) => id !== self && isUp(id));
  }

  #askAll(): void {
    for (const id of this.#others) this.#ask(id);
  }

  #askNext(): void {
    const others = this.#others;
    const id = others[this.#next++ % others.length];
    if (id !== undefined) this.#ask(id);
  }

  #ask(id: NodeId): void {
    const { clusterId, epoch } = this.#port.document;
    this.#port.ask(id, { step: 'survey', clusterId, epoch, stamp: NO_STAMP }, (answer) => {
      if (answer?.done !== true || clusterId !== this.#clusterId) return;
      this.learn(answer);
      if (this.#known) return;
      if (answer.known) return this.#becomeKnown();
      this.#ignorant.add(id);
      const { document, self } = this.#port;
      if (document.members.every((member) => member.id === self || this.#ignorant.has(member.id)))
        this.#becomeKnown();
    });
  }

  #becomeKnown(): void {
    this.#known = true;
    this.#save(this.#floor, () => {});
    this.#port.onKnown();
  }

  /** With this floor, or with a higher one that is on its way to the disk already. */
  #save(floor: Uint8Array, done: () => void): void {
    this.#floorSaved = higher(this.#floorSaved, floor);
    const record = {
      clusterId: this.#clusterId,
      bar: stampHex(this.#bar),
      floor: stampHex(this.#floorSaved),
    };
    this.#port.save(encodeFloorRecord(record), done);
  }

  #isCompared(stamp: string): boolean {
    if (this.#comparing?.stamp !== stamp) {
      this.#comparing = { stamp, since: this.#port.host.monotonic() };
      this.#port.compareSoon();
    }
    return this.#port.comparedSince(this.#comparing.since);
  }

  #whyUnflushed(stamp: string): string | undefined {
    // It may have begun after all were clean, and hold an item that was read before its copy was made alike.
    if (this.#port.isRepairing()) return 'a copy is being repaired';
    if (this.#flushing?.stamp !== stamp) {
      const mark = this.#port.markStored();
      if (mark === undefined) return 'its store takes nothing';
      this.#flushing = { stamp, mark };
    }
    return this.#port.isFlushed(this.#flushing.mark) ? undefined : 'its store is flushing';
  }

  #say(reason?: string): ReapAnswer {
    return {
      life: this.#port.life(),
      done: reason === undefined,
      ...(reason !== undefined && { reason }),
      known: this.#known,
      bar: stampHex(this.#bar),
      floor: stampHex(this.#floor),
      tombstones: this.#port.tombstones(),
    };
  }
}

function higher(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareStamps(a, 0, b, 0) >= 0 ? a : b;
}
