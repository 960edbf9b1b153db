/**
 * The storage contract as a suite: what every `Store` must do, be it in memory, on lmdb or simulated.
 *
 *     storeSuite({ describe, it }, { persistent: true, commitsAtOnce: false }, () => new MyStoreHome());
 *
 * It needs a test runner's `describe` and `it` and nothing else, and knows no time: whatever must happen is
 * waited for by calling `settle` until it has. What a store must hold is looked at in the life that wrote it
 * and, where the store persists, after a close and after a crash as well.
 *
 * Not here: what a power cut leaves, full and failing disks, how quick a store is; that is each store's own test.
 */
import assert from 'node:assert/strict';
import {
  SPACE_ENTRY,
  SPACE_INDEX,
  SPACE_META,
  type Place,
  type RecordKey,
  type Space,
  type Store,
} from '../contracts/store.ts';
import {
  at,
  bytesOf,
  compareKeys,
  COUNT,
  Counter,
  entry,
  HERE,
  keysOf,
  type Life,
  numbers,
  page,
  place,
  Play,
  recordsOf,
  scattered,
  type StoreHome,
  textOf,
  valueOf,
  walkInPages,
} from './store-play.ts';
import type { SuiteRunner } from './transport-suite.ts';

export type { StoreHome } from './store-play.ts';

/** What a store says of itself, so that the suite asks no more of it. */
export interface StoreManifest {
  /** A store opened again holds what was committed before. */
  readonly persistent: boolean;
  /** `committedSeq` has grown when `submit` returns. */
  readonly commitsAtOnce: boolean;
}

