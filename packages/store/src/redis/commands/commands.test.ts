import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDoor, type OpenDoor } from '../testing/open-door.ts';
import { multibulk, RawClient } from '../testing/raw-client.ts';

let door: OpenDoor;
let client: RawClient;

beforeAll(async () => (door = await openDoor()));
afterAll(() => door.server.close());
beforeEach(async () => {
  door.store.values.clear();
  door.store.untilMs.clear();
  client = await RawClient.open(door.port);
  return () => client.socket.destroy();
});

/** Words in quotes may hold spaces; a command per line, and the replies one after the other. */
async function dialogue(commands: string, replies: string): Promise<void> {
  const expected = replies.replace(/ /g, '\r\n') + '\r\n';
  expect(await client.ask(`${commands.replace(/; /g, '\r\n')}\r\n`, expected)).toBe(expected);
}

async function refused(command: string, error: string): Promise<void> {
  expect(await client.ask(`${command}\r\nPING\r\n`, `-${error}\r\n+PONG\r\n`)).toBe(`-${error}\r\n+PONG\r\n`);
}

describe('values', () => {
  it.each<[string, string]>([
    ['SET k v; GET k; get K', '+OK $1 v $-1'],
    ['SET k ""; GET k; STRLEN k', '+OK $0  :0'],
    ['SET k hello; STRLEN k; STRLEN none', '+OK :5 :0'],
    ['MSET a 1 b 2 a 3; MGET a none b a', '+OK *4 $1 3 $-1 $1 2 $1 3'],
    ['MSET a 1 b 2; DEL a b a none; EXISTS a', '+OK :2 :0'],
    ['SET a 1; UNLINK a; UNLINK a', '+OK :1 :0'],
    ['SET a 1; EXISTS a a none', '+OK :2'],
    ['SET a 1; TYPE a; TYPE none', '+OK +string +none'],
  ])('%s', dialogue);

  it('takes any bytes', async () => {
    const key = '\0\r\n\xff';
    const value = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
    const expected = `+OK\r\n$256\r\n${value}\r\n`;
    expect(await client.ask(multibulk('SET', key, value) + multibulk('GET', key), expected)).toBe(expected);
  });
});

describe('a new name', () => {
  it.each<[string, string]>([
    ['SET a 1; RENAME a b; GET a; GET b', '+OK +OK $-1 $1 1'],
    ['SET a 1 EX 10; SET b 2; RENAME a b; GET b; TTL b; EXISTS a', '+OK +OK +OK $1 1 :10 :0'],
    ['SET a 1; RENAME a a; GET a; RENAMENX a a; GET a', '+OK +OK $1 1 :0 $1 1'],
    ['SET a 1; SET b 2; RENAMENX a b; MGET a b', '+OK +OK :0 *2 $1 1 $1 2'],
    ['SET a 1; RENAMENX a b; MGET a b', '+OK :1 *2 $-1 $1 1'],
  ])('%s', dialogue);

  it.each(['RENAME none b', 'RENAMENX none b', 'RENAME none none'])('%s', (command) =>
    refused(command, 'ERR no such key'),
  );
});

describe('functions, of which there are none', () => {
  it.each<[string, string]>([
    ['FUNCTION FLUSH; FUNCTION FLUSH ASYNC; function flush sync', '+OK +OK +OK'],
    ['FUNCTION LIST; FUNCTION LIST WITHCODE LIBRARYNAME a*; function list libraryname withcode', '*0 *0 *0'],
  ])('%s', dialogue);

  it.each([
    ['FUNCTION FLUSH NOW', 'ERR FUNCTION FLUSH only supports SYNC|ASYNC option'],
    [
      'FUNCTION FLUSH SYNC NOW',
      "ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP.",
    ],
    ['FUNCTION LIST x', 'ERR Unknown argument x'],
    ['FUNCTION LIST WITHCODE withcode', 'ERR Unknown argument withcode'],
    ['FUNCTION LIST LIBRARYNAME', 'ERR library name argument was not given'],
  ])('are asked for in no other way: %s', refused);
});

