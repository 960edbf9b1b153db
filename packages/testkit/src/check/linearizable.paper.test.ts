/** Histories that papers and reports tell of, by name: what is linearizable passes, what is not is caught and explained. */
import { describe, expect, it } from 'vitest';
import type { Json, Operation, Outcome } from '../history/operation.ts';
import { checkLinearizable, describeLinearizability, isLinearizable } from './linearizable.ts';

/** `does('c1', [0, 2], 'read', undefined, 'a')`: asked by c1 at 0, answered with a at 2. */
function does(
  client: string,
  [begin, end]: readonly [number, number],
  kind: string,
  input?: Json,
  output?: Json,
  outcome: Outcome = 'ok',
): Operation {
  return {
    client,
    key: 'x',
    kind,
    begin,
    end: outcome === 'indefinite' ? Infinity : end,
    outcome,
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
  };
}
const write = (
  client: string,
  when: readonly [number, number],
  value: string,
  outcome?: Outcome,
): Operation => does(client, when, 'write', value, undefined, outcome);
const read = (client: string, when: readonly [number, number], value: string | null): Operation =>
  does(client, when, 'read', undefined, value);
const swap = (
  client: string,
  when: readonly [number, number],
  from: string,
  to: string,
  done = true,
): Operation => does(client, when, 'compareAndSet', [from, to], done);

const isFine = (operations: readonly Operation[]): boolean =>
  isLinearizable(checkLinearizable({ operations }));

describe('linearizable', () => {
  it.each<[string, Operation[]]>([
    ['nothing', []],
    ['one client after the other', [write('c1', [0, 1], 'a'), read('c2', [2, 3], 'a')]],
    [
      'a read beside a write finds either value (Herlihy and Wing 1990, figure 1)',
      [write('A', [0, 1], 'a'), write('B', [2, 9], 'b'), read('A', [3, 4], 'a'), read('C', [5, 6], 'b')],
    ],
    [
      'writes that overlap are in whatever order readers agree on',
      [write('A', [0, 9], 'a'), write('B', [1, 8], 'b'), read('C', [10, 11], 'a'), read('D', [12, 13], 'a')],
    ],
    [
      'a write of unknown outcome takes effect long after, and once',
      [
        write('A', [0, 1], 'a'),
        write('B', [2, 3], 'b', 'indefinite'),
        write('A', [4, 5], 'c'),
        read('C', [6, 7], 'c'),
        read('C', [8, 9], 'b'),
      ],
    ],
    ['or never', [write('A', [0, 1], 'a'), write('B', [2, 3], 'b', 'indefinite'), read('C', [4, 5], 'a')]],
    [
      'of two compare-and-set from one value one fails',
      [write('A', [0, 1], 'a'), swap('A', [2, 5], 'a', 'b'), swap('B', [2, 5], 'a', 'c', false)],
    ],
    [
      'a lock by if-not-exists: taken, refused, freed, taken',
      [
        does('A', [0, 1], 'writeIfAbsent', 'A', true),
        does('B', [2, 3], 'writeIfAbsent', 'B', false),
        does('A', [4, 5], 'delete', undefined, true),
        does('B', [6, 7], 'writeIfAbsent', 'B', true),
      ],
    ],
    [
      'increments that overlap tell different counts',
      [
        does('A', [0, 5], 'increment', 1, 2),
        does('B', [0, 5], 'increment', 1, 1),
        does('C', [6, 7], 'total', undefined, 2),
      ],
    ],
  ])('%s', (_what, operations) => {
    expect(isFine(operations)).toBe(true);
  });
});

