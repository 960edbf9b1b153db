/**
 * Clients that write eventual keys on a condition, and count: if nothing is there, if something is, if it is just this.
 *
 * Promised of that is what is promised of a write, and beyond it little: changes of a key are run one after the other at the
 * first of its nodes that is up, and are exact while all agree who that is (docs/limits.md). So at peace, and only then:
 *
 *     a condition     was met, or not, by what was there, unless others wrote to the key at that time (history.ts)
 *     a claim         of several who write a new key if nothing is there, at one time, exactly one does
 *     a count         no two increments reach the same number, and a later one reaches a higher
 *
 * Conditions are asked for at levels of their own now and then (levels.ts). Claims and counts are not: what is exact of them
 * rests on reads and writes that meet.
 */
import { latin1Decode, latin1Encode, stampHex, type Prng } from '@rkv/core';
import type { Change } from '@rkv/store';
import { expectAnswer } from './answers.ts';
import { keyOfNumber, KEYS, type ClientsInit } from './clients.ts';
import { COUNTER_PREFIX, placementOf } from './copies.ts';
import type { Condition } from './history.ts';
import { Latest } from './latest.ts';
import { certaintyOf, drawChangeLevels, promisedBy } from './levels.ts';
import type { SimNode } from './rkv-cluster.ts';

const GAP_MS = [60, 500] as const;
const COUNTERS = 2;
const CLAIMANTS = 3;
/** What was asked for before may arrive for so long, ms: its time, and the slowest link. */
const STRAGGLING_MS = 9_000;

interface Increment {
  readonly key: string;
  readonly begunAt: number;
  readonly peace: number;
  endedAt: number;
  /** Undefined: not acknowledged. */
  count: number | undefined;
}

interface Claim {
  readonly key: string;
  readonly peace: number;
  open: number;
  made: number;
  isKnown: boolean;
}

interface WriteOptions {
  readonly condition: Condition;
  readonly levels?: ReturnType<typeof drawChangeLevels>;
  readonly onEnd?: (outcome: 'acknowledged' | 'unmet' | 'failed') => void;
}

export class ConditionalClients {
  readonly #init: ClientsInit;
  readonly #dice: Prng;
  readonly #levels: Prng;
  readonly #increments: Increment[] = [];
  /** Of each stretch of peace those that were acknowledged while it lasted. */
  readonly #exact = new Map<string, Increment[]>();
  #claims: Claim[] = [];
  #answered: Increment[] = [];
  #values = 0;
  #claimed = 0;
  /** Of counters. */
  readonly latest = new Latest();
  judgedCount = 0;

  constructor(init: ClientsInit) {
    this.#init = init;
    this.#dice = init.world.prng('conditional client');
    this.#levels = init.world.prng('levels of conditions');
    init.world.schedule(this.#dice.between(100, 300), this.#step, 'client');
  }

  /** The cluster is at peace, and was so all along the stretch of this number. */
  atPeace(peace: number): void {
    for (const increment of this.#answered) {
      if (increment.peace !== peace) continue;
      const name = `${peace} ${increment.key}`;
      this.#exact.set(name, [...(this.#exact.get(name) ?? []), increment]);
    }
    this.#answered = [];
    for (const { key, made, isKnown } of this.#claims.filter(
      (claim) => claim.peace === peace && claim.open === 0,
    )) {
      this.judgedCount++;
      if (isKnown && made !== 1) this.#init.report(`${key}: claimed at one time at peace, by ${made}`);
    }
    this.#claims = this.#claims.filter((claim) => claim.peace === peace && claim.open > 0);
  }