/** The clock of the cluster shows 1000 seconds. */
describe('expiry', () => {
  it.each<[string, string]>([
    ['SET k v EX 10; TTL k; PTTL k; EXPIRETIME k; PEXPIRETIME k', '+OK :10 :10000 :1010 :1010000'],
    ['SET k v PX 1499; TTL k; PTTL k; EXPIRETIME k', '+OK :1 :1499 :1001'],
    ['SET k v PX 1500; TTL k; EXPIRETIME k', '+OK :2 :1002'],
    ['SET k v PX 400; TTL k; PTTL k', '+OK :0 :400'],
    ['SET k v EXAT 1001; PTTL k', '+OK :1000'],
    ['SET k v pxat 1000001; PTTL k', '+OK :1'],
    ['SET k v PXAT 1000000; GET k; PTTL k', '+OK $-1 :-2'],
    ['SET k v EX 10 EX 20; TTL k', '+OK :20'],
    ['SETEX k 10 v; GET k; TTL k; PSETEX k 20 w; GET k; PTTL k', '+OK $1 v :10 +OK $1 w :20'],
    ['SET k v EX 10; SET k v; TTL k; PEXPIRETIME k', '+OK +OK :-1 :-1'],
    ['TTL none; PTTL none; EXPIRETIME none; PEXPIRETIME none', ':-2 :-2 :-2 :-2'],
    ['SET k v PX 9223372036854; PEXPIRETIME k', '+OK :9223373036854'],
    ['SET k v PX 9223372035854775807; PEXPIRETIME k', '+OK :281474976710655'],
  ])('%s', dialogue);

  it.each<[string, string]>([
    ['SETEX k 0 v', "ERR invalid expire time in 'setex' command"],
    ['SETEX k x v', 'ERR value is not an integer or out of range'],
    ['PSETEX k -1 v', "ERR invalid expire time in 'psetex' command"],
    ['SETEX k 1', "ERR wrong number of arguments for 'setex' command"],
  ])('%s', refused);
});

describe('the whole key space', () => {
  it.each<[string, string]>([
    ['DBSIZE; MSET a 1 b 2; DBSIZE; FLUSHALL; DBSIZE', ':0 +OK :2 +OK :0'],
    ['MSET a 1 b 2; FLUSHDB ASYNC; DBSIZE', '+OK +OK :0'],
    ['MSET aa 1 ab 2 b 3; KEYS a*; KEYS x', '+OK *2 $2 aa $2 ab *0'],
    ['MSET a 1 b 2 c 3; SCAN 0 COUNT 2; SCAN 2 COUNT 2', '+OK *2 $1 2 *2 $1 a $1 b *2 $1 0 *1 $1 c'],
    ['MSET a 1 b 2; SCAN 0 MATCH b TYPE string; SCAN 0 TYPE list', '+OK *2 $1 0 *1 $1 b *2 $1 0 *0'],
    ['SCAN 18446744073709551615', '*2 $1 0 *0'],
  ])('%s', dialogue);

  it('KEYS goes through all pages', async () => {
    for (let i = 0; i < 2500; i++) door.store.values.set(`k${i}`, Buffer.from('v'));
    expect(await client.ask('KEYS *\r\n', '*2500\r\n')).toBe('*2500\r\n');
  });
});