export function storeSuite(
  runner: SuiteRunner,
  manifest: StoreManifest,
  setup: () => StoreHome | Promise<StoreHome>,
): void {
  const test = (name: string, body: (play: Play) => Promise<void>): void => {
    runner.it(name, async () => {
      const play = new Play(await setup());
      try {
        await body(play);
      } finally {
        await play.end();
      }
    });
  };

  /** What `write` wrote is what `check` finds: in the same life, in the next one, and after a crash. */
  const keeps = (
    name: string,
    write: (life: Life, play: Play) => unknown,
    check: (store: Store) => void,
  ): void => {
    test(name, async (play) => {
      const first = await play.open();
      await write(first, play);
      await play.untilCommitted(first);
      check(first.store);
      if (!manifest.persistent) return;
      await play.close();
      check((await play.open()).store);
      if (!(await play.crash())) return;
      check((await play.open()).store);
    });
  };

  runner.describe('store: records', () => {
    keeps(
      'are found again, and the last value counts',
      (life) => {
        life.put(HERE, at(1, 0, 'a'), 'first');
        life.put(HERE, at(2, 0, 'b'), 'of b');
        life.put(HERE, at(1, 0, 'a'), 'second');
      },
      (store) => {
        assert.equal(valueOf(store, at(1, 0, 'a')), 'second');
        assert.equal(valueOf(store, at(2, 0, 'b')), 'of b');
        assert.equal(valueOf(store, at(1, 0, 'b')), undefined);
      },
    );

    keeps(
      'hold every byte, in keys and in values',
      (life) =>
        life.submit([{ space: SPACE_ENTRY, place: HERE, ...at(7, 7, ALL_BYTES), value: bytesOf(ALL_BYTES) }]),
      (store) => {
        assert.equal(valueOf(store, at(7, 7, ALL_BYTES)), ALL_BYTES);
        assert.deepEqual(keysOf(store), [ALL_BYTES]);
      },
    );

    keeps(
      'may have an empty key, and an empty value',
      (life) => {
        life.put(HERE, at(1, 1, ''), 'of the empty key');
        life.put(HERE, at(2, 2, 'empty'), '');
        life.put(HERE, at(3, 3, ''), '');
      },
      (store) => {
        assert.equal(valueOf(store, at(1, 1, '')), 'of the empty key');
        assert.equal(valueOf(store, at(2, 2, 'empty')), '');
        assert.deepEqual(recordsOf(store), [
          ['', 'of the empty key'],
          ['empty', ''],
          ['', ''],
        ]);
      },
    );

    for (const length of [1, 1978, 1979, 5000, 100_000]) {
      const keys = ['x', 'y'].map((end, i) => at(100, i, 'k'.repeat(length - 1) + end));
      keeps(
        `may have keys of ${length} bytes`,
        (life) => {
          for (const key of keys) life.put(HERE, key, `of ${key.key.slice(-1)}`);
          life.put(HERE, at(100, 2, 'after'), 'both');
        },
        (store) => {
          for (const key of keys) assert.equal(valueOf(store, key), `of ${key.key.slice(-1)}`);
          assert.deepEqual(recordsOf(store), [
            ...keys.map((key) => [key.key, `of ${key.key.slice(-1)}`]),
            ['after', 'both'],
          ]);
          assert.deepEqual(page(store, keys[0]).keys, [keys[1]?.key, 'after']);
        },
      );
    }

    keeps(
      'may be large',
      (life) => life.put(HERE, at(1, 1, 'large'), 'v'.repeat(3_000_000)),
      (store) => {
        assert.equal(valueOf(store, at(1, 1, 'large')), 'v'.repeat(3_000_000));
        assert.equal(recordsOf(store)[0]?.[1], 'v'.repeat(3_000_000));
      },
    );

    keeps(
      'are gone once removed, of long keys too, and may come back',
      (life) => {
        const long = 'k'.repeat(5000);
        for (const key of ['gone', 'back', long]) life.put(HERE, at(5, 5, key), key);
        for (const key of ['gone', 'back', long, 'never there']) life.remove(HERE, at(5, 5, key));
        life.put(HERE, at(5, 5, 'back'), 'again');
      },
      (store) => {
        assert.deepEqual(recordsOf(store), [['back', 'again']]);
        assert.equal(valueOf(store, at(5, 5, 'gone')), undefined);
        assert.equal(valueOf(store, at(5, 5, 'k'.repeat(5000))), undefined);
      },
    );
  });

  runner.describe('store: order and places', () => {
    keeps(
      'a walk goes in hash order, and ties in the hash go by the bytes of the key',
      (life) => {
        for (const key of shuffled(IN_ORDER)) life.put(HERE, key, 'x');
      },
      (store) => {
        const seen: RecordKey[] = [];
        store.walk(SPACE_ENTRY, HERE, undefined, 1000, (hi, lo, key) => seen.push(at(hi, lo, key)) > 0);
        assert.deepEqual(seen, IN_ORDER);
      },
    );

    keeps(
      'a walk begins after a key, whether that is there or not',
      (life) => {
        for (const key of IN_ORDER) life.put(HERE, key, 'x');
      },
      (store) => {
        for (const [i, key] of IN_ORDER.entries()) {
          assert.deepEqual(
            page(store, key).keys,
            IN_ORDER.slice(i + 1).map((later) => later.key),
            describeKey(key),
          );
          const absent = at(key.hashHi, key.hashLo, key.key + '\0\x01');
          const later = IN_ORDER.filter((other) => compareKeys(other, absent) > 0);
          assert.deepEqual(
            page(store, absent).keys,
            later.map((other) => other.key),
            describeKey(absent),
          );
        }
      },
    );

    keeps(
      'a walk ends at its limit, where the visitor says so, and at the end, and tells whether there may be more',
      (life) => {
        for (let i = 0; i < 10; i++) life.put(HERE, at(i << 28, i, `${i}`), `${i}`);
      },
      (store) => {
        assert.deepEqual(page(store, undefined, 4), { keys: ['0', '1', '2', '3'], more: true });
        assert.deepEqual(page(store, at(3 << 28, 3, '3'), 2), { keys: ['4', '5'], more: true });
        assert.deepEqual(page(store, at(7 << 28, 7, '7'), 100), { keys: ['8', '9'], more: false });
        assert.deepEqual(page(store, at(9 << 28, 9, '9'), 100), { keys: [], more: false });
        const seen: string[] = [];
        const more = store.walk(SPACE_ENTRY, HERE, undefined, 100, (_hi, _lo, key) => {
          seen.push(key);
          return seen.length < 3;
        });
        assert.deepEqual({ seen, more }, { seen: ['0', '1', '2'], more: true });
      },
    );

    keeps(
      'ten thousand records, a thousand of them with one hash, come in order, page by page',
      (life) => {
        for (let i = 0; i < 9000; i++) life.put(HERE, scattered(i), `${i}`);
        life.submit(numbers(1000).map((i) => entry(HERE, at(0x12345678, 0x9abcdef0, `same ${i}`), 'x')));
      },
      (store) => {
        const seen = walkInPages(store, 997);
        assert.equal(seen.length, 10_000);
        assert.deepEqual(seen, seen.toSorted(compareKeys));
      },
    );

    keeps(
      'spaces, ring sizes and partitions are kept apart',
      (life) => {
        for (const [space, where] of APART) {
          life.submit([{ space, place: where, ...at(9, 9, 'same'), value: bytesOf(nameOf(space, where)) }]);
        }
      },
      (store) => {
        for (const [space, where] of APART) {
          assert.equal(textOf(store.get(space, where, at(9, 9, 'same'))), nameOf(space, where));
          const values: (string | undefined)[] = [];
          const more = store.walk(
            space,
            where,
            undefined,
            10,
            (_hi, _lo, _key, value) => values.push(textOf(value)) > 0,
          );
          assert.deepEqual({ values, more }, { values: [nameOf(space, where)], more: false });
        }
        assert.equal(store.get(SPACE_META, place(6, 63), at(9, 9, 'same')), undefined);
      },
    );

    keeps(
      'places are those that hold something, in order',
      (life) => {
        for (const where of [place(6, 63), place(4, 3), place(6, 0), place(10, 1023), place(4, 15)]) {
          life.put(where, at(0xffffffff, 0xffffffff, 'k'), 'x');
        }
        life.remove(place(6, 0), at(0xffffffff, 0xffffffff, 'k'));
        life.submit([
          { space: SPACE_META, place: place(5, 1), ...at(0, 0, ''), value: bytesOf('x') },
          { space: SPACE_INDEX, place: place(5, 2), ...at(0, 0, ''), value: bytesOf('') },
        ]);
      },
      (store) => {
        assert.deepEqual(store.places(SPACE_ENTRY), [
          place(4, 3),
          place(4, 15),
          place(6, 63),
          place(10, 1023),
        ]);
        assert.deepEqual(store.places(SPACE_META), [place(5, 1)]);
        assert.deepEqual(store.places(SPACE_INDEX), [place(5, 2)]);
      },
    );

    test('a slice of what is read is a copy: nobody holds a large value for its head', async (play) => {
      const life = await play.open();
      life.submit([entry(HERE, at(1, 1, 'k'), 'x'.repeat(100_000))]);
      await play.untilCommitted(life);
      const heads = [life.store.get(SPACE_ENTRY, HERE, at(1, 1, 'k'))?.slice(0, 8)];
      life.store.walk(
        SPACE_ENTRY,
        HERE,
        undefined,
        9,
        (_hi, _lo, _key, value) => heads.push(value.slice(0, 8)) > 0,
      );
      assert.deepEqual(
        heads.map((head) => head?.buffer.byteLength),
        [8, 8],
      );
    });

    test('an empty store has no places, no records and nothing to walk', async (play) => {
      const { store } = await play.open();
      assert.deepEqual(store.places(SPACE_ENTRY), []);
      assert.deepEqual(page(store, undefined), { keys: [], more: false });
      assert.equal(valueOf(store, at(0, 0, '')), undefined);
    });
  });

  runner.describe('store: walks while records change', () => {
    const stays = numbers(600).map((i) => scattered(i));

    test('between pages: who is there throughout is seen once', async (play) => {
      const life = await play.open();
      life.submit(stays.map((key) => entry(HERE, key, 'x')));
      await play.untilCommitted(life);
      const seen: RecordKey[] = [];
      let after: RecordKey | undefined;
      for (let round = 0, more = true; more; round++) {
        more = life.store.walk(
          SPACE_ENTRY,
          HERE,
          after,
          7,
          (hi, lo, key) => seen.push((after = at(hi, lo, key))) > 0,
        );
        disturb(life, stays, round);
        await play.untilCommitted(life);
      }
      assertSeenOnce(seen, stays);
    });

    test('from within the visitor: who is there throughout is seen once', async (play) => {
      const life = await play.open();
      life.submit(stays.map((key) => entry(HERE, key, 'x')));
      await play.untilCommitted(life);
      const seen: RecordKey[] = [];
      const more = life.store.walk(SPACE_ENTRY, HERE, undefined, 100_000, (hi, lo, key) => {
        if (seen.length < 300) disturb(life, stays, seen.length);
        return seen.push(at(hi, lo, key)) > 0;
      });
      assert.equal(more, false);
      assertSeenOnce(seen, stays);
    });
  });

  runner.describe('store: batches', () => {
    test('sequence numbers grow by one, and what is reported follows them', async (play) => {
      const life = await play.open();
      const before = life.store.committedSeq;
      for (let i = 1; i <= 20; i++) {
        assert.equal(life.put(HERE, at(i, i, `${i}`), 'x'), before + i);
        if (manifest.commitsAtOnce) assert.equal(life.store.committedSeq, before + i);
      }
      await play.until('everything is flushed', () => life.store.flushedSeq === before + 20);
      assert.equal(life.store.committedSeq, before + 20);
    });

    test('an empty batch has its number and is committed too', async (play) => {
      const life = await play.open();
      life.submit([]);
      await play.untilCommitted(life);
      assert.equal(life.store.committedSeq, life.lastSeq);
    });

    test('get and walk see what is committed and nothing else', async (play) => {
      const life = await play.open();
      life.put(HERE, at(1, 1, 'k'), 'old');
      await play.untilCommitted(life);
      const seq = life.put(HERE, at(1, 1, 'k'), 'new');
      life.put(HERE, at(2, 2, 'other'), 'x');
      const committed = life.store.committedSeq >= seq;
      assert.equal(committed, manifest.commitsAtOnce);
      assert.deepEqual(
        recordsOf(life.store),
        committed
          ? [
              ['k', 'new'],
              ['other', 'x'],
            ]
          : [['k', 'old']],
      );
      assert.equal(valueOf(life.store, at(1, 1, 'k')), committed ? 'new' : 'old');
      await play.untilCommitted(life);
      assert.deepEqual(recordsOf(life.store), [
        ['k', 'new'],
        ['other', 'x'],
      ]);
    });

    keeps(
      'a batch covers spaces and places, and within it the last word on a key counts',
      (life) =>
        life.submit([
          entry(HERE, at(1, 1, 'k'), 'first'),
          { space: SPACE_META, place: place(5, 0), ...at(0, 0, 'm'), value: bytesOf('meta') },
          { space: SPACE_ENTRY, place: HERE, ...at(2, 2, 'gone'), value: bytesOf('x') },
          { space: SPACE_INDEX, place: HERE, ...at(1, 0, 'i'), value: bytesOf('index') },
          entry(HERE, at(1, 1, 'k'), 'second'),
          { space: SPACE_ENTRY, place: HERE, ...at(2, 2, 'gone'), value: undefined },
        ]),
      (store) => {
        assert.deepEqual(recordsOf(store), [['k', 'second']]);
        assert.equal(textOf(store.get(SPACE_META, place(5, 0), at(0, 0, 'm'))), 'meta');
        assert.equal(textOf(store.get(SPACE_INDEX, HERE, at(1, 0, 'i'))), 'index');
      },
    );

    keeps(
      'a late record tells of every batch it rode along with, asked once a batch at most',
      async (life, play) => {
        const counter = new Counter();
        for (let i = 0; i < 5; i++) life.submit([entry(HERE, at(i, i, `${i}`), 'x')], counter.counted());
        await play.untilCommitted(life);
        assert.ok(counter.asked >= 1 && counter.asked <= 5, `asked ${counter.asked} times for 5 batches`);
        for (let i = 5; i < 8; i++) life.submit([entry(HERE, at(i, i, `${i}`), 'x')], counter.counted());
      },
      (store) => {
        assert.equal(textOf(store.get(SPACE_META, HERE, COUNT)), '8');
        assert.equal(recordsOf(store).length, 8);
      },
    );

    test('what was submitted together is taken in order, however much it is', async (play) => {
      const life = await play.open();
      const counter = new Counter();
      for (let i = 0; i < 3000; i++) {
        life.submit(
          [entry(HERE, at(1, 1, 'last'), `${i}`), entry(HERE, scattered(i), `${i}`)],
          counter.counted(),
        );
      }
      await play.untilCommitted(life);
      assert.equal(valueOf(life.store, at(1, 1, 'last')), '2999');
      assert.equal(recordsOf(life.store).length, 3001);
      assert.equal(textOf(life.store.get(SPACE_META, HERE, COUNT)), '3000');
    });
  });

  runner.describe('store: lives', () => {
    test('a store has an id, and another store has another', async (play) => {
      const other = new Play(await setup());
      const ids = [(await play.open()).store.storeId, (await other.open()).store.storeId];
      await other.end();
      assert.ok(ids[0] !== undefined && ids[0].length >= 16);
      assert.notEqual(ids[0], ids[1]);
    });

    test('a closed store has flushed what it took, and takes nothing more', async (play) => {
      const life = await play.open();
      life.put(HERE, at(1, 1, 'k'), 'v');
      await play.close();
      assert.equal(life.store.flushedSeq, life.lastSeq);
      assert.equal(life.store.submit([entry(HERE, at(2, 2, 'late'), 'x')]), undefined);
      if (manifest.persistent) assert.deepEqual(recordsOf((await play.open()).store), [['k', 'v']]);
    });

    test('while it closes it takes nothing either', async (play) => {
      const life = await play.open();
      life.put(HERE, at(1, 1, 'k'), 'v');
      const closed = play.close();
      assert.equal(life.store.submit([entry(HERE, at(2, 2, 'late'), 'x')]), undefined);
      await closed;
    });

    if (!manifest.persistent) return;

    test('the id stays through close and crash', async (play) => {
      const { storeId } = (await play.open()).store;
      await play.close();
      assert.equal((await play.open()).store.storeId, storeId);
      if (await play.crash()) assert.equal((await play.open()).store.storeId, storeId);
    });

    test('life after life adds to what is there', async (play) => {
      for (let i = 0; i < 4; i++) {
        const life = await play.open();
        assert.equal(recordsOf(life.store).length, i);
        life.put(HERE, at(i, i, `${i}`), 'x');
        await play.close();
      }
    });

    test('a crash leaves whole batches, a prefix of them, no shorter than what was committed', async (play) => {
      const life = await play.open();
      const counter = new Counter();
      for (let i = 0; i < 40; i++) {
        life.submit(
          [entry(HERE, scattered(i), `${i}`), entry(place(4, 3), scattered(i), `${i}`)],
          counter.counted(),
        );
        if (i === 20) await play.untilCommitted(life);
        if (i % 9 === 0) await play.settle();
      }
      const committed = life.store.committedSeq - life.firstSeq + 1;
      if (!(await play.crash())) return;
      const { store } = await play.open();
      const found = numbers(40).filter((i) => store.get(SPACE_ENTRY, HERE, scattered(i)) !== undefined);
      assert.deepEqual(found, numbers(found.length));
      assert.ok(found.length >= committed, `${found.length} found, ${committed} were committed`);
      assert.equal(recordsOf(store, place(4, 3)).length, found.length);
      assert.equal(textOf(store.get(SPACE_META, HERE, COUNT)), `${found.length}`);
    });
  });
}

