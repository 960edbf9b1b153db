/**
 * Clients of the simulated cluster: they write, delete and read a few keys through any node, and keep to themselves
 * what they did and were told.
 *
 * A few keys are hot, and now and then two clients write one of them in the same instant through different nodes.
 * Others are written once and then left alone until the end, so that no later write and no read repairs what went
 * wrong. Some values expire. Some requests ask for other levels than usual (levels.ts). A few keys are written whenever a
 * certain node begins to serve: the first that it does with its clock. Half of the keys are never deleted: one of them that
 * is not found is a loss. Every request has a deadline by its coordinator's own clock and must be answered by then,
 * whatever the answer is.
 */
import { latin1Decode, latin1Encode, stampHex, type Prng } from '@rkv/core';
import { VERSION_AT, type QuorumStore } from '@rkv/store';
import type { World } from '@rkv/testkit';
import { expectAnswer } from './answers.ts';
import { placementOf } from './copies.ts';
import type { Acknowledged, Found, History } from './history.ts';
import {
  certaintyOf,
  drawReadLevels,
  drawWriteLevels,
  promisedBy,
  type ReadLevels,
  type WriteLevels,
} from './levels.ts';
import { LOOK_EVERY_MS } from './peace-watch.ts';
import type { SimNode } from './rkv-cluster.ts';

export interface ClientsInit {
  readonly world: World;
  readonly history: History;
  readonly untilMs: number;
  /** Times as long as usual between two requests. */
  readonly pace: number;
  /** Nodes that may be asked now. */
  doors(): readonly SimNode[];
  /** The stretch of peace that lasts now, or 0. */
  peace(): number;
  /** What most clocks of the cluster show; undefined: they have just been set. */
  clusterTime(): number | undefined;
  /** Whether this node's answers are about the cluster. */
  isIn(citizen: SimNode): boolean;
  onAcknowledged(write: Acknowledged): void;
  report(problem: string): void;
}

const CLIENTS = 3;
export const KEYS = 40;
const HOT_KEYS = 4;
/** Keys that are written whenever a certain node begins to serve. */
const STARTERS = 3;
/** A node that begins has not heard of the others yet, and refuses. */
const STARTER_TRIES = 20;
const STARTER_GAP_MS = 10;
/** How long values live that expire. */
const LIVES_MS = [500, 15_000] as const;

interface WriteOptions {
  readonly isDelete?: boolean;
  /** After which it expires; 0: never. */
  readonly lifeMs?: number;
  readonly levels?: WriteLevels | undefined;
  readonly onFailure?: () => void;
}

export class Clients {
  readonly #init: ClientsInit;
  readonly #levels: Prng;
  #values = 0;
  #keys = 0;

  constructor(init: ClientsInit) {
    this.#init = init;
    this.#levels = init.world.prng('levels');
    for (let i = 0; i < CLIENTS; i++) this.#begin(init.world.prng(`client ${i}`));
  }

  /** Whoever waited for this node writes at once, and to keys that nobody else writes. */
  doorOpens(citizen: SimNode): void {
    for (let i = 0; i < STARTERS; i++)
      this.#writeStart(citizen, `start of ${citizen.machine} ${i}`, STARTER_TRIES);
  }

  #writeStart(citizen: SimNode, key: string, triesLeft: number): void {
    if (this.#init.world.now() > this.#init.untilMs) return;
    const onFailure = (): void => {
      if (triesLeft > 1)
        citizen.host.setTimer(STARTER_GAP_MS, () => this.#writeStart(citizen, key, triesLeft - 1));
    };
    this.#write(citizen, key, { onFailure });
  }

  #begin(dice: Prng): void {
    const { world, untilMs, pace } = this.#init;
    const step = (): void => {
      if (world.now() > untilMs) return;
      world.schedule(dice.between(5, 120) * pace, step, 'client');
      this.#act(dice);
    };
    world.schedule(dice.between(100, 300), step, 'client');
  }