describe('between client and node', () => {
  it.each<[string, string]>([
    ['PING; PING hi; ECHO hi; SELECT 0', '+PONG $2 hi $2 hi +OK'],
    ['CLIENT GETNAME; CLIENT SETNAME me; CLIENT GETNAME', '$-1 +OK $2 me'],
    ['CLIENT SETINFO LIB-NAME x; CLIENT SETINFO lib-ver 1', '+OK +OK'],
    ['CLIENT NO-EVICT on; CLIENT NO-TOUCH off', '+OK +OK'],
    ['HELLO 3; GET none; RESET; GET none', '%7 $6 server $5 redis $7 version $6 7.0.15 $5 proto :3 $2 id ID'],
    ['AUTH default anything', '+OK'],
    [
      'CONFIG SET save 60; CONFIG GET save; CONFIG SET save ""; CONFIG GET port',
      '+OK *2 $4 save $2 60 +OK PORT',
    ],
    ['CONFIG RESETSTAT', '+OK'],
    ['COMMAND COUNT; COMMAND INFO none; COMMAND DOCS none', ':49 *1 $-1 *0'],
    [
      'COMMAND INFO strlen',
      '*1 *10 $6 strlen :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *0 *0',
    ],
    [
      'COMMAND INFO getex',
      '*1 *10 $5 getex :-2 *2 +write +fast :1 :1 :1 *3 +@write +@string +@fast *0 *0 *0',
    ],
    ['COMMAND GETKEYS MSET a 1 b 2; COMMAND LIST FILTERBY PATTERN get', '*2 $1 a $1 b *1 $3 get'],
    // ID and PORT stand for what depends on the run.
  ])('%s', (commands, replies) =>
    dialogue(commands, replies.replace('PORT', portReply()).replace('ID', `:${lastId()} ${HELLO_REST}`)),
  );

  it('QUIT closes after what came before it, and nothing comes after', async () => {
    client.send('PING\r\nQUIT\r\nPING\r\n');
    expect(await client.rest()).toBe('+PONG\r\n+OK\r\n');
  });

  it('INFO holds what clients look for', async () => {
    client.send('SET k v\r\nINFO\r\nQUIT\r\n');
    const info = await client.rest();
    for (const field of [
      'redis_version:7.0.15',
      'redis_mode:standalone',
      'arch_bits:64',
      `tcp_port:${door.port}`,
      'loading:0',
      'role:master',
      'maxmemory_policy:noeviction',
      'cluster_enabled:0',
      'rkv_version:0.1.0',
      'db0:keys=1,expires=0,avg_ttl=0',
    ]) {
      expect(info).toContain(`${field}\r\n`);
    }
    expect(info).toMatch(/connected_clients:[1-9]/);
    expect(info).toMatch(/total_commands_processed:[1-9]/);
  });

  it('INFO of one section is that section', async () => {
    const expected = '$44\r\n# Keyspace\r\ndb0:keys=0,expires=0,avg_ttl=0\r\n\r\n';
    expect(await client.ask('INFO keyspace\r\n', expected)).toBe(expected);
  });

  it('CLIENT LIST has a line for each client', async () => {
    client.send('CLIENT SETNAME who\r\nCLIENT LIST\r\nQUIT\r\n');
    expect(await client.rest()).toMatch(/id=\d+ addr=127\.0\.0\.1:\d+ name=who .*cmd=client .*resp=2/);
  });
});

const HELLO_REST = '$4 mode $10 standalone $4 role $6 master $7 modules *0 _ +RESET $-1';
const lastId = (): number => Math.max(...[...door.server.sessions()].map((session) => session.id));
const portReply = (): string => `*2 $4 port $${String(door.port).length} ${door.port}`;

