/**
 * What is sent to both servers: plays, each a few commands on keys of its own.
 *
 * A play is written as a person types it into redis-cli: words between spaces, words in quotes as in JSON, `{k}` for a key of the
 * play's own. Some are written by hand; most are drawn up from lists - every number in every place for a number, every row
 * of up to three options - because mistakes sit where nobody thought of two things together.
 */

/** Lines, one command each. */
export type Play = readonly string[];

/** And what is a number with a point to it. */
const FLOATS: readonly string[] = [
  ...[
    '0',
    '-0',
    '0.1',
    '-0.1',
    '5.',
    '.5',
    '+1',
    '01',
    '3.0e3',
    '10000.1',
    '-3000.1',
    '1e30',
    '1e-20',
    '-1e-17',
  ],
  ...['18446744073709551616', '99999999999999999999.5', '1e4932', '-1e4932', '1e5000', '1e-4940', '1e-5000'],
  ...[
    '0x10',
    '0x.8p1',
    '0x',
    'inf',
    '-Infinity',
    'nan',
    '1e',
    'e1',
    '.',
    'x',
    '""',
    '" 1"',
    '"1 "',
    '"1\\u0000"',
  ],
];

/** As values and as arguments: what is an integer to Redis, and what only looks like one. */
const NUMBERS: readonly string[] = [
  ...['0', '-0', '1', '-1', '+1', '01', '-01', '12', '1.5', '1e3', '0x10', 'x', '-', '""'],
  ...['" 1"', '"1 "', '"1\\u0000"', '"1\\r\\n"'],
  ...['9223372036854775806', '9223372036854775807', '9223372036854775808', '18446744073709551616'],
  ...['-9223372036854775807', '-9223372036854775808', '-9223372036854775809', '99999999999999999999999'],
];

/**
 * Past, far ahead, and around the ends of what fits when seconds become milliseconds and when now is added. None that is
 * over while a play runs.
 */
const TIMES: readonly string[] = [
  ...NUMBERS.filter((number) => number !== '1' && number !== '12'),
  ...['100000', '9223372036854775', '9223372036854776', '-9223372036854775', '-9223372036854776'],
  ...[
    '9223370000000000',
    '4102444800',
    '4102444800000',
    '281474976710',
    '281474976710655',
    '281474976710656',
  ],
];

const UNITS = ['EX', 'PX', 'EXAT', 'PXAT'];

/** What a key may be before the command that counts. */
const MISSING: Play = [];
const PLAIN: Play = ['SET {k} old'];
const EXPIRING: Play = ['SET {k} old EX 1000'];
const STATES = [MISSING, PLAIN, EXPIRING];

/** What can be seen of a key afterwards. */
const LOOK: Play = ['GET {k}', 'PTTL {k}'];

function counting(): Play[] {
  const held = [MISSING, ...NUMBERS.map((value) => [`SET {k} ${value} EX 1000`])];
  const commands = [
    ...['INCR {k}', 'DECR {k}'],
    ...NUMBERS.flatMap((by) => [`INCRBY {k} ${by}`, `DECRBY {k} ${by}`]),
  ];
  return each(held, commands, (before, command) => [...before, command, ...LOOK]);
}

function countingInParts(): Play[] {
  const held = [MISSING, ...FLOATS.map((value) => [`SET {k} ${value} EX 1000`])];
  return each(held, FLOATS, (before, by) => [...before, `INCRBYFLOAT {k} ${by}`, ...LOOK]);
}

function expiring(): Play[] {
  const options = ['', ' NX', ' XX', ' GT', ' LT', ' nope'];
  const commands = ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'].flatMap((name) =>
    each(TIMES, options, (time, option) => `${name} {k} ${time}${option}`),
  );
  const rows = rowsOf(['NX', 'XX', 'gt', 'LT', '""'], 3).map((row) => `EXPIRE {k} 2000 ${row}`);
  return each(STATES, [...commands, ...rows], (before, command) => [
    ...before,
    command,
    ...LOOK,
    'TTL {k}',
    'EXPIRETIME {k}',
    'PEXPIRETIME {k}',
  ]);
}

