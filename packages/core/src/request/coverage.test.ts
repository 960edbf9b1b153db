/**
 * Coverage requests as plays: what the vnodes are asked, and what the asker is told. The ring has 8 partitions, `abcdabcd`
 * by owner, and keys in three copies. `1@b [0 7 6] after 7` stands for: partition 1 is asked at b for the ranges of hashes
 * 0, 7 and 6 eighths, from the last place in the seventh on.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { Prng } from '../base/prng.ts';
import type { Epoch, NodeId, PartitionId } from '../contracts/ids.ts';
import type { HashRange, RecordKey } from '../contracts/store.ts';
import type { CoveragePage, CoverageQuery } from '../contracts/vnode.ts';
import { birthDocument, type RingDocument } from '../ring/document.ts';
import { preferenceList, type Replica } from '../ring/preference-list.ts';
import { coverage, type CoverageOptions, type CoveragePort } from './coverage.ts';
import type { ReplicaRequest } from './port.ts';
import { countedList } from './quorum.ts';
import { RequestTable } from './request-table.ts';

const EIGHTH = 2 ** 29;

interface Sent {
  readonly id: number;
  readonly replica: Replica;
  readonly query: CoverageQuery<string>;
}

/** A port whose frames lie still until the test answers them. */
class Stage {
  readonly host = new ManualHost();
  readonly table = new RequestTable(this.host);
  readonly said: string[] = [];
  readonly more: (() => void)[] = [];
  sent: Sent[] = [];
  down = '';
  /** Answers each query within the call that asks it. */
  atOnce: ((query: CoverageQuery<string>) => CoveragePage<string>) | undefined;
  #document: RingDocument;

  constructor(owners = 'abcdabcd') {
    const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
    const born = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
    this.#document = { ...born, owners: [...owners] as NodeId[] };
  }

  begin(options: Partial<CoverageOptions<string, string>> = {}): { cancel(): void } {
    const defaults: CoverageOptions<string, string> = {
      command: 'keys',
      n: 3,
      mode: 'all',
      timeoutMs: 10_000,
      onPage: (reply, _from, more) => {
        this.said.push(reply);
        this.more.push(more);
      },
      done: ({ kind, missing, refusal }) =>
        this.said.push(
          [kind, ...missing.map(({ start }) => start / EIGHTH), ...(refusal ? [refusal] : [])].join(' '),
        ),
    };
    return coverage({ port: this.#port(), host: this.host }, { ...defaults, ...options });
  }

  adopt(owners: string): void {
    const ringSize = owners.length;
    this.#document = { ...this.#document, epoch: 2 as Epoch, ringSize, owners: [...owners] as NodeId[] };
    this.table.ringChanged();
  }

  /** What is asked now, in words; it stays open. */
  asked(): string[] {
    return this.sent.map(({ replica, query }) => {
      const ranges = query.ranges.map(({ start }) => Math.floor(start / EIGHTH)).join(' ');
      const after = query.after === undefined ? '' : ` after ${query.after.key}`;
      return `${replica.partition}@${replica.node} [${ranges}]${after}`;
    });
  }

  /** Answer the first that is asked of this partition: up to a place in an eighth, or to the end. */
  page(partition: number | Sent, reply: string, upTo?: RecordKey, standIn = false): void {
    this.#take(partition, (request) => request.onReply(0, { reply, upTo }, standIn));
  }

  refuse(partition: number | Sent, why: 'moved' | 'overload' | 'bad_request'): void {
    this.#take(partition, (request) => request.onRefused(0, why));
  }

  fail(partition: number | Sent): void {
    this.#take(partition, (request) => request.onFailed(0, true));
  }

  sayNothing(partition: number): void {
    this.#take(partition, ({ onAlarm }) => expect(onAlarm).toBeDefined());
    this.host.advance(5_100);
  }

  /** The asker takes all pages that he has been given. */
  goOn(): void {
    for (const more of this.more.splice(0)) more();
    this.host.endTurn();
  }

  /** Each vnode gives what it is asked for in one page, named by partition and ranges, until nothing is asked. */
  answerAll(): void {
    while (this.sent.length > 0) {
      const [{ replica, query }] = this.sent as [Sent, ...Sent[]];
      const ranges = query.ranges.map(({ start }) => Math.floor(start / EIGHTH)).join(' ');
      this.page(replica.partition, `${replica.partition}: ${ranges}`);
      this.goOn();
    }
  }

  #take(partition: number | Sent, then: (request: ReplicaRequest<unknown>) => void): void {
    const at = this.sent.findIndex((sent) => sent === partition || sent.replica.partition === partition);
    expect(at, `partition ${partition} is asked`).toBeGreaterThanOrEqual(0);
    const [{ id, replica }] = this.sent.splice(at, 1) as [Sent];
    const request = this.table.take(id, 0, replica.node);
    if (request !== undefined) then(request);
  }

  #port(): CoveragePort<string, string> {
    const { table } = this;
    const document = (): RingDocument => this.#document;
    return {
      self: 'a' as NodeId,
      get epoch() {
        return document().epoch;
      },
      get document() {
        return document();
      },
      get full() {
        return table.full;
      },
      list: (first: PartitionId, n: number) => {
        const isUp = (node: NodeId): boolean => !this.down.includes(node);
        return countedList(preferenceList(first, n, document().owners, isUp), n, n, 'a' as NodeId);
      },
      open: (request) => table.add(request as ReplicaRequest<never>),
      close: (id) => table.remove(id),
      alarm: (id, ms) => table.alarm(id, ms),
      send: (id, at, replica, query) => {
        table.expect(id, at, replica.node);
        if (this.atOnce === undefined) this.sent.push({ id, replica, query });
        else table.take(id, at, replica.node)?.onReply(at, this.atOnce(query), false);
      },
    };
  }
}