describe('what Redis refuses in the same words', () => {
  it.each<[string, string]>([
    ['foo', "ERR unknown command 'foo', with args beginning with: "],
    ['foo a "b c"', "ERR unknown command 'foo', with args beginning with: 'a' 'b c' "],
    [
      `foo ${'a'.repeat(70)} ${'b'.repeat(70)} c`,
      `ERR unknown command 'foo', with args beginning with: '${'a'.repeat(70)}' '${'b'.repeat(55)}' `,
    ],
    ['GET', "ERR wrong number of arguments for 'get' command"],
    ['get a b', "ERR wrong number of arguments for 'get' command"],
    ['MSET a 1 b', "ERR wrong number of arguments for 'mset' command"],
    ['PING a b', "ERR wrong number of arguments for 'ping' command"],
    ['CLIENT', "ERR wrong number of arguments for 'client' command"],
    ['CLIENT NOPE', "ERR unknown subcommand 'NOPE'. Try CLIENT HELP."],
    ['CLIENT setname', "ERR wrong number of arguments for 'client|setname' command"],
    ['CLIENT SETNAME "a b"', 'ERR Client names cannot contain spaces, newlines or special characters.'],
    ['CLIENT NO-EVICT maybe', 'ERR syntax error'],
    ['CLIENT LIST nope', 'ERR syntax error'],
    ['CLIENT LIST TYPE nope', "ERR Unknown client type 'nope'"],
    ['SELECT 1', 'ERR DB index is out of range'],
    ['SELECT x', 'ERR value is not an integer or out of range'],
    [
      'AUTH secret',
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    ],
    ['AUTH me secret', 'WRONGPASS invalid username-password pair or user is disabled.'],
    ['HELLO 4', 'NOPROTO unsupported protocol version'],
    ['HELLO x', 'ERR Protocol version is not an integer or out of range'],
    ['HELLO 3 nope', "ERR Syntax error in HELLO option 'nope'"],
    ['HELLO 3 AUTH me secret', 'WRONGPASS invalid username-password pair or user is disabled.'],
    ['SCAN x', 'ERR invalid cursor'],
    ['SCAN 18446744073709551616', 'ERR invalid cursor'],
    ['SCAN 0 MATCH', 'ERR syntax error'],
    ['SCAN 0 COUNT 0', 'ERR syntax error'],
    ['SCAN 0 COUNT x', 'ERR value is not an integer or out of range'],
    ['FLUSHALL nope', 'ERR syntax error'],
    ['CONFIG SET nope 1', "ERR Unknown option or number of arguments for CONFIG SET - 'nope'"],
    [
      'CONFIG SET maxmemory 1gb',
      "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - can't set immutable config",
    ],
    ['CONFIG REWRITE', 'ERR The server is running without a config file'],
    ['COMMAND GETKEYS ping a', 'ERR The command has no key arguments'],
    ['COMMAND GETKEYS nope a', 'ERR Invalid command specified'],
    ['DEBUG SLEEP 0', "ERR unknown command 'DEBUG', with args beginning with: 'SLEEP' '0' "],
  ])('%s', refused);
});