describe('not linearizable', () => {
  it.each<[string, Operation[], expected: Operation]>(
    (
      [
        [
          'a stale read (Jepsen on etcd and Consul, 2014)',
          [write('A', [0, 1], 'a'), write('A', [2, 3], 'b'), read('B', [4, 5], 'a')],
        ],
        [
          'new, then old: two reads during one write (Lamport 1986: regular and not atomic)',
          [write('A', [0, 1], 'a'), write('A', [2, 20], 'b'), read('B', [3, 4], 'b'), read('C', [5, 6], 'a')],
        ],
        [
          'a lost update: two compare-and-set from one value succeed (Jepsen on Aerospike, 2015)',
          [write('A', [0, 1], 'a'), swap('B', [2, 5], 'a', 'b'), swap('C', [3, 6], 'a', 'c')],
        ],
        [
          'a lost update: two increments tell one count',
          [does('A', [0, 5], 'increment', 1, 1), does('B', [1, 6], 'increment', 1, 1)],
        ],
        [
          'write skew on one key: both saw nothing and both created it',
          [does('A', [0, 5], 'writeIfAbsent', 'A', true), does('B', [0, 5], 'writeIfAbsent', 'B', true)],
        ],
        ['a dirty read of a write that failed', [write('A', [0, 1], 'a', 'failed'), read('B', [2, 3], 'a')]],
        [
          'told that it failed, and it happened: a compare-and-set (Jepsen on Aerospike, 2018)',
          [
            write('A', [0, 1], 'a'),
            does('A', [2, 3], 'compareAndSet', ['a', 'b'], undefined, 'failed'),
            read('B', [4, 5], 'b'),
          ],
        ],
        [
          'a deleted key is back',
          [
            write('A', [0, 1], 'a'),
            does('A', [2, 3], 'delete'),
            read('B', [4, 5], null),
            read('B', [6, 7], 'a'),
          ],
        ],
        ['a value that nobody wrote', [write('A', [0, 1], 'a'), read('B', [2, 3], 'z')]],
        ['a value before it was written', [read('B', [0, 1], 'a'), write('A', [2, 3], 'a')]],
        [
          'a write of unknown outcome takes effect twice',
          [
            write('A', [0, 1], 'a', 'indefinite'),
            read('B', [2, 3], 'a'),
            write('B', [4, 5], 'b'),
            read('B', [6, 7], 'b'),
            read('B', [8, 9], 'a'),
          ],
        ],
        [
          'an increment counted twice after a retry',
          [
            does('A', [0, 1], 'increment', 1, undefined, 'indefinite'),
            does('A', [2, 3], 'increment', 1, 2),
            does('B', [4, 5], 'total', undefined, 3),
          ],
        ],
        [
          'a member of a set is lost, its neighbour is not',
          [
            does('A', [0, 5], 'add', 'a'),
            does('B', [0, 5], 'add', 'b'),
            does('C', [6, 7], 'members', undefined, ['b']),
          ],
        ],
        [
          'a removed member is back',
          [
            does('A', [0, 1], 'add', 'a', true),
            does('B', [2, 3], 'remove', 'a', true),
            does('C', [4, 5], 'members', undefined, ['a']),
          ],
        ],
        [
          'a member is listed twice',
          [does('A', [0, 1], 'add', 'a'), does('C', [2, 3], 'members', undefined, ['a', 'a'])],
        ],
      ] as [string, Operation[]][]
    ).map(([what, operations]) => [
      what,
      operations,
      operations.toSorted((a, b) => a.end - b.end).findLast(({ outcome }) => outcome === 'ok') as Operation,
    ]),
  )('%s', (_what, operations, last) => {
    const verdict = checkLinearizable({ operations });
    expect(verdict.impossible).toEqual(['x']);
    // Up to the last answer all these histories have an order.
    const earlier = operations.filter((operation) => operation !== last);
    if (last.kind !== 'write') expect(verdict.explanations[0]?.stuckAt).toBe(last);
    if (last.kind !== 'write') expect(isFine(earlier)).toBe(true);
  });
});

describe('an explanation', () => {
  it('has the answers that contradict each other, and leaves out what does not matter', () => {
    const noise = (client: string, from: number): Operation[] => [
      write(client, [from, from + 0.5], `${client} ${from}`),
      read('R', [from + 0.6, from + 0.8], `${client} ${from}`),
    ];
    const operations = [
      ...Array.from({ length: 200 }, (_, i) => noise('N', i)).flat(),
      write('A', [300, 301], 'a'),
      read('B', [302, 303], 'a'),
      write('U', [303, 304], 'u', 'indefinite'),
      write('A', [304, 305], 'b'),
      read('C', [304.5, 305.5], 'a'),
      read('B', [306, 307], 'a'),
      read('C', [308, 309], 'b'),
    ];
    const verdict = checkLinearizable({ operations });
    const [explanation] = verdict.explanations;
    expect(explanation?.core.map(({ client, begin }) => [client, begin])).toEqual([
      ['A', 300],
      ['A', 304],
      ['B', 306],
    ]);
    expect(explanation?.possible).toEqual(['b', 'something of unknown outcome']);
    expect(describeLinearizability(verdict)).toBe(
      `
407 operations on 1 key, 1 of them indefinite
NOT LINEARIZABLE: 1 key, "x"
key "x": 404 of 407 operations can be put in an order; this answer cannot follow:
  B: read -> a, when the key could hold b or something of unknown outcome
these cannot all be right, whatever became of the others:
  A  write a    |--|              300.000 to 301.000
  A  write b          |--|        304.000 to 305.000
  B  read -> a              |--|  306.000 to 307.000  <--
at about that time:
  R  read -> "N 198"  |--|                             198.600 to 198.800
  N  write "N 199"          |--|                       199.000 to 199.500
  R  read -> "N 199"              |--|                 199.600 to 199.800
  B  read -> a                          |--|           302.000 to 303.000
  U  write u -> ?                          |-------->  303.000 to ?
  C  read -> a                                |--|     304.500 to 305.500
`.trim(),
    );
  });

  it('has what must have happened, where the same could be right without it', () => {
    const operations = [
      does('A', [0, 9], 'increment', 2, undefined),
      does('B', [1, 8], 'increment', 3, undefined),
      does('C', [10, 11], 'total', undefined, 3),
    ];
    const [explanation] = checkLinearizable({ operations }).explanations;
    expect(explanation?.core).toEqual([operations[0], operations[2]]);
    expect(explanation?.possible).toEqual(['5']);
  });
});