function place(eighth: number, key: string): RecordKey {
  return { hashHi: eighth * EIGHTH + 7, hashLo: 0, key };
}

/** All eighths that the pages told of, which name them after a colon. */
function given(said: readonly string[]): number[] {
  return said
    .filter((line) => line.includes(': '))
    .flatMap((line) => line.replace(/^.*: /, '').split(' ').map(Number))
    .toSorted((a, b) => a - b);
}

const EVERYTHING = [0, 1, 2, 3, 4, 5, 6, 7];

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

describe('with everybody there', () => {
  it('three vnodes of eight are asked, each range of one of them, and the end is told', () => {
    stage.begin();
    expect(stage.sent).toHaveLength(3);
    stage.answerAll();
    expect(given(stage.said)).toEqual(EVERYTHING);
    expect(stage.said.at(-1)).toBe('complete');
    expect(stage.table.open).toBe(0);
  });

  it('only so many at one time, and no next page before the last one was taken', () => {
    stage.begin({ width: 1 });
    const [first] = stage.sent as [Sent];
    const { partition } = first.replica;
    const { start } = first.query.ranges[0] as { start: number };
    const eighth = start / EIGHTH;
    stage.page(partition, 'a page', place(eighth, 'k1'));
    stage.host.endTurn();
    expect(stage.sent).toEqual([]);
    stage.goOn();
    expect(stage.asked()).toEqual([expect.stringMatching(new RegExp(`^${partition}@. \\[.*\\] after k1$`))]);
    expect(stage.sent[0]?.query.ranges[0]?.start).toBe(place(eighth, '').hashHi);
  });

  it('ends when it is cancelled, and hears nobody any more', () => {
    const request = stage.begin();
    const [first] = stage.sent as [Sent];
    request.cancel();
    expect(stage.said).toEqual(['cancelled 0 1 2 3 4 5 6 7']);
    stage.page(first.replica.partition, 'too late');
    expect(stage.said).toHaveLength(1);
    expect(stage.table.open).toBe(0);
  });
});