describe('options of SET', () => {
  it.each<[string, string]>([
    ['EX', 'ERR syntax error'],
    ['NX XX', 'ERR syntax error'],
    ['XX NX', 'ERR syntax error'],
    ['EX 10 PX 10', 'ERR syntax error'],
    ['KEEPTTL EX 10', 'ERR syntax error'],
    ['EX 10 KEEPTTL', 'ERR syntax error'],
    ['PERSIST', 'ERR syntax error'],
    ['IFEQ', 'ERR syntax error'],
    ['IFEQ v NX', 'ERR syntax error'],
    ['XX IFEQ v', 'ERR syntax error'],
    ['NX EX 0', "ERR invalid expire time in 'set' command"],
    ['EX 0', "ERR invalid expire time in 'set' command"],
    ['EXAT -1', "ERR invalid expire time in 'set' command"],
    ['EX 9223372036854775807', "ERR invalid expire time in 'set' command"],
    ['PX 9223372036854775807', "ERR invalid expire time in 'set' command"],
    ['GET EX x', 'ERR value is not an integer or out of range'],
    ['EX x', 'ERR value is not an integer or out of range'],
    ['PX 9223372036854775808', 'ERR value is not an integer or out of range'],
  ])('%s is refused', async (options, error) => {
    await refused(`SET k v ${options}`, error);
    expect(door.store.values.size).toBe(0);
  });

  it.each<[string, string]>([
    ['SET k v NX; SET k w nx; GET k', '+OK $-1 $1 v'],
    ['SET k v XX; GET k; SET k v; SET k w XX; GET k', '$-1 $-1 +OK +OK $1 w'],
    ['SET k v NX NX; SET k w XX XX', '+OK +OK'],
    ['SET k v GET; SET k w GET; GET k', '$-1 $1 v $1 w'],
    ['SET k v NX GET; SET k w NX GET; GET k', '$-1 $1 v $1 v'],
    ['SET k v XX GET; EXISTS k; SET k v; SET k w XX GET; GET k', '$-1 :0 +OK $1 v $1 w'],
    ['SET k v EX 10; SET k w KEEPTTL; TTL k; SET k x; TTL k', '+OK +OK :10 +OK :-1'],
    ['SET k v KEEPTTL; TTL k', '+OK :-1'],
    ['SET k v EX 10; SET k w XX KEEPTTL GET; TTL k; GET k', '+OK $1 v :10 $1 w'],
    ['SET k v EX 10; SET k w NX; TTL k', '+OK $-1 :10'],
    ['SET k v NX EX 10 GET; TTL k; SET k w PX 400 XX; PTTL k', '$-1 :10 +OK :400'],
    ['SET k v EX 10; SET k w GET; TTL k', '+OK $1 v :-1'],
    ['SET k v NX PXAT 1000000; GET k; SET k w NX; GET k', '+OK $-1 +OK $1 w'],
  ])('%s', dialogue);

  it.each<[string, string]>([
    ['SET k v; SET k w IFEQ v; GET k; SET k x ifeq v; GET k', '+OK +OK $1 w $-1 $1 w'],
    ['SET k v IFEQ v; EXISTS k', '$-1 :0'],
    ['SET k ""; SET k v IFEQ ""; GET k', '+OK +OK $1 v'],
    ['SET k v; SET k w IFEQ x GET; SET k w IFEQ v GET; GET k', '+OK $1 v $1 v $1 w'],
    ['SET k v EX 10; SET k w IFEQ v KEEPTTL; TTL k; SET k x IFEQ w; TTL k', '+OK +OK :10 +OK :-1'],
    ['SET k v; SET k IFEQ IFEQ v; GET k; SET k w IFEQ IFEQ; GET k', '+OK +OK $4 IFEQ +OK $1 w'],
  ])('as Valkey has it: %s', dialogue);
});

const INT64_MAX = '9223372036854775807';
const INT64_MIN = '-9223372036854775808';

describe('numbers', () => {
  it.each<[string, string]>([
    ['INCR k; INCR k; DECR k; GET k', ':1 :2 :1 $1 1'],
    ['DECR k; GET k', ':-1 $2 -1'],
    ['SET k 10; INCRBY k 32; DECRBY k 50; INCRBY k -2', '+OK :42 :-8 :-10'],
    ['SET k 10 EX 10; INCR k; TTL k', '+OK :11 :10'],
    ['SET k 10 PXAT 1000000; INCR k; TTL k', '+OK :1 :-1'],
    [`INCRBY k ${INT64_MAX}; DECRBY k ${INT64_MAX}; INCRBY k ${INT64_MIN}`, `:${INT64_MAX} :0 :${INT64_MIN}`],
    [`SET k ${INT64_MIN}; INCRBY k ${INT64_MAX}`, '+OK :-1'],
  ])('%s', dialogue);

  it.each<[string, string, string]>([
    [INT64_MAX, 'INCR k', 'ERR increment or decrement would overflow'],
    [INT64_MIN, 'DECR k', 'ERR increment or decrement would overflow'],
    [INT64_MAX, 'INCRBY k 1', 'ERR increment or decrement would overflow'],
    ['-2', `DECRBY k ${INT64_MAX}`, 'ERR increment or decrement would overflow'],
    ['0', `DECRBY k ${INT64_MIN}`, 'ERR decrement would overflow'],
    ['v', 'INCR k', 'ERR value is not an integer or out of range'],
    ['', 'INCR k', 'ERR value is not an integer or out of range'],
    [' 1', 'INCR k', 'ERR value is not an integer or out of range'],
    ['01', 'DECR k', 'ERR value is not an integer or out of range'],
    ['1.5', 'INCRBY k 1', 'ERR value is not an integer or out of range'],
    ['9223372036854775808', 'DECR k', 'ERR value is not an integer or out of range'],
    ['1', 'INCRBY k x', 'ERR value is not an integer or out of range'],
    ['1', 'DECRBY k 1.5', 'ERR value is not an integer or out of range'],
    ['1', 'INCRBY k 9223372036854775808', 'ERR value is not an integer or out of range'],
    ['1', 'INCR k 1', "ERR wrong number of arguments for 'incr' command"],
    ['1', 'DECR', "ERR wrong number of arguments for 'decr' command"],
    ['1', 'INCRBY k', "ERR wrong number of arguments for 'incrby' command"],
    ['1', 'DECRBY k 1 2', "ERR wrong number of arguments for 'decrby' command"],
  ])('of %j: %s is refused, and the value stays', async (value, command, error) => {
    door.store.values.set('k', Buffer.from(value));
    await refused(command, error);
    expect(door.store.values.get('k')?.toString()).toBe(value);
  });
});

