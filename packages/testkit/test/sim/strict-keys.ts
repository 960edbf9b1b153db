/**
 * Strict keys in the swarm: clients read, write, delete, compare and set, count and append, through any member, and what they
 * were told must be linearizable, key by key, whatever breaks.
 *
 *     crashes, cuts, clocks, joins, leaves,    promised: linearizable (decision 0013). At worst a key is away
 *     replacements, another ring size
 *     a disk is lost                           the same. An acknowledged change is on others too, and the vnodes of the lost
 *                                              disk do not vote before they have merged those. It may have been made when all
 *                                              copies lay on one machine: such a one is spared (scenario.ts)
 *     a member is gone for good, and removed   the same: its successors do not vote before they have healed
 *     the ring is forced                       linearizable up to that moment. From then on until everybody is together either
 *                                              side may have a majority of its own, and neither knows of the other: nothing
 *                                              is promised of their order (docs/limits.md). What was acknowledged stays, but for
 *                                              what an emptied disk may take (schism.ts). Then other keys begin, and are
 *                                              linearizable again.
 */
import { latin1Decode, type Prng } from '@rkv/core';
import { payloadStart } from '@rkv/store';
import {
  checkLinearizable,
  describeLinearizability,
  History,
  isLinearizable,
  type Operation,
} from '@rkv/testkit';
import { StrictOperations, type StrictOperation } from '../strict/strict-operations.ts';
import { expectAnswer } from './answers.ts';
import type { ClientsInit } from './clients.ts';
import { hasStrictBucket, placementOf, STRICT_PREFIX } from './copies.ts';
import type { Acknowledged } from './history.ts';
import { Latest } from './latest.ts';
import type { SimNode } from './rkv-cluster.ts';

/** `doors`: nodes of the cluster. */
export type StrictKeysInit = Pick<
  ClientsInit,
  'world' | 'untilMs' | 'pace' | 'doors' | 'onAcknowledged' | 'report'
>;

const CLIENTS = 2;
const GAP_MS = [60, 600] as const;
/** In how many steps several ask for one key in the same instant, through whatever nodes. */
const CROWD_SHARE = 0.3;
const CROWD = 3;
/** How many are taken to a node of the key that is not its first: proposers are two then. */
const ASIDE_SHARE = 0.15;
const REGISTERS = 3;
const MINUTE_MS = 60_000;
/** What was written by nobody has this stamp. */
const NO_VERSION = '0'.repeat(32);

/** From one time that everybody is together to the next. */
interface Span {
  /** Of its keys. */
  readonly prefix: string;
  /** The one that grows now. */
  readonly texts: [string];
  readonly operations: StrictOperations;
  readonly history: History;
}

interface AskOptions {
  readonly isAside?: boolean;
  /** Whether it was answered. */
  readonly onEnd?: (answered: boolean) => void;
}

export class StrictKeys {
  readonly #init: StrictKeysInit;
  /** What was told until a ring was forced; that of the span that lasts is added in the end. */
  readonly #judged: (readonly Operation[])[] = [];
  #spans = 0;
  #span: Span;
  #isDivided = false;
  readonly #aside: Prng;
  #values = 0;
  /** Of registers: values are never used twice. */
  readonly #byValue = new Map<string, Operation>();
  readonly #stored = new Set<string>();
  readonly latest = new Latest();
  answeredCount = 0;
  indefiniteCount = 0;

  constructor(init: StrictKeysInit) {
    this.#init = init;
    this.#aside = init.world.prng('strict aside');
    this.#span = this.#newSpan();
    for (let i = 0; i < CLIENTS; i++) this.#begin(`strict client ${i}`);
  }

  /** Those that are judged to the end. */
  get lastKeys(): string[] {
    return this.#isDivided ? [] : [...new Set(this.#span.history.operations.map(({ key }) => key))];
  }

