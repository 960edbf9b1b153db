/**
 * Active anti-entropy: from time to time a node asks for the sums of the copies that it shares ranges with, all those of
 * one node in one question, and where a sum differs from its own it compares the two (comparison.ts).
 *
 * Copies that are alike cost a dozen bytes a round. What differs is mended one range after the other, in slices of work in
 * the background and a page at a time, so that a node that has much to mend serves on.
 *
 * Source: Riak's riak_kv_entropy_manager; rules 11. Not here: what a vnode's trees are made of (hash-tree.ts), and
 * how a copy that lacks everything is built (handoff's repairs).
 */
import type { Reader } from '../base/bytes.ts';
import type { Timer } from '../contracts/host.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import type { ItemTrees } from '../contracts/vnode.ts';
import { ringBits } from '../ring/hash-space.ts';
import { rangeOf } from '../ring/ranges.ts';
import { answerTo, ROOTS_MAX } from './answers.ts';
import { Comparison, OTHER_ANSWER, type ComparisonEffect, type ComparisonEvent } from './comparison.ts';
import {
  readAnswer,
  readAnswerId,
  readQuestion,
  writeAnswer,
  writeQuestion,
  type Answer,
  type Question,
} from './exchange-wire.ts';
import { leafWidth } from './leaves.ts';
import { mergeAll } from './merge-all.ts';
import { pairKey, pairsOf } from './pairs.ts';
import type { ComparableVnode, ExchangePort } from './port.ts';
import { sharedItems } from './shared-items.ts';
import { partitionsCompared, type ComparedPair, type ExchangeStatus } from './exchange-status.ts';

/** Of all pairs that this node has asked about, since it started. */
export interface ExchangeTotals {
  /** How often a pair was found alike, or made so. */
  alike: number;
  /** How often a pair was found to differ: in each round until it is mended. */
  differed: number;
  /** Items that were mended: on this node, and on others as far as their answers came. */
  mendedHere: number;
  mendedThere: number;
  /** Mended on this node because another copy asked: mostly one elsewhere. */
  received: number;
}

/** A question that is not answered yet. */
interface OpenQuestion {
  readonly to: NodeId;
  readonly at: number;
  readonly onAnswer: (answer: Answer) => void;
}

interface CurrentComparison {
  readonly begunAt: number;
  /** When it last went on. */
  at: number;
  readonly pair: ComparedPair;
  readonly vnode: ComparableVnode;
  readonly machine: Comparison;
}

/** How long a difference may lie before it is looked for, ms. A round costs a dozen bytes a pair. */
const ROUND_MS = 10_000;
/** After a node has come back what it missed is looked for soon, but its hints go first. */
const AFTER_RETURN_MS = 3_000;
const TICK_MS = 1_000;
/** An answer takes a slice of background work; on a node that is very busy some seconds. */
const ANSWER_MS = 10_000;
/** Then another pair has its turn, for whoever answers slowly must not hold up all. What is mended by then stays so. */
const TURN_MS = 30_000;
/** A store that takes longer than this to say what became of some items will not say it any more. */
const STALLED_MS = 60_000;

export class ExchangeManager {
  readonly #port: ExchangePort;
  #watched: ComparedPair[] = [];
  /** By node: when its copies are asked about next. */
  readonly #dueAt = new Map<NodeId, number>();
  /** Nodes that came back since they were last asked. */
  readonly #putOff = new Set<NodeId>();
  readonly #asked = new Map<number, OpenQuestion>();
  /** Pairs whose sums differ, in the order in which that was found. */
  #differing: ComparedPair[] = [];
  #running: CurrentComparison | undefined;
  #timer: Timer | undefined;
  /** Drawn, because answers meant for a former life of this node may still be on their way. */
  #lastId: number;
  #mendedSinceSaid = 0;
  readonly totals: ExchangeTotals = { alike: 0, differed: 0, mendedHere: 0, mendedThere: 0, received: 0 };
  #paused = false;

  constructor(port: ExchangePort) {
    this.#port = port;
    this.#lastId = port.host.random();
  }