describe('INCRBYFLOAT', () => {
  it.each<[string, string]>([
    ['INCRBYFLOAT k 1; INCRBYFLOAT k 0.25; GET k; INCRBYFLOAT k -1.25', '$1 1 $4 1.25 $4 1.25 $1 0'],
    ['SET k 3.0e3 EX 10; INCRBYFLOAT k 200; TTL k', '+OK $4 3200 :10'],
    ['SET k 10.50; INCRBYFLOAT k 0.1', '+OK $4 10.6'],
    ['SET k 17179869184; INCRBYFLOAT k 1.5', '+OK $13 17179869185.5'],
    ['SET k 5 PXAT 1000000; INCRBYFLOAT k 1', '+OK $1 1'],
  ])('%s', dialogue);

  it.each<[string, string, string]>([
    ['v', 'INCRBYFLOAT k 1', 'ERR value is not a valid float'],
    ['', 'INCRBYFLOAT k 1', 'ERR value is not a valid float'],
    ['1 ', 'INCRBYFLOAT k 1', 'ERR value is not a valid float'],
    ['1', 'INCRBYFLOAT k " 1"', 'ERR value is not a valid float'],
    ['1', 'INCRBYFLOAT k 1e9999999999', 'ERR value is not a valid float'],
    ['1', 'INCRBYFLOAT k nan', 'ERR value is not a valid float'],
    ['1', 'INCRBYFLOAT k -inf', 'ERR increment would produce NaN or Infinity'],
    ['1e4932', 'INCRBYFLOAT k 1e4932', 'ERR increment would produce NaN or Infinity'],
    ['1', 'INCRBYFLOAT k', "ERR wrong number of arguments for 'incrbyfloat' command"],
  ])('of %j: %s is refused, and the value stays', async (value, command, error) => {
    door.store.values.set('k', Buffer.from(value));
    await refused(command, error);
    expect(door.store.values.get('k')?.toString()).toBe(value);
  });

  it('loses nothing to others', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(door.port)));
    const replies = others.map((other) =>
      other.ask('INCRBYFLOAT k 0.5\r\n'.repeat(25), '$1\r\n1\r\n'.repeat(25)),
    );
    await Promise.all(replies);
    expect(door.store.values.get('k')?.toString()).toBe('50');
    for (const other of others) other.socket.destroy();
  });
});

