/** The counting of a quorum against a dumb twin that keeps lists and looks at everything anew each time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Replica } from '../ring/preference-list.ts';
import { countedList, QuorumCount, quorumOf, type CountedList, type Quorum } from './quorum.ts';

type Event = { at: number; kind: 'answered' | 'empty' | 'partial' | 'failed' };

class DumbQuorum {
  readonly #list: CountedList;
  readonly #quorum: Quorum;
  readonly #heard = new Map<number, Event['kind']>();
  readonly asked = new Set<number>();

  constructor(list: CountedList, quorum: Quorum) {
    this.#list = list;
    this.#quorum = quorum;
  }

  hear({ at, kind }: Event): void {
    this.#heard.set(at, kind);
  }

  get met(): boolean {
    return this.enough((at) => this.counts(at));
  }

  get possible(): boolean {
    return this.enough((at) => this.counts(at) || !this.#heard.has(at));
  }

  get settled(): boolean {
    return [...this.asked].every((at) => this.#heard.has(at));
  }

  /** Would it be enough if just these answered? A partial one is known to be only once it has spoken. */
  enough(answers: (at: number) => boolean): boolean {
    const { needed, neededNodes, neededPrimaries } = this.#quorum;
    const all = [...this.#list.replicas.entries()].filter(([at]) => answers(at));
    const primaries = all.filter(([at, { role }]) => role === 'primary' && this.#heard.get(at) !== 'partial');
    const nodes = new Set(all.map(([, { node }]) => node));
    return all.length >= needed && nodes.size >= neededNodes && primaries.length >= neededPrimaries;
  }

  counts(at: number): boolean {
    const kind = this.#heard.get(at);
    return kind === 'answered' || kind === 'partial';
  }

  hopedFor(at: number): boolean {
    return this.counts(at) || (this.asked.has(at) && !this.#heard.has(at));
  }
}

const replica = fc.record({ node: fc.constantFrom('a', 'b', 'c', 'd'), fallback: fc.boolean() });
const play = fc.record({
  replicas: fc.array(replica, { minLength: 1, maxLength: 6 }),
  needed: fc.integer({ min: 1, max: 6 }),
  owners: fc.integer({ min: 1, max: 4 }),
  primaries: fc.integer({ min: 0, max: 3 }),
  asked: fc.uniqueArray(fc.nat(5)),
  events: fc.uniqueArray(
    fc.record({
      at: fc.nat(5),
      kind: fc.constantFrom<Event['kind']>('answered', 'empty', 'partial', 'failed'),
    }),
    { selector: ({ at }) => at },
  ),
});

function stage({
  replicas,
  needed,
  owners,
  primaries,
  asked,
  events,
}: typeof play extends fc.Arbitrary<infer T> ? T : never) {
  const made = replicas.map(({ node, fallback }, at): Replica => {
    return {
      partition: at as PartitionId,
      ringSize: 8,
      node: node as NodeId,
      role: fallback ? 'fallback' : 'primary',
    };
  });
  const list = countedList(made, made.length, owners, 'a' as NodeId);
  const quorum = quorumOf(list, needed, primaries);
  const [clever, dumb] = [new QuorumCount(), new DumbQuorum(list, quorum)];
  clever.begin(list, quorum);
  for (const at of asked.filter((at) => at < made.length)) {
    clever.asked |= 1 << at;
    dumb.asked.add(at);
  }
  for (const event of events.filter(({ at }) => at < made.length)) {
    dumb.hear(event);
    if (event.kind === 'failed') clever.failed(event.at);
    else clever.answered(event.at, event.kind !== 'empty', event.kind === 'partial');
  }
  return { list, clever, dumb };
}

describe('counting', () => {
  it('agrees with the dumb twin', () => {
    fc.assert(
      fc.property(play, (given) => {
        const { clever, dumb } = stage(given);
        expect([clever.met, clever.possible, clever.settled]).toEqual([
          dumb.met,
          dumb.possible,
          dumb.settled,
        ]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('asks only those not asked before, enough of them where there are enough, and nobody when there is hope', () => {
    fc.assert(
      fc.property(play, (given) => {
        const { list, clever, dumb } = stage(given);
        const next = clever.nextToAsk();
        expect(next & clever.asked).toBe(0);
        expect(next >>> list.replicas.length).toBe(0);
        const chosen = (at: number): boolean => (next & (1 << at)) !== 0;
        if (dumb.enough((at) => dumb.hopedFor(at))) expect(next).toBe(0);
        else if (dumb.enough((at) => dumb.hopedFor(at) || !dumb.asked.has(at))) {
          expect(dumb.enough((at) => dumb.hopedFor(at) || chosen(at))).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