  start(): void {
    this.adopt();
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#asked.clear();
    this.#differing = [];
    this.#running = undefined;
  }

  /** The node has a newer ring: what was under way was under the one before. */
  adopt(): void {
    const { document, services, self, host } = this.#port;
    const known = new Map(this.#watched.map((pair) => [pairKey(pair.service, pair), pair]));
    const pairs = pairsOf(self, document);
    const nothing = {
      alikeAt: undefined,
      provenAt: undefined,
      reason: undefined,
      mendedHere: 0,
      mendedThere: 0,
    };
    this.#watched = services.flatMap((service) =>
      pairs.map((pair) => known.get(pairKey(service, pair)) ?? { ...pair, service, ...nothing }),
    );
    // All adopt a ring at about the same time, and shall not ask its new owners at once. One that is not up yet is asked when it is.
    const soon = host.monotonic() + (host.random() % AFTER_RETURN_MS);
    for (const { owner } of pairs) if (!this.#dueAt.has(owner)) this.#dueAt.set(owner, soon);
    this.#asked.clear();
    this.#differing = [];
    this.#running = undefined;
  }

  /** A node came or went. */
  onUpChanged(node: NodeId, up: boolean): void {
    if (!up) {
      this.#differing = this.#differing.filter(({ owner }) => owner !== node);
      return this.#giveUp((asked) => asked.to === node, `${this.#port.nameOf(node)} is down`);
    }
    // Once: one that comes and goes is asked while it is here.
    if (this.#putOff.has(node)) return;
    this.#putOff.add(node);
    this.#dueAt.set(node, this.#port.host.monotonic() + AFTER_RETURN_MS);
  }

  onAsk(from: NodeId, service: string, epoch: Epoch, body: Reader): void {
    const { id, question } = readQuestion(body);
    const tell = (answer: Answer): void => {
      // One that finds no room is missed, and asked for anew in a later round.
      this.#port.send(from, 'tell', service, (out) => writeAnswer(out, id, answer));
    };
    if (question.kind === undefined)
      return tell({ kind: 'refused', reason: `${this.#port.nameOf(this.#port.self)} ${question.strange}` });
    this.#port.inBackground(() => {
      this.#answer(service, epoch, question, tell);
      return false;
    });
  }

  onTell(from: NodeId, body: Reader): void {
    const id = readAnswerId(body);
    const asked = this.#asked.get(id);
    if (asked === undefined || asked.to !== from) return;
    const answer = readAnswer(body);
    this.#asked.delete(id);
    asked.onAnswer(answer);
  }