describe('values that are read before they are written', () => {
  it.each<[string, string]>([
    ['APPEND k hello; APPEND k ""; APPEND k " you"; STRLEN k', ':5 :5 :9 :9'],
    ['APPEND k ""; EXISTS k; GET k', ':0 :1 $0 '],
    ['SET k v EX 10; APPEND k w; GET k; TTL k', '+OK :2 $2 vw :10'],
    ['SETNX k v; SETNX k w; GET k', ':1 :0 $1 v'],
    ['SET k v EX 10; SETNX k w; TTL k', '+OK :0 :10'],
    ['GETSET k v; GETSET k w; GET k', '$-1 $1 v $1 w'],
    ['SET k v EX 10; GETSET k w; TTL k', '+OK $1 v :-1'],
    ['SET k v; GETDEL k; GETDEL k; EXISTS k', '+OK $1 v $-1 :0'],
    ['SET k v PXAT 1000000; GETDEL k; GETSET k w', '+OK $-1 $-1'],
  ])('%s', dialogue);

  it.each<[string, string]>([
    ['SET k v EX 10; GETEX k; TTL k', '+OK $1 v :10'],
    ['SET k v; GETEX k EX 10; TTL k; GETEX k persist; TTL k', '+OK $1 v :10 $1 v :-1'],
    ['SET k v; GETEX k PX 400; PTTL k; GETEX k EXAT 1001; PTTL k', '+OK $1 v :400 $1 v :1000'],
    ['SET k v; GETEX k PXAT 1000001; PTTL k', '+OK $1 v :1'],
    ['SET k v; GETEX k PXAT 999999; EXISTS k', '+OK $1 v :0'],
    ['GETEX k; GETEX k EX 10; GETEX k PERSIST; EXISTS k', '$-1 $-1 $-1 :0'],
    ['GETEX k EX 0; GETEX k PX x; GETEX k EX 9223372036854775807; EXISTS k', '$-1 $-1 $-1 :0'],
    ['SET k v; GETEX k EX 10 ex 20; TTL k; GETEX k PERSIST PERSIST; TTL k', '+OK $1 v :20 $1 v :-1'],
  ])('%s', dialogue);

  it.each<[string, string]>([
    ['GETEX k EX', 'ERR syntax error'],
    ['GETEX k EX 10 PX 10', 'ERR syntax error'],
    ['GETEX k PERSIST EX 10', 'ERR syntax error'],
    ['GETEX k EX 10 PERSIST', 'ERR syntax error'],
    ['GETEX k KEEPTTL', 'ERR syntax error'],
    ['GETEX k NX', 'ERR syntax error'],
    ['GETEX k EX 0', "ERR invalid expire time in 'getex' command"],
    ['GETEX k PXAT -1', "ERR invalid expire time in 'getex' command"],
    ['GETEX k EX x', 'ERR value is not an integer or out of range'],
    ['GETEX', "ERR wrong number of arguments for 'getex' command"],
    ['APPEND k', "ERR wrong number of arguments for 'append' command"],
    ['SETNX k', "ERR wrong number of arguments for 'setnx' command"],
    ['GETSET k', "ERR wrong number of arguments for 'getset' command"],
    ['GETDEL k v', "ERR wrong number of arguments for 'getdel' command"],
  ])('%s is refused', async (command, error) => {
    door.store.values.set('k', Buffer.from('v'));
    await refused(command, error);
    expect([...door.store.values].map(String)).toEqual(['k,v']);
  });
});