function setting(): Play[] {
  const timed = each(UNITS, TIMES, (unit, time) => `SET {k} new ${unit} ${time}`);
  const inPart = each(UNITS, TIMES, (unit, time) => `SET {k} new ${unit.toLowerCase()} ${time} NX GET`);
  const ex = TIMES.flatMap((time) => [`SETEX {k} ${time} new`, `PSETEX {k} ${time} new`]);
  const options = ['NX', 'XX', 'GET', 'KEEPTTL', 'EX 100', 'PX 100000', 'EXAT 4102444800', 'EX 0'];
  const rows = rowsOf([...options, 'PX', 'PERSIST'], 3).map((row) => `SET {k} new ${row}`);
  return each(STATES, [...timed, ...inPart, ...ex, ...rows], (before, command) => [
    ...before,
    command,
    ...LOOK,
  ]);
}

function gettingAndExpiring(): Play[] {
  const timed = each(UNITS, TIMES, (unit, time) => `GETEX {k} ${unit} ${time}`);
  const options = ['PERSIST', 'EX 100', 'px 100000', 'EXAT 4102444800', 'PXAT 0', 'EX', 'EX x', 'KEEPTTL'];
  const rows = rowsOf([...options, 'NX', 'GET'], 3).map((row) => `GETEX {k} ${row}`);
  return each(STATES, ['GETEX {k}', ...timed, ...rows], (before, command) => [...before, command, ...LOOK]);
}

/** Too few and too many arguments, for every command of which two servers can say the same. */
function arities(): Play[] {
  const names = [
    ...[
      'GET',
      'SET',
      'SETEX',
      'PSETEX',
      'SETNX',
      'GETSET',
      'GETDEL',
      'GETEX',
      'STRLEN',
      'APPEND',
      'MGET',
      'MSET',
    ],
    ...[
      'INCR',
      'DECR',
      'INCRBY',
      'DECRBY',
      'INCRBYFLOAT',
      'EXPIRE',
      'PEXPIRE',
      'EXPIREAT',
      'PEXPIREAT',
      'PERSIST',
      'TTL',
      'PTTL',
    ],
    ...['EXPIRETIME', 'PEXPIRETIME', 'EXISTS', 'DEL', 'UNLINK', 'TYPE', 'ECHO', 'PING', 'SELECT', 'DBSIZE'],
    ...['SCAN', 'KEYS', 'FLUSHALL', 'FLUSHDB', 'CLIENT', 'CONFIG', 'nope', 'getx', '""'],
  ];
  const rows = [
    [],
    ['{k}'],
    ['{k}', '7'],
    ['{k}', '7', '8'],
    ['{k}', '7', '8', '9'],
    ['{k}', '7', '8', '9', '10'],
  ];
  // Without arguments these would do what they do to all keys, and no two servers hold the same.
  const fewest = (name: string): number =>
    name === 'KEYS' ? 2 : ['DBSIZE', 'FLUSHALL', 'FLUSHDB'].includes(name) ? 1 : 0;
  return names.flatMap((name) => rows.slice(fewest(name)).map((row) => [[name, ...row].join(' ')]));
}

