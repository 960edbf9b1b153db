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
    ['COMMAND COUNT; COMMAND INFO none; COMMAND DOCS none', ':31 *1 $-1 *0'],
    [
      'COMMAND INFO strlen',
      '*1 *10 $6 strlen :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *0 *0',
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
    ['EX 10 PX 10', 'ERR syntax error'],
    ['KEEPTTL EX 10', 'ERR syntax error'],
    ['PERSIST', 'ERR syntax error'],
    ['EX 0', "ERR invalid expire time in 'set' command"],
    ['EXAT -1', "ERR invalid expire time in 'set' command"],
    ['EX 9223372036854775807', "ERR invalid expire time in 'set' command"],
    ['PX 9223372036854775807', "ERR invalid expire time in 'set' command"],
    ['EX x', 'ERR value is not an integer or out of range'],
    ['PX 9223372036854775808', 'ERR value is not an integer or out of range'],
    ['px 9223372036854 nx get', 'ERR SET options are not supported yet by rkv'],
    ['EX 10 GET', 'ERR SET options are not supported yet by rkv'],
    ['KEEPTTL XX', 'ERR SET options are not supported yet by rkv'],
  ])('%s', async (options, error) => {
    await refused(`SET k v ${options}`, error);
    expect(door.store.values.size).toBe(0);
  });
});