  #act(dice: Prng): void {
    const doors = this.#init.doors();
    if (doors.length === 0) return;
    if (dice.chance(0.15)) {
      const lifeMs = dice.chance(0.4) ? dice.between(...LIVES_MS) : 0;
      const key = `${lifeMs === 0 ? 'once' : 'brief'} ${++this.#keys}`;
      const levels = drawWriteLevels(this.#levels);
      return this.#send(dice.pick(doors), (citizen) => this.#write(citizen, key, { lifeMs, levels }));
    }
    const number = dice.chance(0.5) ? dice.below(HOT_KEYS) : dice.below(KEYS);
    const deletes = isDeleted(number);
    const key = keyOfNumber(number);
    if (dice.chance(0.4)) {
      const levels = drawReadLevels(this.#levels);
      return this.#send(dice.pick(doors), (citizen) => this.#read(citizen, key, levels));
    }
    for (let times = dice.chance(0.2) ? 2 : 1; times > 0; times--) {
      const isDelete = deletes && dice.chance(0.3);
      const lifeMs = deletes && !isDelete && dice.chance(0.2) ? dice.between(...LIVES_MS) : 0;
      const levels = drawWriteLevels(this.#levels);
      this.#send(dice.pick(doors), (citizen) => this.#write(citizen, key, { isDelete, lifeMs, levels }));
    }
  }

  /** What is asked of a process that stands still reaches it when that goes on; of one that has died, never. */
  #send(citizen: SimNode, ask: (citizen: SimNode) => void): void {
    citizen.host.setTimer(0, () => ask(citizen));
  }

  #write(citizen: SimNode, key: string, options: WriteOptions): void {
    const { isDelete = false, lifeMs = 0, levels, onFailure = () => {} } = options;
    const { kv, node } = citizen;
    if (kv === undefined) return;
    const { history, world, onAcknowledged, report } = this.#init;
    const placement = (): string => placementOf(key, node.document);
    const value = isDelete ? undefined : `value ${++this.#values}`;
    const peace = this.#init.isIn(citizen) ? this.#init.peace() : 0;
    const untilMs = lifeMs === 0 ? 0 : kv.now() + lifeMs;
    const write = history.begin({
      key,
      value,
      untilMs,
      isAlone: node.document.members.length === 1,
      through: node.id,
      begunAt: world.now(),
      epoch: node.document.epoch,
      peace,
      placement: placement(),
      promised: levels && promisedBy(levels),
    });
    const answered = expectAnswer(citizen, `${value ?? 'a delete'} of ${key}`, report);
    const sink: Parameters<QuorumStore['put']>[3] = {
      onWritten: (_existed, entry) => {
        answered();
        const outcome = { version: stampHex(entry, VERSION_AT), placement: placement() };
        const problem = history.acknowledged(write, outcome, world.now());
        if (problem !== undefined) report(problem);
        onAcknowledged(write);
      },
      onFailure: ({ definite }) => {
        answered();
        const problem = history.failed(write, definite, world.now());
        if (problem !== undefined) report(problem);
        onFailure();
      },
    };
    if (value === undefined) kv.delete(key, levels, sink);
    else kv.put(key, latin1Encode(value), { ...levels, untilMs }, sink);
  }

  #read(citizen: SimNode, key: string, levels: ReadLevels | undefined): void {
    const { kv } = citizen;
    if (kv === undefined) return;
    const settled = this.#init.isIn(citizen) ? this.#init.history.settledOf(key) : undefined;
    const answered = expectAnswer(citizen, `a read of ${key}`, this.#init.report);
    const { isIn, peace, clusterTime, history, world } = this.#init;
    const certainty = certaintyOf(levels ?? {});
    const stretch = isIn(citizen) ? peace() : 0;
    const from = clusterTime();
    const judge = (found: Found): void => {
      answered();
      // Who knows what the clocks of those show that are away.
      const to = clusterTime();
      const isKnown = stretch !== 0 && stretch === peace() && from !== undefined && to !== undefined;
      const time = isKnown ? { from, to } : undefined;
      const isMissing = found.value === undefined;
      const isSure = certainty === 'always' || (certainty === 'at peace' && isMissing && isKnown);
      const problem = history.problemOf(key, found, isSure ? settled : undefined, time);
      if (problem === undefined) return;
      const report = (): void => this.#init.report(`read through ${citizen.machine}: ${problem}`);
      if (certainty === 'always' || !isMissing) return report();
      // Whether there was peace is known when it is looked at next.
      world.schedule(2 * LOOK_EVERY_MS, () => stretch === peace() && report(), 'client');
    };
    kv.get(key, levels, {
      onValue: (bytes, start, end) =>
        judge({ version: stampHex(bytes, VERSION_AT), value: latin1Decode(bytes, start, end) }),
      onMissing: () => judge({ version: undefined, value: undefined }),
      onFailure: answered,
    });
  }
}

/** Half of the keys are never deleted. */
function isDeleted(number: number): boolean {
  return number % 2 === 0;
}

/** Of those that are written again and again. */
export function keyOfNumber(number: number): string {
  return `${isDeleted(number) ? 'key' : 'kept'} ${number}`;
}
