/**
 * Rounds that raise the reap floor: begun by one member, the acting claimant, and answered by every one.
 *
 *   survey    is there anything to gain?
 *   bar       all members take no write stamped at or below F any more, and have that on record; no vnode of theirs goes on writing
 *             under a stamp drawn earlier, as a flush does
 *   clean     nobody holds a hint, a foreign copy or a partial vnode, nothing is on its way, and still no vnode writes so
 *   compare   each pair of copies was found alike, or made so, since all were clean: what any of them held up to F all hold
 *   flush     and no power cut takes it back; nor has a repair that began meanwhile an older item in hand
 *   floor     F holds: tombstones at or below it may go
 *
 * A step begins when every member has said yes to the one before. All of it happens under one ring and in one life of each
 * member; whoever is not heard, or answers under another ring or in another life, ends the round. That does no harm: a bar
 * without a floor only has old stamps given anew. Nor do two rounds at one time, for each proves by itself what it says.
 *
 * No round is begun in a ring that was ever forced: nodes that a forced ring has left in no ring still hold what they had, and
 * may be let in again when a tombstone that overrules it is gone. Nobody can be asked what they hold.
 *
 * Who has been let in and not entered yet takes no part: it holds nothing of this cluster, and hears of bar and floor before
 * it takes anything over.
 *
 * Source: rules 10; decision 0014 says why this is enough.
 */
import { compareStamps, putStampMs, STAMP_BYTES, stampHex } from '../base/hybrid-clock.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { eraOf } from '../ring/era.ts';
import type { ReapingPort } from './port.ts';
import type { ReapMember } from './reap-member.ts';
import { NO_STAMP, REAP_STEPS, type ReapAnswer, type ReapStep } from './reap-wire.ts';

/** From the end of a round to the next. A round costs every member six small questions and two small saves. */
const ROUND_MS = 10_000;
/** A round that takes longer is given up: somebody has a transfer to wait for. */
const ROUND_MS_MAX = 60_000;
/**
 * How far the floor stays behind the lowest clock. Who stamps below it, with a slow clock or a write that was long under
 * way, is told so and stamps anew; a tombstone lies there so much longer.
 */
const BEHIND_MS = 5_000;

interface Round {
  readonly epoch: Epoch;
  readonly clusterId: string;
  readonly members: readonly NodeId[];
  readonly stamp: string;
  readonly begunAt: number;
  readonly lives: Map<NodeId, string>;
  step: ReapStep;
  /** Have said yes to the present step. */
  readonly agreed: Set<NodeId>;
  readonly asked: Set<NodeId>;
  tombstones: number;
}

export class ReapRounds {
  readonly #port: ReapingPort;
  readonly #member: ReapMember;
  #round: Round | undefined;
  #nextAt = 0;
  /** Why the last round came to nothing; undefined: it did not, or there was none. */
  #obstacle: string | undefined;

  constructor(port: ReapingPort, member: ReapMember) {
    this.#port = port;
    this.#member = member;
  }

  /** The node has a newer ring. */
  adopt(): void {
    if (this.#round !== undefined) this.#end('the ring has changed');
  }

  /** Once a second. */
  tick(now: number): void {
    if (this.#round === undefined) this.#maybeBegin(now);
    else if (now - this.#round.begunAt > ROUND_MS_MAX) this.#end(this.#obstacle ?? 'it took too long');
    else this.#askOn(this.#round);
  }

  #maybeBegin(now: number): void {
    const { document, self, isUp, leads, lowestClock } = this.#port;
    if (now < this.#nextAt || !leads() || !this.#member.known) return;
    if (document.pending.length > 0 || document.resize !== undefined || eraOf(document.epoch) > 0) return;
    const lowest = lowestClock();
    const members = document.members.filter(({ status }) => status !== 'joining').map(({ id }) => id);
    if (lowest === undefined || !members.every((id) => id === self || isUp(id))) return;
    const stamp = new Uint8Array(STAMP_BYTES);
    putStampMs(stamp, 0, Math.max(0, lowest - BEHIND_MS));
    if (compareStamps(stamp, 0, this.#member.floor, 0) <= 0) return;
    const { epoch, clusterId } = document;
    const round: Round = {
      epoch,
      clusterId,
      members,
      stamp: stampHex(stamp),
      begunAt: now,
      lives: new Map(),
      step: 'survey',
      agreed: new Set(),
      asked: new Set(),
      tombstones: 0,
    };
    this.#round = round;
    this.#askOn(round);
  }

  /** Everybody who has not agreed to the present step. */
  #askOn(round: Round): void {
    const { step, epoch, clusterId, stamp } = round;
    for (const id of round.members) {
      if (this.#round !== round || round.step !== step) return;
      if (round.agreed.has(id) || round.asked.has(id)) continue;
      round.asked.add(id);
      this.#port.ask(
        id,
        { step, clusterId, epoch, stamp: step === 'survey' ? NO_STAMP : stamp },
        (answer) => {
          if (this.#round === round && round.step === step) this.#heard(round, id, answer);
        },
      );
    }
  }

  #heard(round: Round, id: NodeId, answer: ReapAnswer | undefined): void {
    round.asked.delete(id);
    if (answer === undefined) return this.#end('a member does not answer');
    if ((round.lives.get(id) ?? answer.life) !== answer.life)
      return this.#end('a member has started anew, or its store has failed');
    round.lives.set(id, answer.life);
    this.#obstacle = answer.reason;
    // It is asked again with the next tick.
    if (!answer.done) return;
    round.agreed.add(id);
    if (round.step === 'survey') round.tombstones += answer.tombstones;
    if (round.agreed.size === round.members.length) this.#goOn(round);
  }

  #goOn(round: Round): void {
    if (round.step === 'survey' && round.tombstones === 0) return this.#end(undefined);
    const next = REAP_STEPS[REAP_STEPS.indexOf(round.step) + 1];
    if (next === undefined) return this.#end(undefined);
    round.step = next;
    round.agreed.clear();
    round.asked.clear();
    this.#askOn(round);
  }

  #end(obstacle: string | undefined): void {
    this.#round = undefined;
    this.#nextAt = this.#port.host.monotonic() + ROUND_MS;
    this.#obstacle = obstacle;
  }
}
