/**
 * Whether the operations on one key could have been done one after the other, each at a moment between its begin and its
 * end, with just these answers.
 *
 * Search for such an order: of the operations that no other one precedes, try each that the state allows, take it and its
 * end out of the list, go on; come to the end of one that is not done yet, and some earlier choice was wrong - put back
 * what was taken last and try the next. What makes it quick:
 *
 *     visited    the same operations done with the same state: somebody was here (visited.ts)
 *     reads      one that the state allows is done at once; to wait with it never helps
 *     optional   an operation whose outcome nobody knows has no end, so it never stops the search, and is tried only when it
 *                is stuck without, and where somebody looks at what it leaves behind before that is overwritten. Of
 *                several that do the same the first to begin is taken first
 *
 * Source: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993); Lowe, "Testing for linearizability" (2017), for
 * the list and what is remembered of it; Horn and Kroening, "Faster linearizability checking via P-compositionality"
 * (2015), for one key at a time. What is said above of optional operations is ours.
 * Price: in the worst case exponential in how many operations are under way at once. It gives up at `placesMax`, and that is
 * an answer of its own: it was not found out.
 *
 * Two moments that are equal are taken for either order.
 */
import type { Operation } from '../history/operation.ts';
import { Demand } from './demand.ts';
import { END, EntryList } from './entry-list.ts';
import {
  toldOf,
  type Hints,
  type Model,
  type ModelOfKey,
  type PrimitiveState,
  type Transition,
} from './model.ts';
import { Visited, type Bits } from './visited.ts';

export interface SearchInit {
  /** These happened, each between its begin and its end. In the order of their begins. */
  readonly certain: readonly Operation[];
  /** Each of these may have happened at any time after its begin, or not. In the order of their begins. */
  readonly optional: readonly Operation[];
  readonly ofKey: ModelOfKey;
  readonly model: Pick<Model, 'isRead'>;
  readonly placesMax: number;
  /** Of this one it is known that it cannot be done: come to its end by all means, so that `states` tells of it. */
  readonly doubted?: Operation;
  /** How many steps may be tried; undefined: those of a search of `placesMax` places. */
  readonly stepsMax?: number;
}

export type SearchResult =
  | { readonly kind: 'linearizable'; readonly places: number; readonly steps: number }
  | { readonly kind: 'gaveUp'; readonly places: number; readonly steps: number }
  | {
      readonly kind: 'impossible';
      readonly places: number;
      readonly steps: number;
      /** The end at which the search was stuck last. It may be in vain before: explanation.ts finds the first such end. */
      readonly stuckAt: Operation;
      /** The states in which it was stuck there, some of them if there are many. */
      readonly states: readonly PrimitiveState[];
    };

const STATES_TOLD_MAX = 8;
/** Each place tries what is under way there: a few operations, and some hundreds when many outcomes are unknown. */
const STEPS_PER_PLACE = 100;
/** Bits of one place that are as dear to remember as a place itself. */
const BITS_PER_PLACE = 512;

/** Instead of a place in the list: everything was tried. */
const NOWHERE = -2;

/** What was chosen, and how it was before. */
interface Choice {
  /** Where in the list the operation begins; 0: it is an optional one. */
  readonly at: number;
  readonly optional: number;
  /** There is nothing else to be tried in its place. */
  readonly isForced: boolean;
  readonly state: PrimitiveState;
  readonly border: number;
  readonly ahead: Bits;
  readonly furthest: number;
  readonly used: Bits;
}

export function linearize(init: SearchInit): SearchResult {
  return new Search(init).run();
}

class Search {
  readonly #init: SearchInit;
  readonly #list: EntryList;
  readonly #transitions: readonly Transition<PrimitiveState>[];
  readonly #isRead: readonly boolean[];
  readonly #isBlind: readonly boolean[];
  readonly #hints: Hints;
  readonly #demand: Demand;
  readonly #optional: readonly Optional[];
  /** Of those: whose effect depends on what is there. */
  readonly #looking: readonly Optional[];
  readonly #visited = new Visited();
  readonly #choices: Choice[] = [];
  #state: PrimitiveState;
  /** All certain operations before this one are done, by their number. */
  #border = 0;
  /** Of those after it: which are done. */
  #ahead: Bits = 0n;
  /** The last one that is done. */
  #furthest = 0;
  #used: Bits = 0n;
  #weight = 0;
  #steps = 0;
  /** The furthest end that the search came to. */
  #stuckAt = 0;
  #stuckStates = new Set<PrimitiveState>();

