/** SCAN, KEYS, DBSIZE, FLUSHALL, FLUSHDB: the keys of the whole cluster, whichever node is asked. */
import type { Failure, KvStore, ScanSink } from '../../kv/api.ts';
import { compileGlob, type Glob } from '../glob.ts';
import { ReplyWriter } from '../writer.ts';
import type { ClusterCommand, ReplyTo, Request } from './command.ts';
import { parseCursor, parseInt64 } from './decimal.ts';
import { NOT_AN_INTEGER, SYNTAX_ERROR } from './errors.ts';

/** Redis's default for SCAN's COUNT. */
const SCAN_COUNT = 10n;
/** No page is asked to be larger than this, whatever COUNT says; COUNT is a hint in Redis too. */
const PAGE_KEYS_MAX = 10_000;
const KEYS_PAGE = 1000;
/** Of a reply that is gathered. */
const CHUNK_BYTES = 64 * 1024;

const anyKey: Glob = () => true;
const noKey: Glob = () => false;

interface ScanOptions {
  readonly cursor: bigint;
  readonly count: number;
  readonly wanted: Glob;
}

export const scan: ClusterCommand = {
  name: 'scan',
  kind: 'cluster',
  arity: -2,
  writes: false,
  flags: ['readonly'],
  group: 'generic',
  since: '2.8.0',
  summary: 'Incrementally iterate the keys of the cluster',
  begin(kv, request, reply) {
    const options = readScanOptions(request);
    if (typeof options === 'string') {
      reply.reject(options);
      return;
    }
    kv.scan(options.cursor, options.count, {
      onPage: (keys, cursor) => answerPage(reply, keys.filter(options.wanted), cursor),
      onFailure: (failure) => reply.onFailure(failure),
    });
  },
};

/** An error's text when they are wrong. */
function readScanOptions(request: Request): ScanOptions | string {
  const cursor = parseCursor(request.text(1));
  if (cursor === undefined) return 'ERR invalid cursor';
  let count = SCAN_COUNT;
  let matching = anyKey;
  let ofType = anyKey;
  for (let i = 2; i < request.argc; i += 2) {
    if (i + 1 === request.argc) return SYNTAX_ERROR;
    const value = request.text(i + 1);
    switch (request.text(i).toUpperCase()) {
      case 'COUNT': {
        const asked = parseInt64(value);
        if (asked === undefined) return NOT_AN_INTEGER;
        if (asked < 1n) return SYNTAX_ERROR;
        count = asked;
        break;
      }
      case 'MATCH':
        matching = compileGlob(value);
        break;
      case 'TYPE':
        ofType = value.toLowerCase() === 'string' ? anyKey : noKey;
        break;
      default:
        return SYNTAX_ERROR;
    }
  }
  const size = count > BigInt(PAGE_KEYS_MAX) ? PAGE_KEYS_MAX : Number(count);
  return { cursor, count: size, wanted: (key) => ofType(key) && matching(key) };
}

function answerPage(reply: ReplyTo, keys: readonly string[], cursor: bigint): void {
  reply.answer((out) => {
    out.array(2);
    out.bulkText(String(cursor));
    out.array(keys.length);
    for (const key of keys) out.bulkText(key);
  });
}

export const keys: ClusterCommand = {
  name: 'keys',
  kind: 'cluster',
  arity: 2,
  writes: false,
  flags: ['readonly'],
  group: 'generic',
  since: '1.0.0',
  summary: 'Find all keys matching the given pattern',
  begin(kv, request, reply) {
    new KeyWalk(kv, compileGlob(request.text(1)), reply).ask(0n);
  },
};

/**
 * A walk over all keys that gathers what matches, as the bytes of the reply: its first line says how many there are, so nothing can be
 * given before the end. What all clients have gathered is bounded; then it leaves as the client reads.
 *
 * Between pages others get their turn, even when the store answers within the call.
 */