  /** Nothing is asked any more; what others ask is answered. */
  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
    this.#differing = [];
    this.#running = undefined;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Ask for all sums again with the next tick. */
  hurry(): void {
    const now = this.#port.host.monotonic();
    for (const node of this.#dueAt.keys()) this.#dueAt.set(node, now);
  }

  /** Of this service: whether what any copy held at that moment all of its pairs, as far as they are this node's, hold. */
  comparedSince(service: string, at: number): boolean {
    return this.#watched.every((pair) => pair.service !== service || (pair.provenAt ?? -Infinity) >= at);
  }

  /** For tests: each pair by itself. */
  get pairs(): readonly ComparedPair[] {
    return this.#watched;
  }

  /** What is known of each partition's copies, by this node. */
  status(): ExchangeStatus {
    const differing = this.#differing.length + (this.#running === undefined ? 0 : 1);
    return {
      paused: this.#paused,
      differing,
      partitions: partitionsCompared(this.#watched, this.#port.host.monotonic()),
    };
  }

  #tick(): void {
    const now = this.#port.host.monotonic();
    this.#giveUp((asked) => now - asked.at > ANSWER_MS, 'no answer in time');
    if (this.#running !== undefined && now - this.#running.at > STALLED_MS)
      this.#end(this.#running, 'the store does not say what became of some items');
    if (!this.#paused) {
      this.#askForRoots(now);
      this.#maybeBegin();
    }
    this.#timer = this.#port.host.setTimer(TICK_MS, () => this.#tick());
  }

  /** About all copies of a node that this one shares ranges with, at once. */
  #askForRoots(now: number): void {
    const due = new Map<string, ComparedPair[]>();
    for (const pair of this.#watched) {
      const { owner, service } = pair;
      if (now < (this.#dueAt.get(owner) ?? 0) || !this.#port.runs(owner, service)) continue;
      const key = `${service}/${owner}`;
      const pairs = due.get(key);
      if (pairs === undefined) due.set(key, [pair]);
      else pairs.push(pair);
    }
    for (const pairs of due.values()) {
      const { owner } = pairs[0] as ComparedPair;
      this.#putOff.delete(owner);
      this.#dueAt.set(owner, now + ROUND_MS);
      for (let at = 0; at < pairs.length; at += ROOTS_MAX) this.#askFor(pairs.slice(at, at + ROOTS_MAX));
    }
  }

  #askFor(pairs: readonly ComparedPair[]): void {
    const { owner, service } = pairs[0] as ComparedPair;
    const roots = pairs.map(({ theirs, range }) => ({ partition: theirs, range }));
    const askedAt = this.#port.host.monotonic();
    this.#ask(owner, service, { kind: 'roots', roots }, (answer) =>
      this.#handleRoots(pairs, answer, askedAt),
    );
  }

  #handleRoots(pairs: readonly ComparedPair[], answer: Answer, askedAt: number): void {
    if (answer.kind !== 'roots') {
      const reason = answer.kind === 'refused' ? answer.reason : OTHER_ANSWER;
      for (const pair of pairs) pair.reason = reason;
      return;
    }
    pairs.forEach((pair, at) => this.#handleRoot(pair, answer.sums[at], askedAt));
    this.#maybeBegin();
  }

  #handleRoot(pair: ComparedPair, theirs: Uint32Array | undefined, askedAt: number): void {
    const { document } = this.#port;
    const ours = this.#treesOf(pair)?.sums(rangeOf(pair.range, ringBits(document.ringSize)), 1);
    const silent = ours === undefined ? this.#port.self : theirs === undefined ? pair.owner : undefined;
    if (ours === undefined || theirs === undefined) {
      pair.reason = `${this.#port.nameOf(silent as NodeId)} cannot tell yet what its copy holds`;
      return;
    }
    if (ours[0] === theirs[0] && ours[1] === theirs[1]) return this.#becomeAlike(pair, askedAt);
    this.totals.differed++;
    if (pair !== this.#running?.pair && !this.#differing.includes(pair)) this.#differing.push(pair);
  }

  /** `begunAt`: when the first of the two was asked what it holds. */
  #becomeAlike(pair: ComparedPair, begunAt: number): void {
    this.totals.alike++;
    pair.provenAt = begunAt;
    pair.alikeAt = this.#port.host.monotonic();
    pair.reason = undefined;
  }

  #maybeBegin(): void {
    while (this.#running === undefined && !this.#paused) {
      const pair = this.#differing.shift();
      if (pair === undefined) return this.#sayWhatWasMended();
      const vnode = this.#comparable(pair);
      const trees = this.#treesOf(pair);
      if (vnode === undefined || trees === undefined || !this.#port.runs(pair.owner, pair.service)) continue;
      const bits = ringBits(this.#port.document.ringSize);
      const machine = new Comparison({
        trees,
        partition: pair.theirs,
        range: rangeOf(pair.range, bits),
        leafWidth: leafWidth(bits),
        floor: () => this.#port.floor,
      });
      const now = this.#port.host.monotonic();
      const running = { begunAt: now, at: now, pair, vnode, machine };
      this.#running = running;
      this.#perform(running, machine.begin());
    }
  }

  #comparable({ service, mine }: ComparedPair): ComparableVnode | undefined {
    const vnode = this.#port.find(service, mine);
    return vnode?.comparable === true ? vnode : undefined;
  }