  constructor(init: SearchInit) {
    const { certain, optional, ofKey, model } = init;
    this.#init = init;
    this.#hints = ofKey.hints ?? {};
    this.#demand = new Demand(certain, optional, this.#hints, init.doubted);
    this.#state = ofKey.initial;
    this.#list = new EntryList(certain);
    this.#transitions = certain.map((operation) => ofKey.transition(operation));
    this.#isRead = certain.map((operation) => model.isRead(operation));
    this.#isBlind = certain.map((operation) => this.#hints.isBlind?.(operation) ?? false);
    this.#optional = prepareOptional(init, this.#list);
    this.#looking = this.#optional.filter(({ isBlind }) => !isBlind);
  }

  run(): SearchResult {
    const { placesMax, stepsMax = placesMax * STEPS_PER_PLACE } = this.#init;
    let at = this.#list.first;
    // Where to go on among the optional ones, or -1 while certain ones are tried.
    let optional = -1;
    for (;;) {
      if (this.#weight > placesMax || this.#steps > stepsMax) return { kind: 'gaveUp', ...this.#counts() };
      if (optional < 0) {
        if (at === END) return { kind: 'linearizable', ...this.#counts() };
        if (this.#list.isEnd(at)) {
          this.#noteStuck(at, this.#state);
          optional = 0;
        } else {
          const took = this.#maybeTake(at);
          if (took) at = this.#list.first;
          else if (took === undefined) at = this.#list.next(at);
          else [at, optional] = this.#goBack();
        }
      } else {
        const took = this.#maybeUse(optional);
        if (took) [at, optional] = [this.#list.first, -1];
        else [at, optional] = this.#goBack();
      }
      if (at === NOWHERE) return this.#impossible();
    }
  }

  /** Undefined: it cannot be done here, or somebody has. False: it should be done, and then there is nothing new. */
  #maybeTake(at: number): boolean | undefined {
    const number = this.#list.operationAt(at);
    this.#steps++;
    const state = (this.#transitions[number] as Transition<PrimitiveState>)(this.#state);
    if (state === undefined) return undefined;
    const isForced = this.#isRead[number] as boolean;
    const before = this.#choice(at, -1, isForced);
    this.#markDone(number);
    const isMissed = state !== this.#state && this.#demand.isMissed(this.#state);
    if (isMissed || this.#demand.isAstray(state) || !this.#enter(state, this.#used)) {
      this.#demand.undone(number);
      this.#restore(before);
      return isForced ? false : undefined;
    }
    this.#list.take(at);
    this.#state = state;
    this.#choices.push(before);
    return true;
  }

  /** The first one from `optional` on that can be used here, and brings something new. */
  #maybeUse(optional: number): boolean {
    const end = this.#list.firstEnd;
    for (let number = optional; number < this.#optional.length; number++) {
      const unknown = this.#optional[number] as Optional;
      const { from, bit, like, transition } = unknown;
      if (from >= end) return false;
      this.#steps++;
      if ((this.#used & bit) !== 0n || (like !== 0n && (this.#used & like) === 0n)) continue;
      const state = transition(this.#state);
      if (state === undefined || state === this.#state) continue;
      this.#noteStuck(end, state);
      if (this.#demand.isMissed(this.#state) || this.#demand.isAstray(state)) continue;
      if (!this.#isLookedAt(unknown, state, end)) continue;
      if (!this.#enter(state, this.#used | bit)) continue;
      this.#choices.push(this.#choice(0, number, false));
      this.#used |= bit;
      this.#state = state;
      return true;
    }
    return false;
  }

  /** Whether anything can come next that would not be the same without this state, which `unknown` leads to. */
  #isLookedAt(unknown: Optional, state: PrimitiveState, end: number): boolean {
    const { mayHelp } = this.#hints;
    for (let at = this.#list.first; at !== end; at = this.#list.next(at)) {
      const number = this.#list.operationAt(at);
      if (this.#isBlind[number]) continue;
      const other = this.#init.certain[number] as Operation;
      const transition = this.#transitions[number] as Transition<PrimitiveState>;
      if (mayHelp?.(unknown.operation, this.#state, other) ?? this.#isChanged(transition, state)) return true;
    }
    return this.#looking.some(({ operation, from, bit, transition }) => {
      if (operation === unknown.operation || from >= end || (this.#used & bit) !== 0n) return false;
      return mayHelp?.(unknown.operation, this.#state, operation) ?? this.#isChanged(transition, state);
    });
  }

  /** Whether this is right in another state, and not the same as here. */
  #isChanged(transition: Transition<PrimitiveState>, state: PrimitiveState): boolean {
    const after = transition(state);
    return after !== undefined && after !== transition(this.#state);
  }

  /** Undo what was chosen last, and say what is to be tried next. */
  #goBack(): [at: number, optional: number] {
    for (;;) {
      const choice = this.#choices.pop();
      if (choice === undefined) return [NOWHERE, -1];
      this.#restore(choice);
      const { at, optional, isForced } = choice;
      if (at === 0) return [this.#list.firstEnd, optional + 1];
      this.#list.putBack(at);
      this.#demand.undone(this.#list.operationAt(at));
      if (!isForced) return [this.#list.next(at), -1];
    }
  }

  #enter(state: PrimitiveState, used: Bits): boolean {
    const isNew = this.#visited.enter(this.#border, state, this.#ahead, used);
    const bits = Math.max(0, this.#furthest - this.#border) + (used === 0n ? 0 : this.#optional.length);
    if (isNew) this.#weight += 1 + Math.floor(bits / BITS_PER_PLACE);
    return isNew;
  }

  #markDone(number: number): void {
    this.#demand.done(number);
    if (number > this.#furthest) this.#furthest = number;
    if (number !== this.#border) {
      this.#ahead |= 1n << BigInt(number - this.#border - 1);
      return;
    }
    // The border moves on to the first operation that is not done.
    this.#border++;
    while (this.#ahead !== 0n) {
      const isDone = (this.#ahead & 1n) === 1n;
      this.#ahead >>= 1n;
      if (!isDone) break;
      this.#border++;
    }
  }

  #choice(at: number, optional: number, isForced: boolean): Choice {
    return {
      at,
      optional,
      isForced,
      state: this.#state,
      border: this.#border,
      ahead: this.#ahead,
      furthest: this.#furthest,
      used: this.#used,
    };
  }

  #restore({ state, border, ahead, furthest, used }: Choice): void {
    this.#state = state;
    this.#border = border;
    this.#ahead = ahead;
    this.#furthest = furthest;
    this.#used = used;
  }

  #noteStuck(at: number, state: PrimitiveState): void {
    if (at < this.#stuckAt) return;
    if (at > this.#stuckAt) {
      this.#stuckAt = at;
      this.#stuckStates = new Set();
    }
    if (this.#stuckStates.size < STATES_TOLD_MAX) this.#stuckStates.add(state);
  }

  #impossible(): SearchResult {
    const stuckAt = this.#init.certain[this.#list.operationAt(this.#stuckAt)] as Operation;
    return { kind: 'impossible', ...this.#counts(), stuckAt, states: [...this.#stuckStates] };
  }

  #counts(): { places: number; steps: number } {
    return { places: this.#visited.count, steps: this.#steps };
  }
}

interface Optional {
  readonly operation: Operation;
  readonly transition: Transition<PrimitiveState>;
  /** It may happen before an end that stands beyond this place in the list. */
  readonly from: number;
  readonly bit: Bits;
  /** The bit of the one before that does the same, or 0. */
  readonly like: Bits;
  readonly isBlind: boolean;
}

function prepareOptional({ optional, ofKey }: SearchInit, list: EntryList): readonly Optional[] {
  const likes = new Map<string, Bits>();
  return optional.map((operation, number) => {
    const bit = 1n << BigInt(number);
    const { kind, input, begin } = operation;
    const told = toldOf(operation);
    const name = told === undefined ? ofKey.hints?.nameOf?.(operation) : undefined;
    const what = name ?? JSON.stringify([kind, input, told]);
    const like = likes.get(what) ?? 0n;
    likes.set(what, bit);
    const isBlind = ofKey.hints?.isBlind?.(operation) ?? false;
    return {
      operation,
      transition: ofKey.transition(operation),
      from: list.placeOf(begin),
      bit,
      like,
      isBlind,
    };
  });
}