const BY_HAND: readonly Play[] = [
  ['APPEND {k} hello', 'APPEND {k} ""', 'APPEND {k} " you"', 'GET {k}', 'STRLEN {k}'],
  ['APPEND {k} ""', 'EXISTS {k}', 'GET {k}', 'TYPE {k}'],
  ['SET {k} v EX 1000', 'APPEND {k} w', ...LOOK],
  ['SET {k} 1', 'APPEND {k} 2', 'INCR {k}', 'APPEND {k} x', 'INCR {k}', 'GET {k}'],
  ['INCR {k}', 'APPEND {k} 0', 'INCR {k}', 'STRLEN {k}'],
  ['SET {k} v PXAT 1', 'APPEND {k} w', ...LOOK],
  ['SETNX {k} v', 'SETNX {k} w', ...LOOK],
  ['SET {k} v EX 1000', 'SETNX {k} w', ...LOOK],
  ['SET {k} v PXAT 1', 'SETNX {k} w', ...LOOK],
  ['GETSET {k} v', 'GETSET {k} w', ...LOOK],
  ['SET {k} v EX 1000', 'GETSET {k} w', ...LOOK],
  ['SET {k} v PXAT 1', 'GETSET {k} w', ...LOOK],
  ['GETDEL {k}', 'SET {k} v EX 1000', 'GETDEL {k}', 'GETDEL {k}', 'EXISTS {k}', 'PTTL {k}'],
  ['SET {k} v PXAT 1', 'GETDEL {k}'],
  ['SET {k} v', 'RENAME {k} {k}b', 'GET {k}', 'GET {k}b', 'RENAME {k} {k}b', 'RENAME {k}b {k}b', 'GET {k}b'],
  [
    'SET {k} v EX 1000',
    'SET {k}b w',
    'RENAME {k} {k}b',
    'TTL {k}b',
    'SET {k} u',
    'RENAMENX {k} {k}b',
    'MGET {k} {k}b',
  ],
  [
    'SET {k} v',
    'RENAMENX {k} {k}b',
    'RENAMENX {k} {k}c',
    'RENAMENX {k}b {k}b',
    'RENAME {k}b',
    'RENAMENX {k} a b',
  ],
  ['SET {k} v PXAT 1', 'GETEX {k} EX 100', 'EXISTS {k}'],
  ['SET {k} v PXAT 1', 'INCR {k}', ...LOOK],
  ['SET {k} v PXAT 1', 'EXPIRE {k} 100', 'PERSIST {k}', 'DEL {k}', 'EXISTS {k}'],
  ['PERSIST {k}', 'SET {k} v', 'PERSIST {k}', 'EXPIRE {k} 1000', 'PERSIST {k}', 'PERSIST {k}', ...LOOK],
  ['SET {k} v EX 1000', 'SET {k} w KEEPTTL', ...LOOK, 'SET {k} x', ...LOOK],
  ['SET {k} v EX 1000', 'INCR {k}', 'SET {k} 1 KEEPTTL', 'INCR {k}', ...LOOK],
  ['SET {k} v PXAT 1', 'SET {k} w KEEPTTL', ...LOOK],
  ['SET {k} v EX 1000', 'DEL {k}', 'SET {k} w KEEPTTL', ...LOOK],
  ['SET {k} v EX 1000', 'EXPIRE {k} 0', 'EXISTS {k}', 'INCR {k}', ...LOOK],
  ['SET {k} v EX 1000', 'GETEX {k} PXAT 1', 'EXISTS {k}', 'SET {k} w NX', ...LOOK],
  ['SET {k} v PX 100500', 'TTL {k}', 'PTTL {k}', 'EXPIRETIME {k}', 'PEXPIRETIME {k}'],
  ['MSET {k} 1 {other} 2', 'INCR {k}', 'MGET {k} {other} {third}', 'EXPIRE {k} 1000', 'MSET {k} 3', ...LOOK],
  ['SET {k} "\\u0000\\r\\n\\u00ff"', 'GET {k}', 'APPEND {k} "\\u0000"', 'GETSET {k} ""', 'GETDEL {k}'],
  ['set {k} V', 'gEt {k}', 'inCR {k}', 'getex {k} persist', 'expire {k} 1000 nx', 'TTL {k}'],
];

export const PLAYS: readonly Play[] = [
  ...BY_HAND,
  ...arities(),
  ...counting(),
  ...countingInParts(),
  ...expiring(),
  ...setting(),
  ...gettingAndExpiring(),
];

function each<A, B, C>(ones: readonly A[], others: readonly B[], make: (one: A, other: B) => C): C[] {
  return ones.flatMap((one) => others.map((other) => make(one, other)));
}

/** All rows of one to `longest` of the words, with repetitions. */
function rowsOf(words: readonly string[], longest: number): string[] {
  const all: string[] = [];
  let rows = [''];
  for (let length = 1; length <= longest; length++) {
    rows = each(rows, words, (row, word) => `${row} ${word}`.trim());
    all.push(...rows);
  }
  return all;
}