describe('EXPIRE and its like', () => {
  it.each<[string, string]>([
    ['SET k v; EXPIRE k 10; PTTL k; PEXPIRE k 400; PTTL k', '+OK :1 :10000 :1 :400'],
    ['SET k v; EXPIREAT k 1001; PTTL k; PEXPIREAT k 1000001; PTTL k', '+OK :1 :1000 :1 :1'],
    ['EXPIRE k 10; PEXPIRE k 10; EXPIREAT k 2000; PEXPIREAT k 2000000; EXISTS k', ':0 :0 :0 :0 :0'],
    ['SET k v; EXPIRE k 0; EXISTS k', '+OK :1 :0'],
    ['SET k v; PEXPIRE k -1; EXISTS k', '+OK :1 :0'],
    ['SET k v; EXPIREAT k 1000; EXISTS k', '+OK :1 :0'],
    ['SET k v; PEXPIREAT k 999999; EXISTS k', '+OK :1 :0'],
    ['SET k v; EXPIREAT k -1; EXISTS k', '+OK :1 :0'],
    [`SET k v; PEXPIREAT k ${INT64_MIN}; EXISTS k`, '+OK :1 :0'],
    [`SET k v; PEXPIRE k ${INT64_MIN}; EXISTS k`, '+OK :1 :0'],
    ['SET k v; EXPIRE k -9223372036854775; EXISTS k', '+OK :1 :0'],
    ['SET k v EX 10; PERSIST k; TTL k; PERSIST k; PERSIST none', '+OK :1 :-1 :0 :0'],
    ['SET k v EX 10; EXPIRE k 20; TTL k; SET k w; TTL k', '+OK :1 :20 +OK :-1'],
  ])('%s', dialogue);

  it.each<[string, string]>([
    ['SET k v; EXPIRE k 10 NX; EXPIRE k 20 NX; TTL k', '+OK :1 :0 :10'],
    ['SET k v; EXPIRE k 10 XX; TTL k; EXPIRE k 10; EXPIRE k 20 xx; TTL k', '+OK :0 :-1 :1 :1 :20'],
    ['SET k v; EXPIRE k 10 GT; TTL k', '+OK :0 :-1'],
    ['SET k v EX 10; EXPIRE k 9 GT; EXPIRE k 10 GT; EXPIRE k 11 GT; TTL k', '+OK :0 :0 :1 :11'],
    ['SET k v; PEXPIRE k 10000 LT; TTL k', '+OK :1 :10'],
    ['SET k v EX 10; EXPIRE k 11 LT; EXPIRE k 10 LT; EXPIRE k 9 LT; TTL k', '+OK :0 :0 :1 :9'],
    ['SET k v EX 10; EXPIRE k -1 GT; EXISTS k; EXPIRE k -1 LT; EXISTS k', '+OK :0 :1 :1 :0'],
    [
      'SET k v EX 10; EXPIRE k 11 XX GT; EXPIRE k 9 XX GT; TTL k; SET k v; EXPIRE k 9 GT XX',
      '+OK :1 :0 :11 +OK :0',
    ],
    [
      'SET k v EX 10; EXPIRE k 11 LT XX; EXPIRE k 9 XX LT; TTL k; SET k v; EXPIRE k 9 XX LT',
      '+OK :0 :1 :9 +OK :0',
    ],
    ['SET k v; EXPIRE k 11 NX NX; EXPIRE k 20 GT GT; TTL k', '+OK :1 :1 :20'],
  ])('%s', dialogue);

  it.each<[string, string]>([
    ['EXPIRE k x', 'ERR value is not an integer or out of range'],
    ['EXPIRE k 1.5', 'ERR value is not an integer or out of range'],
    ['PEXPIREAT k 9223372036854775808', 'ERR value is not an integer or out of range'],
    ['EXPIRE k 9223372036854776', "ERR invalid expire time in 'expire' command"],
    ['EXPIRE k 9223372036854775', "ERR invalid expire time in 'expire' command"],
    [`PEXPIRE k ${INT64_MAX}`, "ERR invalid expire time in 'pexpire' command"],
    ['EXPIREAT k 9223372036854776', "ERR invalid expire time in 'expireat' command"],
    ['EXPIRE k -9223372036854776', "ERR invalid expire time in 'expire' command"],
    ['EXPIRE k 10 nope', 'ERR Unsupported option nope'],
    ['EXPIRE k x nope', 'ERR Unsupported option nope'],
    ['EXPIRE k 10 NX nope', 'ERR Unsupported option nope'],
    ['EXPIRE k 10 NX XX', 'ERR NX and XX, GT or LT options at the same time are not compatible'],
    ['EXPIRE k 10 LT NX', 'ERR NX and XX, GT or LT options at the same time are not compatible'],
    ['EXPIRE k 10 GT LT', 'ERR GT and LT options at the same time are not compatible'],
    ['EXPIRE k', "ERR wrong number of arguments for 'expire' command"],
    ['PEXPIRE', "ERR wrong number of arguments for 'pexpire' command"],
    ['PERSIST k 1', "ERR wrong number of arguments for 'persist' command"],
  ])('%s is refused', async (command, error) => {
    door.store.values.set('k', Buffer.from('v'));
    await refused(command, error);
    expect([...door.store.values].map(String)).toEqual(['k,v']);
  });
});