describe('when nodes are down', () => {
  it('the others are asked for what theirs would have given', () => {
    stage.down = 'c';
    stage.begin();
    stage.answerAll();
    expect(given(stage.said)).toEqual(EVERYTHING);
    expect(stage.said.at(-1)).toBe('complete');
  });

  it('and all that hold a range are among them: nobody is asked, and the range is named', () => {
    stage = new Stage('abbbaaaa');
    stage.down = 'b';
    stage.begin();
    expect(stage.sent).toEqual([]);
    // Partitions 1, 2 and 3 hold the range before partition 1: the eighth that begins at zero.
    expect(stage.said).toEqual(['insufficient 0']);
  });

  it('or, for who takes what can be had, the rest is given', () => {
    stage = new Stage('abbbaaaa');
    stage.down = 'b';
    stage.begin({ mode: 'allUp' });
    stage.answerAll();
    expect(given(stage.said)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(stage.said.at(-1)).toBe('insufficient 0');
  });
});

describe('a vnode that', () => {
  /** The vnode that is asked for several ranges gives some keys of the second, and then something happens. */
  function withOnePageOf(): { partition: number; rest: number[] } {
    stage.begin();
    const { replica, query } = stage.sent.find(({ query: { ranges } }) => ranges.length === 3) as Sent;
    const eighths = query.ranges.map(({ start }) => start / EIGHTH);
    stage.page(replica.partition, `x: ${eighths[0]}`, place(eighths[1] as number, 'k1'));
    stage.goOn();
    return { partition: replica.partition, rest: eighths.slice(1) };
  }

  it.each([
    ['fails', (at: number) => stage.fail(at)],
    ['has moved', (at: number) => stage.refuse(at, 'moved')],
    ['has too much to do', (at: number) => stage.refuse(at, 'overload')],
    ['gives no page in time', (at: number) => stage.sayNothing(at)],
    ['lacks something', (at: number) => stage.page(at, 'of no use', undefined, true)],
    ['goes back', (at: number) => stage.page(at, 'of no use', { hashHi: 0, hashLo: 0, key: '' })],
  ])('%s: others are asked for the rest, from where it ended', (_, happen) => {
    const { partition, rest } = withOnePageOf();
    happen(partition);
    const [current] = rest as [number];
    const heir = stage.sent.find(({ query }) => query.after?.key === 'k1');
    expect(heir?.replica.partition).not.toBe(partition);
    expect(heir?.query.ranges[0]?.start).toBe(current * EIGHTH + 7);
    stage.answerAll();
    expect(given(stage.said)).toEqual(EVERYTHING);
    expect(stage.said.at(-1)).toMatch(/^complete/);
    expect(stage.said).not.toContain('of no use');
  });
});

describe('pages that come within the call', () => {
  it('are as many as they are, one after the other', () => {
    let pages = 0;
    stage.atOnce = ({ ranges }) => {
      const [first] = ranges as readonly [HashRange];
      const isLast = ++pages % 20_000 === 0;
      return { reply: '', upTo: isLast ? undefined : { hashHi: first.start, hashLo: pages, key: '' } };
    };
    stage.begin({ onPage: (_reply, _from, more) => more() });
    stage.host.endTurn();
    expect(stage.said).toEqual(['complete']);
    expect(pages).toBe(60_000);
  });
});

describe('whatever happens on the way', () => {
  /** Several keys of one hash word, so that the place in between is needed. */
  const KEYS: RecordKey[] = Array.from({ length: 120 }, (_, i) => ({
    hashHi: (i % 40) * (EIGHTH / 5),
    hashLo: Math.floor(i / 80),
    key: `k${i}`,
  })).toSorted((a, b) => a.hashHi - b.hashHi || a.hashLo - b.hashLo || (a.key < b.key ? -1 : 1));

  function isBehind(at: RecordKey, after: RecordKey | undefined): boolean {
    if (after === undefined || at.hashHi !== after.hashHi)
      return after === undefined || at.hashHi > after.hashHi;
    return at.hashLo > after.hashLo || (at.hashLo === after.hashLo && at.key > after.key);
  }

  function pageOf({ ranges, after }: CoverageQuery<string>, limit: number): CoveragePage<string> {
    const isAsked = ({ hashHi }: RecordKey): boolean =>
      ranges.some(({ start, end }) => hashHi >= start && hashHi < end);
    const keys = KEYS.filter((at) => isAsked(at) && isBehind(at, after));
    return {
      reply: keys
        .slice(0, limit)
        .map(({ key }) => key)
        .join(' '),
      upTo: keys.length > limit ? keys[limit - 1] : undefined,
    };
  }

  it('each key comes once', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const prng = new Prng(seed);
      stage = new Stage();
      stage.begin({ timeoutMs: 1e9 });
      const owners = ['abcdabcd', 'abcbabcb', 'abcdabcdabcdabcd'];
      const ended = (): boolean => stage.said.at(-1)?.startsWith('complete') === true;
      for (let step = 0; !ended() && step < 2_000; step++) {
        const sent = stage.sent[prng.u32() % Math.max(1, stage.sent.length)];
        const dice = prng.u32() % 20;
        if (sent === undefined) stage.host.advance(300);
        else if (dice === 0) stage.fail(sent);
        else if (dice === 1) stage.refuse(sent, 'moved');
        else if (dice === 2) stage.adopt(owners[prng.u32() % 3] as string);
        else {
          const { reply, upTo } = pageOf(sent.query, 1 + (prng.u32() % 6));
          stage.page(sent, reply, upTo);
        }
        if (prng.u32() % 2 === 0) stage.goOn();
      }
      const given = stage.said.slice(0, -1).flatMap((line) => line.split(' ').filter((key) => key !== ''));
      expect(given.toSorted(), `seed ${seed}`).toEqual(KEYS.map(({ key }) => key).toSorted());
    }
  });
});

describe('time', () => {
  it('ends it, and what was not given is named', () => {
    stage.begin({ timeoutMs: 1_000 });
    stage.host.advance(1_100);
    expect(stage.said).toEqual(['timeout 0 1 2 3 4 5 6 7']);
  });

  it('heals: who had too much to do is asked again when nobody else can be', () => {
    stage = new Stage('abbbaaaa');
    stage.begin();
    for (let round = 0; round < 3; round++)
      for (const { replica } of [...stage.sent])
        if (replica.node === 'b') stage.refuse(replica.partition, 'overload');
    stage.answerAll();
    expect(given(stage.said)).toEqual(EVERYTHING.slice(1));
    stage.host.advance(300);
    stage.answerAll();
    expect(given(stage.said)).toEqual(EVERYTHING);
    expect(stage.said.at(-1)).toBe('complete overload');
  });
});

describe('a ring that changes', () => {
  it('those who wait are asked under the new one, and those who were asked may still answer', () => {
    stage.begin({ width: 1 });
    stage.adopt('aaaaaaaa');
    stage.answerAll();
    expect(given(stage.said)).toEqual(EVERYTHING);
    expect(stage.said.at(-1)).toBe('complete');
  });
});