const ALL_BYTES = String.fromCharCode(...numbers(256));

/** Every border of the two hash words, and ties that only the key decides. */
const IN_ORDER: readonly RecordKey[] = [
  at(0, 0, ''),
  at(0, 0, '\0'),
  at(0, 0, '\0\0'),
  at(0, 0, '\x01'),
  at(0, 0, 'a'),
  at(0, 0, 'a\0'),
  at(0, 0, 'aa'),
  at(0, 0, '\x7f'),
  at(0, 0, '\x80'),
  at(0, 0, '\xff'),
  at(0, 0, '\xff\xff'),
  at(0, 1, 'z'),
  at(0, 0x7fffffff, 'y'),
  at(0, 0x80000000, 'x'),
  at(0, 0xffffffff, 'w'),
  at(1, 0, 'v'),
  at(0x7fffffff, 0xffffffff, 'u'),
  at(0x80000000, 0, 't'),
  at(0xffffffff, 0, 's'),
  at(0xffffffff, 0xffffffff, ''),
  at(0xffffffff, 0xffffffff, 'r'),
];

const APART: readonly (readonly [Space, Place])[] = [
  [SPACE_ENTRY, place(6, 5)],
  [SPACE_META, place(6, 5)],
  [SPACE_ENTRY, place(6, 6)],
  [SPACE_ENTRY, place(7, 5)],
  [SPACE_ENTRY, place(10, 1023)],
  [SPACE_META, place(10, 0)],
  [SPACE_INDEX, place(6, 5)],
  [SPACE_INDEX, place(6, 7)],
];