  /** Of what both copies of a pair are to hold. */
  #treesOf(pair: ComparedPair): ItemTrees | undefined {
    const trees = this.#comparable(pair)?.trees;
    return trees && sharedItems(trees, this.#port.document, { range: pair.range, later: pair.theirs });
  }

  #perform(running: CurrentComparison, effect: ComparisonEffect): void {
    const { pair, vnode } = running;
    switch (effect.kind) {
      case 'ask':
        return this.#ask(pair.owner, pair.service, effect.question, (answer) => {
          if (answer.kind === 'given') this.#count(pair, 'mendedThere', answer.changed);
          this.#step(running, answer);
        });
      case 'merge':
        return mergeAll(vnode, effect.items, effect.asOf, (changed, failed) => {
          this.#count(pair, 'mendedHere', changed);
          this.#step(running, { kind: 'merged', changed, failed });
        });
      case 'end':
        return this.#end(running, effect.reason);
    }
  }

  /** At once: the comparison may be given up before its next step. */
  #count(pair: ComparedPair, which: 'mendedHere' | 'mendedThere', changed: number): void {
    pair[which] += changed;
    this.totals[which] += changed;
    this.#mendedSinceSaid += changed;
  }

  /** In its turn. What it was about may be over by then: another ring, another comparison. */
  #step(running: CurrentComparison, event: ComparisonEvent): void {
    this.#port.inBackground(() => {
      if (this.#running !== running) return false;
      running.at = this.#port.host.monotonic();
      const isLong = running.at - running.begunAt > TURN_MS && this.#differing.length > 0;
      if (isLong) this.#end(running, 'it goes on when others have had their turn');
      else this.#perform(running, running.machine.step(event));
      return false;
    });
  }

  #end({ pair, machine, begunAt }: CurrentComparison, reason: string | undefined): void {
    this.#running = undefined;
    if (reason === undefined && machine.failed === 0) this.#becomeAlike(pair, begunAt);
    else pair.reason = reason ?? `${machine.failed} items could not be stored`;
    this.#maybeBegin();
  }

  #sayWhatWasMended(): void {
    if (this.#mendedSinceSaid === 0) return;
    this.#port.logger.info(
      { items: this.#mendedSinceSaid },
      'items were mended: the copies of some partitions differed',
    );
    this.#mendedSinceSaid = 0;
  }

  #ask(to: NodeId, service: string, question: Question, onAnswer: (answer: Answer) => void): void {
    const { self, document } = this.#port;
    if (to === self) return this.#askHere(service, document.epoch, question, onAnswer);
    if (!this.#port.runs(to, service))
      return onAnswer({ kind: 'refused', reason: `${this.#port.nameOf(to)} is down` });
    this.#lastId = (this.#lastId + 1) >>> 0;
    const id = this.#lastId;
    this.#asked.set(id, { to, at: this.#port.host.monotonic(), onAnswer });
    if (this.#port.send(to, 'ask', service, (out) => writeQuestion(out, id, question))) return;
    this.#asked.delete(id);
    onAnswer({ kind: 'refused', reason: `the lane to ${this.#port.nameOf(to)} is closed or full` });
  }

  /** Of a copy that lies beside the other on this node. */
  #askHere(service: string, epoch: Epoch, question: Question, onAnswer: (answer: Answer) => void): void {
    this.#port.inBackground(() => {
      if (epoch === this.#port.document.epoch) this.#answer(service, epoch, question, onAnswer);
      return false;
    });
  }

  #answer(service: string, epoch: Epoch, question: Question, onAnswer: (answer: Answer) => void): void {
    answerTo(this.#port, service, epoch, question, (answer) => {
      if (answer.kind === 'given') this.totals.received += answer.changed;
      onAnswer(answer);
    });
  }

  #giveUp(isGivenUp: (asked: OpenQuestion) => boolean, reason: string): void {
    for (const [id, asked] of this.#asked) {
      if (!isGivenUp(asked)) continue;
      this.#asked.delete(id);
      asked.onAnswer({ kind: 'refused', reason });
    }
  }
}
