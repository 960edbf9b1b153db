/**
 * lmdb-js as we use it: opened our way, with an identity in it, and its promises taken out of our sight.
 *
 * The identity is one record beyond all spaces, JSON that a dump can show: the format of the store and an id
 * drawn when it was created.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { jsonDecode, jsonEncode } from '@rkv/core';
import { open, type RootDatabase } from 'lmdb';
import { syncDirectory, withOpen } from './open-file.ts';
import { LMDB_DAMAGED, messageOf, numberOf, StoreOpenError } from './store-failure.ts';

export type Environment = RootDatabase<Buffer, Buffer>;

export const IDENTITY_KEY = Buffer.of(0xff);
/** Of the layout in disk-key.ts and of the identity. A store of a later format is refused. */
const FORMAT = 1;

/** How lmdb's file begins: the head of a page, then these two, in the byte order of the machine. */
const MAGIC_AT = 6;
const HEAD_BYTES = 32;
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_VERSION = 2;

interface Identity {
  readonly format: number;
  readonly storeId: string;
}

/** Throws `StoreOpenError`. */
export function openEnvironment(path: string): Environment {
  try {
    makeDirectory(path);
    refuseStranger(join(path, 'data.mdb'));
    return open<Buffer, Buffer>({
      path,
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'binary',
      overlappingSync: false,
      // We gather batches ourselves, and hold the one promise that a transaction has.
      eventTurnBatching: false,
    });
  } catch (cause) {
    const code = LMDB_DAMAGED.includes(numberOf(cause)) ? 'store_unsound' : 'store_unreadable';
    throw new StoreOpenError(code, `cannot open the store in ${path}: ${messageOf(cause)}`, cause);
  }
}

/** lmdb-js does not refuse a file that is none of lmdb's: it ends the process. So its head is looked at first. */
function refuseStranger(file: string): void {
  if (!existsSync(file)) return;
  const head = new Uint32Array(HEAD_BYTES / 4);
  const size = withOpen(file, (descriptor) => readSync(descriptor, head));
  if (size === 0) return;
  if (head[MAGIC_AT] !== LMDB_MAGIC) throw new Error('data.mdb is no lmdb file');
  if (head[MAGIC_AT + 1] !== LMDB_VERSION)
    throw new Error(`data.mdb is of lmdb format ${head[MAGIC_AT + 1]}`);
}

/** The id of the store, drawn now if the environment is new. Throws `StoreOpenError` when it is none of ours. */
export function identify(path: string, environment: Environment): string {
  const bytes = environment.getBinary(IDENTITY_KEY);
  if (bytes === undefined) return createIdentity(path, environment);
  const identity = decodeIdentity(path, bytes);
  if (identity.format > FORMAT) {
    throw new StoreOpenError(
      'store_too_new',
      `the store in ${path} was written by a later version of rkv: its format is ${identity.format}, this version knows ${FORMAT}`,
    );
  }
  return identity.storeId;
}

function decodeIdentity(path: string, bytes: Uint8Array): Identity {
  try {
    return jsonDecode(bytes) as Identity;
  } catch (cause) {
    throw new StoreOpenError('store_unsound', `the store in ${path} does not know whose it is`, cause);
  }
}

function createIdentity(path: string, environment: Environment): string {
  const [stranger] = environment.getKeys({ limit: 1 });
  if (stranger !== undefined) {
    throw new StoreOpenError(
      'store_foreign',
      `what lies in ${path} is an lmdb environment, but not a store of rkv`,
    );
  }
  const identity: Identity = { format: FORMAT, storeId: randomBytes(16).toString('hex') };
  environment.transactionSync(() => environment.putSync(IDENTITY_KEY, Buffer.from(jsonEncode(identity))));
  syncDirectory(path);
  return identity.storeId;
}

/** A power cut must not lose it, nor those that were made on the way to it. */
function makeDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(path); made.length >= first.length; made = dirname(made))
    syncDirectory(dirname(made));
}

/**
 * Out of lmdb's promise: a failed commit tells its cause in another promise, and what our side throws shall
 * be an uncaught exception, not the rejection of a promise that nobody holds.
 */
export function settle(promise: Promise<unknown>, done: () => void, failed: (cause: unknown) => void): void {
  promise.then(
    () => queueMicrotask(done),
    (error: unknown) => {
      const told = error instanceof Error && 'commitError' in error ? error.commitError : undefined;
      Promise.resolve(told).then(
        () => queueMicrotask(() => failed(error)),
        (cause: unknown) => queueMicrotask(() => failed(cause)),
      );
    },
  );
}

/**
 * `getBinaryFast` reads into a buffer that it uses again and whose `length` alone is true. Where that buffer was too
 * small it hands out lmdb's own memory, which holds for this turn only: that is copied.
 */
export function borrowed(bytes: Buffer): Uint8Array {
  const { length, byteLength } = bytes;
  if (length === byteLength) return Uint8Array.prototype.slice.call(bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length);
}
