/**
 * CONFIG: what clients, tools and test suites ask a Redis for, answered with what is true of this node.
 *
 * Settings that steer Redis's own machinery (snapshots, encodings, the slow log) mean nothing here; setting them
 * is accepted and remembered. Whatever would change behaviour is refused: this door promises nothing it does not do.
 */
import { compileGlob, type Glob } from '../glob.ts';
import type { ReplyWriter } from '../writer.ts';
import type { Door, LocalCommand, Request, Session } from './command.ts';
import { container } from './container.ts';
import { SYNTAX_ERROR } from './errors.ts';

/** Accepted without effect, with the value told until another is set. */
const HARMLESS: ReadonlyMap<string, string> = new Map([
  ['save', ''],
  ['appendonly', 'no'],
  ['appendfsync', 'everysec'],
  ['activedefrag', 'no'],
  ['hz', '10'],
  ['latency-monitor-threshold', '0'],
  ['latency-tracking', 'yes'],
  ['lazyfree-lazy-user-del', 'no'],
  ['lua-time-limit', '5000'],
  ['busy-reply-threshold', '5000'],
  ['slowlog-log-slower-than', '10000'],
  ['slowlog-max-len', '128'],
  ['hash-max-listpack-entries', '512'],
  ['list-max-listpack-size', '-2'],
  ['set-max-intset-entries', '512'],
  ['zset-max-listpack-entries', '128'],
]);

function fixedSettings(door: Door): [string, string][] {
  const counters = door.counters();
  return [
    ['databases', '1'],
    ['maxclients', String(counters.clientsMax)],
    ['maxmemory', '0'],
    ['maxmemory-policy', 'noeviction'],
    ['notify-keyspace-events', ''],
    ['port', String(counters.port)],
    ['proto-max-bulk-len', String(counters.valueBytesMax)],
    ['requirepass', ''],
    ['timeout', '0'],
  ];
}

export const config: LocalCommand = container({
  name: 'config',
  arity: -2,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  group: 'server',
  since: '2.0.0',
  summary: 'A container for server configuration commands',
  help: ['GET <pattern> [<pattern> ...]', 'SET <directive> <value> [...]', 'RESETSTAT', 'REWRITE'],
  subcommands: {
    get: { arity: -3, run: get },
    set: { arity: -4, run: set },
    resetstat: { arity: 2, run: resetStatistics },
    rewrite: {
      arity: 2,
      run: (_session, _request, out) => out.error('ERR The server is running without a config file'),
    },
  },
});

function get(session: Session, request: Request, out: ReplyWriter): void {
  const patterns: Glob[] = [];
  for (let i = 2; i < request.argc; i++) patterns.push(compileGlob(request.text(i).toLowerCase()));
  const settings = [...HARMLESS, ...session.door.settings, ...fixedSettings(session.door)];
  const found = new Map(settings.filter(([name]) => patterns.some((matches) => matches(name))));
  out.map(found.size);
  for (const [name, value] of found) {
    out.bulkText(name);
    out.bulkText(value);
  }
}

function set(session: Session, request: Request, out: ReplyWriter): void {
  if (request.argc % 2 !== 0) {
    out.error(SYNTAX_ERROR);
    return;
  }
  const wanted: [string, string][] = [];
  for (let i = 2; i < request.argc; i += 2) wanted.push([request.text(i).toLowerCase(), request.text(i + 1)]);
  const fixed = new Map(fixedSettings(session.door));
  for (const [name, value] of wanted) {
    if (HARMLESS.has(name) || fixed.get(name) === value) continue;
    out.error(fixed.has(name) ? immutable(name) : unknown(name));
    return;
  }
  for (const [name, value] of wanted) if (HARMLESS.has(name)) session.door.settings.set(name, value);
  out.ok();
}

function unknown(name: string): string {
  return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`;
}

function immutable(name: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - can't set immutable config`;
}

function resetStatistics(session: Session, _request: Request, out: ReplyWriter): void {
  session.door.resetCounters();
  out.ok();
}