function nameOf(space: Space, where: Place): string {
  return `space ${space}, ring ${where.ringBits}, partition ${where.partition}`;
}

/** Overwrite one that stays, and bring and take others, all over hash space. */
function disturb(life: Life, stays: readonly RecordKey[], round: number): void {
  life.submit([
    entry(HERE, stays[(round * 37) % stays.length] as RecordKey, `round ${round}`),
    ...numbers(5).map((i) => entry(HERE, scattered(10_000 + round * 5 + i), 'passing')),
    ...numbers(3).map((i) => ({
      ...entry(HERE, scattered(10_000 + (round - 2) * 5 + i), ''),
      value: undefined,
    })),
  ]);
}

function assertSeenOnce(seen: readonly RecordKey[], stays: readonly RecordKey[]): void {
  assert.deepEqual(seen, seen.toSorted(compareKeys));
  const times = new Map<string, number>();
  for (const { key } of seen) times.set(key, (times.get(key) ?? 0) + 1);
  assert.deepEqual(
    stays.filter(({ key }) => times.get(key) !== 1),
    [],
  );
  assert.deepEqual(Math.max(...times.values()), 1);
}

function describeKey(key: RecordKey): string {
  return `after ${key.hashHi.toString(16)} ${key.hashLo.toString(16)} ${JSON.stringify(key.key)}`;
}

/** Neither in order nor in reverse. */
function shuffled<T>(items: readonly T[]): T[] {
  return items.map((_, i) => items[(i * 8 + 3) % items.length] as T);
}