  /** What is wrong with the numbers that were reached. */
  check(): string[] {
    return [...this.#exact.values()].flatMap((increments) => this.#problemsOf(increments));
  }

  readonly #step = (): void => {
    const { world, untilMs, pace, doors } = this.#init;
    if (world.now() > untilMs) return;
    const dice = this.#dice;
    world.schedule(dice.between(...GAP_MS) * pace, this.#step, 'client');
    const nodes = doors();
    if (nodes.length === 0) return;
    const roll = dice.below(10);
    if (roll < 5) return this.#send(dice.pick(nodes), (citizen) => this.#change(citizen));
    // Whoever is alone counts by himself, and brings that when he joins.
    const members = nodes.filter((citizen) => this.#init.isIn(citizen));
    if (members.length === 0) return;
    if (roll < 6) return this.#claim(members);
    const key = `${COUNTER_PREFIX}${dice.below(COUNTERS)}`;
    for (let times = dice.chance(0.3) ? 2 : 1; times > 0; times--)
      this.#send(dice.pick(members), (citizen) => this.#increment(citizen, key));
  };

  #send(citizen: SimNode, ask: (citizen: SimNode) => void): void {
    citizen.host.setTimer(0, () => ask(citizen));
  }

  /** Keys that others write as well. */
  #change(citizen: SimNode): void {
    const key = keyOfNumber(this.#dice.below(KEYS));
    const known = this.#init.history.highestOf(key)?.value;
    const roll = this.#dice.below(3);
    const condition: Condition =
      roll === 0
        ? { kind: 'absent' }
        : roll === 1 || known === undefined
          ? { kind: 'present' }
          : { kind: 'equals', value: this.#dice.chance(0.7) ? known : 'nobody wrote this' };
    this.#write(citizen, key, { condition, levels: drawChangeLevels(this.#levels) });
  }

  #claim(members: readonly SimNode[]): void {
    const key = `claim ${++this.#claimed}`;
    const claim = { key, peace: this.#init.peace(), open: CLAIMANTS, made: 0, isKnown: true };
    this.#claims.push(claim);
    for (let i = 0; i < CLAIMANTS; i++)
      this.#send(this.#dice.pick(members), (citizen) =>
        this.#write(citizen, key, {
          condition: { kind: 'absent' },
          onEnd: (outcome) => {
            claim.open--;
            if (outcome === 'acknowledged') claim.made++;
            if (outcome === 'failed') claim.isKnown = false;
          },
        }),
      );
  }

  #write(citizen: SimNode, key: string, { condition, levels, onEnd = () => {} }: WriteOptions): void {
    const { kv, node } = citizen;
    const { history, world, report } = this.#init;
    if (kv === undefined) return onEnd('failed');
    const value = `if ${++this.#values}`;
    const placement = (): string => placementOf(key, node.document);
    const write = history.begin({
      ...{ key, value, condition, untilMs: 0, through: node.id, begunAt: world.now() },
      isAlone: node.document.members.length === 1,
      epoch: node.document.epoch,
      // Who reads less is not sure of what was there.
      peace: this.#init.isIn(citizen) && certaintyOf(levels ?? {}) === 'always' ? this.#init.peace() : 0,
      placement: placement(),
      promised: levels && promisedBy(levels),
    });
    const when =
      condition.kind === 'equals' ? { ...condition, value: latin1Encode(condition.value) } : condition;
    const change: Change = { kind: 'set', value: latin1Encode(value), when, until: 0, returns: false };
    const answered = expectAnswer(citizen, `${value} of ${key}`, report);
    const tell = (problem: string | undefined): void => {
      if (problem !== undefined) report(problem);
    };
    kv.change(key, change, levels, {
      onChanged: ({ applied, version }) => {
        answered();
        if (applied) {
          const outcome = { version: stampHex(version, 0), placement: placement() };
          tell(history.acknowledged(write, outcome, world.now()));
          this.#init.onAcknowledged(write);
        } else history.unmet(write, world.now());
        onEnd(applied ? 'acknowledged' : 'unmet');
      },
      onFailure: ({ definite }) => {
        answered();
        tell(history.failed(write, definite, world.now()));
        onEnd('failed');
      },
    });
  }

  #increment(citizen: SimNode, key: string): void {
    const { kv, node } = citizen;
    if (kv === undefined) return;
    const { world, peace, report, onAcknowledged } = this.#init;
    const increment: Increment = {
      key,
      begunAt: world.now(),
      peace: peace(),
      endedAt: Infinity,
      count: undefined,
    };
    this.#increments.push(increment);
    this.latest.asked(key);
    const placement = placementOf(key, node.document);
    const begun = {
      ...{ key, value: 'an increment', through: node.id, begunAt: world.now() },
      epoch: node.document.epoch,
    };
    const answered = expectAnswer(citizen, `an increment of ${key}`, report);
    kv.change(key, { kind: 'increment', by: 1n }, undefined, {
      onChanged: ({ value, version }) => {
        answered();
        increment.endedAt = world.now();
        increment.count = value === undefined ? undefined : Number(latin1Decode(value));
        this.#answered.push(increment);
        const isMoved = placementOf(key, node.document) !== placement;
        const acknowledged = {
          ...begun,
          outcome: 'acknowledged' as const,
          version: stampHex(version, 0),
          endedAt: world.now(),
          placement: isMoved ? '' : placement,
        };
        this.latest.take(acknowledged);
        onAcknowledged(acknowledged);
      },
      onFailure: () => {
        answered();
        increment.endedAt = world.now();
      },
    });
  }

  /** Of one stretch of peace and one counter. What nobody knows the end of may be stored late, and count once more. */
  #problemsOf(increments: readonly Increment[]): string[] {
    const { key } = increments[0] as Increment;
    const first = Math.min(...increments.map(({ begunAt }) => begunAt));
    const last = Math.max(...increments.map(({ endedAt }) => endedAt));
    const isDoubtful = this.#increments.some(
      (other) =>
        other.key === key &&
        other.count === undefined &&
        other.begunAt > first - STRAGGLING_MS &&
        other.begunAt < last,
    );
    if (isDoubtful) return [];
    this.judgedCount += increments.length;
    const problems: string[] = [];
    for (const one of increments)
      for (const other of increments) {
        const isWrong =
          one !== other &&
          (one.endedAt < other.begunAt
            ? (one.count as number) >= (other.count as number)
            : one.count === other.count && one.begunAt <= other.begunAt);
        if (isWrong)
          problems.push(
            `${key}: an increment at ${one.begunAt} reached ${one.count}, and one at ${other.begunAt} ${other.count}, at peace`,
          );
      }
    return problems.slice(0, 1);
  }
}