class KeyWalk implements ScanSink {
  readonly #kv: KvStore;
  readonly #wanted: Glob;
  readonly #reply: ReplyTo;
  readonly #writer = new ReplyWriter();
  /** Full ones; what is in the writer comes after them. */
  readonly #chunks: Uint8Array[] = [];
  #count = 0;

  constructor(kv: KvStore, wanted: Glob, reply: ReplyTo) {
    this.#kv = kv;
    this.#wanted = wanted;
    this.#reply = reply;
  }

  ask(cursor: bigint): void {
    this.#kv.scan(cursor, KEYS_PAGE, this);
  }

  onPage(page: string[], cursor: bigint): void {
    for (const key of page) if (this.#wanted(key) && !this.#gather(key)) return this.#refuse();
    if (cursor !== 0n && !this.#reply.abandoned) setImmediate(() => this.ask(cursor));
    else if (this.#chunks.length === 0) this.#answer((out) => out.array(this.#count));
    else setImmediate(() => this.#begin());
  }

  onFailure(failure: Failure): void {
    this.#forget();
    this.#reply.onFailure(failure);
  }

  /** False: there is no room for more. */
  #gather(key: string): boolean {
    this.#writer.bulkText(key);
    this.#count++;
    if (this.#writer.length < CHUNK_BYTES) return true;
    if (!this.#reply.gathered.fits(this.#writer.length)) return false;
    const chunk = Buffer.from(this.#writer.view());
    this.#reply.gathered.bytes += chunk.length;
    this.#chunks.push(chunk);
    this.#writer.clear();
    return true;
  }

  #begin(): void {
    this.#reply.part(
      (out) => out.array(this.#count),
      () => this.#goOn(),
    );
  }

  /** The client has room. */
  #goOn(): void {
    const chunk = this.#reply.abandoned ? undefined : this.#chunks.shift();
    if (chunk === undefined) return this.#answer(() => {});
    this.#reply.gathered.bytes -= chunk.length;
    this.#reply.part(
      (out) => out.raw(chunk),
      () => this.#goOn(),
    );
  }

  #answer(begin: (out: ReplyWriter) => void): void {
    this.#forget();
    this.#reply.answer((out) => {
      begin(out);
      out.raw(this.#writer.view());
    });
  }

  #refuse(): void {
    this.#forget();
    const mebibytes = this.#reply.gathered.max / 2 ** 20;
    this.#reply.reject(`ERR replies to KEYS take more than ${mebibytes} MiB of this node's memory; use SCAN`);
  }

  #forget(): void {
    for (const chunk of this.#chunks.splice(0)) this.#reply.gathered.bytes -= chunk.length;
  }
}

export const dbsize: ClusterCommand = {
  name: 'dbsize',
  kind: 'cluster',
  arity: 1,
  writes: false,
  flags: ['readonly', 'fast'],
  group: 'server',
  since: '1.0.0',
  summary: 'Return the number of keys of the cluster',
  begin(kv, _request, reply) {
    kv.count({
      onCount: (count) => reply.answer((out) => out.integer(count)),
      onFailure: (failure) => reply.onFailure(failure),
    });
  },
};

export const flushall: ClusterCommand = {
  name: 'flushall',
  kind: 'cluster',
  arity: -1,
  writes: true,
  flags: ['write'],
  group: 'server',
  since: '1.0.0',
  summary: 'Remove all keys of the cluster',
  begin(kv, request, reply) {
    const mode = request.argc === 1 ? 'SYNC' : request.text(1).toUpperCase();
    if (request.argc > 2 || (mode !== 'SYNC' && mode !== 'ASYNC')) {
      reply.reject(SYNTAX_ERROR);
      return;
    }
    kv.flush({
      onFlushed: () => reply.answer((out) => out.ok()),
      onFailure: (failure) => reply.onFailure(failure),
    });
  },
};

/** There is one database, so it is the same. */
export const flushdb: ClusterCommand = { ...flushall, name: 'flushdb' };