describe('what cannot be found out', () => {
  /** Increments that overlap all, and a total that no sum of them reaches: every subset of them is a place. */
  const hard = [
    ...Array.from({ length: 24 }, (_, i) => does(`c${i}`, [0, 100], 'increment', 3 ** i)),
    does('R', [50, 60], 'total', undefined, 2),
  ];

  it('is told as such, and is not clean', () => {
    const verdict = checkLinearizable({ operations: hard }, { placesMax: 10_000 });
    expect([verdict.impossible, verdict.gaveUp.map(({ key }) => key), isLinearizable(verdict)]).toEqual([
      [],
      ['x'],
      false,
    ]);
    expect(verdict.gaveUp[0]?.places).toBeGreaterThan(9_000);
    expect(describeLinearizability(verdict)).toMatch(/key "x": gave up after \d+ places; not found out/);
  });

  it('does not keep other keys from being judged', () => {
    const operations = [...hard, { ...read('R', [0, 1], 'a'), key: 'y' }];
    const { impossible, gaveUp } = checkLinearizable({ operations }, { placesMax: 10_000 });
    expect([impossible, gaveUp.map(({ key }) => key)]).toEqual([['y'], ['x']]);
  });
});

describe('what unknown outcomes cost', () => {
  /** Without what is known of operations that may be left out, this one would be a search through 2^60 places. */
  it('is little, also in a history that is wrong', () => {
    const unknown = Array.from({ length: 60 }, (_, i) => write(`u${i}`, [i, i], `u${i}`, 'indefinite'));
    const counts = Array.from({ length: 60 }, (_, i) =>
      does(`u${i}`, [i, i], 'increment', 1, undefined, 'indefinite'),
    );
    const right = Array.from({ length: 200 }, (_, i) => [
      write('A', [100 + i, 100.2 + i], `a${i}`),
      read('B', [100.4 + i, 100.6 + i], `a${i}`),
    ]).flat();
    const placesMax = 1_000;
    expect(isLinearizable(checkLinearizable({ operations: [...unknown, ...right] }, { placesMax }))).toBe(
      true,
    );
    const stale = checkLinearizable(
      { operations: [...unknown, ...right, read('B', [400, 401], 'a7')] },
      { placesMax },
    );
    expect([stale.impossible, stale.gaveUp]).toEqual([['x'], []]);
    const total = (n: number): Operation => does('R', [70, 71], 'total', undefined, n);
    expect(isFine([...counts, total(60)])).toBe(true);
    expect(checkLinearizable({ operations: [...counts, total(61)] }, { placesMax }).impossible).toEqual([
      'x',
    ]);
  });
});

describe('what unknown appends cost', () => {
  /** Each may come at any time, and where they stand is seen once all is over: there are 20! orders of them. */
  const words = Array.from({ length: 20 }, (_, i) => `${i}.`);
  const told = words.toSorted().join('');
  const operations = [
    ...words.map((word, i) => does(`u${i}`, [i, i], 'append', word, undefined, 'indefinite')),
    does('R', [30, 40], 'text', undefined, told),
    does('A', [35, 45], 'append', '!', told.length + 1),
  ];

  it('is little, also when one is there that nobody appended', () => {
    const placesMax = 1_000;
    expect(isLinearizable(checkLinearizable({ operations }, { placesMax }))).toBe(true);
    const foreign = does('R', [50, 60], 'text', undefined, `${told}!?`);
    const verdict = checkLinearizable({ operations: [...operations, foreign] }, { placesMax });
    expect([verdict.impossible, verdict.gaveUp]).toEqual([['x'], []]);
  });
});

describe('operations of no model', () => {
  it.each([
    [
      [does('A', [0, 1], 'write', 'a'), does('A', [2, 3], 'increment', 1)],
      'x: "increment" is no operation of a register',
    ],
    [[does('A', [0, 1], 'turn')], 'x: no model has an operation "turn"'],
  ])('are refused', (operations, message) => {
    expect(() => checkLinearizable({ operations })).toThrow(message);
  });
});