  /** The ring was forced. What is under way may have ended on either side. */
  divide(): void {
    if (this.#isDivided) return;
    this.#isDivided = true;
    this.#judged.push(this.#span.history.operations.map((operation) => ({ ...operation })));
  }

  /** Everybody is together. */
  unite(): void {
    if (!this.#isDivided) return;
    this.#isDivided = false;
    this.#span = this.#newSpan();
  }

  /** A disk has committed this entry of a strict key: what is wrong with that, or undefined. */
  stored(key: string, entry: Uint8Array): string | undefined {
    if (!isRegister(key)) return undefined;
    const value = latin1Decode(entry, payloadStart(entry), entry.length);
    this.#stored.add(value);
    const origin = this.#byValue.get(value);
    if (origin?.key !== key) return `${key} has the value ${value}, which nobody wrote`;
    return origin.outcome === 'failed' ? refusedAndStored(key, value) : undefined;
  }

  /** Through this node. `then`: whether it was answered. */
  read(citizen: SimNode, key: string, then: (answered: boolean) => void): void {
    this.#ask('last', citizen, this.#span, this.#span.operations.readOf(key), { onEnd: then });
  }

  /** Each key whose answers have no order, and why. */
  check(): string[] {
    const spans = this.#isDivided ? this.#judged : [...this.#judged, this.#span.history.operations];
    return spans.flatMap((operations) => {
      const verdict = checkLinearizable({ operations });
      return isLinearizable(verdict) ? [] : [`strict keys: ${describeLinearizability(verdict)}`];
    });
  }

  #newSpan(): Span {
    const prefix = `${STRICT_PREFIX}${this.#spans} `;
    const texts: [string] = [`${prefix}t`];
    const keys = {
      registers: Array.from({ length: REGISTERS }, (_, i) => `${prefix}r${i}`),
      counters: [`${prefix}c`],
      texts,
    };
    const { world } = this.#init;
    const dice = world.prng(`strict operations ${this.#spans++}`);
    const history = new History({ now: () => world.now() });
    return { prefix, texts, operations: new StrictOperations(dice, keys), history };
  }

  /** A text tells what was appended only when it is read, and of one that grows for long no order is found in good time. */
  #turnPage({ prefix, texts }: Span): void {
    const minute = Math.floor(this.#init.world.now() / MINUTE_MS);
    texts[0] = `${prefix}t${minute === 0 ? '' : minute}`;
  }

  #begin(client: string): void {
    const { world, untilMs, pace, doors } = this.#init;
    const dice = world.prng(client);
    const step = (): void => {
      if (world.now() > untilMs) return;
      world.schedule(dice.between(...GAP_MS) * pace, step, 'client');
      const citizens = doors().filter(hasStrictBucket);
      if (citizens.length === 0) return;
      const first = this.#send(client, dice.pick(citizens));
      if (!dice.chance(CROWD_SHARE)) return;
      for (let more = 1; more < CROWD; more++)
        this.#send(`${client}, beside himself ${more}`, dice.pick(citizens), first);
    };
    world.schedule(dice.between(100, 300), step, 'client');
  }

  /** To this key, or to any; to which one. */
  #send(client: string, citizen: SimNode, key?: string): string {
    const span = this.#span;
    this.#turnPage(span);
    const value = `v${++this.#values}.`;
    const { operations } = span;
    const operation = key === undefined ? operations.draw(value) : operations.drawFor(key, value);
    const isAside = this.#aside.chance(ASIDE_SHARE);
    citizen.host.setTimer(0, () => this.#ask(client, citizen, span, operation, { isAside }));
    return operation.key;
  }

  #ask(
    client: string,
    citizen: SimNode,
    { history }: Span,
    { key, kind, input, ask }: StrictOperation,
    { isAside = false, onEnd = () => {} }: AskOptions = {},
  ): void {
    const { node, machine } = citizen;
    const kv = isAside && citizen.kv !== undefined ? citizen.aside : citizen.kv;
    // Who has not heard yet that the key is strict would write it otherwise.
    if (kv === undefined || !hasStrictBucket(citizen)) return onEnd(false);
    const { world, report } = this.#init;
    const open = history.begin({ client, node: machine, key, kind, ...(input !== undefined && { input }) });
    const value = typeof input === 'string' ? input : Array.isArray(input) ? String(input[1]) : undefined;
    if (value !== undefined) this.#byValue.set(value, open.operation);
    const begun = {
      ...{ key, value: value ?? kind, through: node.id, begunAt: world.now() },
      epoch: node.document.epoch,
    };
    const placement = placementOf(key, node.document);
    this.latest.asked(key);
    const answered = expectAnswer(citizen, `${kind} of ${key}`, report);
    ask(kv, (outcome, answer) => {
      answered();
      if (outcome === 'ok') {
        this.answeredCount++;
        history.ok(open, answer);
        const version = answer?.version ?? NO_VERSION;
        const isMoved = placementOf(key, node.document) !== placement;
        if (version !== NO_VERSION)
          this.#take({ ...begun, version, endedAt: world.now(), placement: isMoved ? '' : placement });
      } else {
        if (outcome === 'indefinite') this.indefiniteCount++;
        history[outcome](open);
        if (outcome === 'failed' && value !== undefined && this.#stored.has(value))
          report(refusedAndStored(key, value));
      }
      onEnd(outcome === 'ok');
    });
  }

  #take(change: Omit<Acknowledged, 'outcome'>): void {
    const acknowledged: Acknowledged = { ...change, outcome: 'acknowledged' };
    this.latest.take(acknowledged);
    this.#init.onAcknowledged(acknowledged);
  }
}

/** Of counters and texts values tell less. */
function isRegister(key: string): boolean {
  return / r\d+$/.test(key);
}

function refusedAndStored(key: string, value: string): string {
  return `${value} of ${key} is said not to be written, and lies on a disk`;
}
