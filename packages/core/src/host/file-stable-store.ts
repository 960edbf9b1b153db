/**
 * Small documents in files, none of them ever half written.
 *
 *     ring.41     rkv-document {"name":"ring","sequence":41,"bytes":812,"sha256":"9f..."}
 *     ring.42     <812 bytes>
 *
 * A save writes a temporary file, flushes it, gives it its name, flushes the directory, and only then forgets
 * the version before the last. Whatever moment the power goes, the newest whole file is the document; a file
 * that does not match its checksum is named in the log and passed over. It counts for nothing, so two whole
 * versions stay beside it, and it goes once a newer one is saved. A file that cannot be read at all, or that a later
 * version of this program has written, may hold anything: then nothing is loaded.
 *
 * Saves of one name follow each other. Those that come while one is being written wait for it and then are
 * written as one: the latest is what stands, and all of them are told.
 *
 * Not here: a lock. Whoever owns the data directory owns its documents.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../contracts/logger.ts';
import type { StableName, StableStore } from '../contracts/stable-store.ts';
import { makeDirectory } from './data-directory.ts';

/** Where the documents lie, and who hears of those that are damaged. */
export interface FileStableStoreInit {
  /** Made when it is not there. */
  readonly directory: string;
  readonly logger: Logger;
}

/** A document is there and what it says cannot be known. The message is a sentence for the operator. */
export class UnreadableDocument extends Error {
  readonly code: 'document_unreadable' | 'document_from_later_version';
  readonly file: string;

  constructor(code: UnreadableDocument['code'], file: string, message: string) {
    super(message);
    this.code = code;
    this.file = file;
  }
}

type Done = (error: string | undefined) => void;

/** One name: what is saved next, and who waits for it. */
interface Shelf {
  /** Of the newest file, good or damaged: no file is ever written over. */
  sequence: number;
  /** Files that hold a good version, oldest first. */
  files: string[];
  /** Files that hold none, and are of no use once a newer good one is there. */
  damaged: string[];
  loaded: Uint8Array | undefined;
  newestIsDamaged: boolean;
  next: { bytes: Uint8Array; readonly waiting: Done[] } | undefined;
  saving: boolean;
}

const VERSIONS_KEPT = 2;
const TEMPORARY = '.tmp';
const HEADER_MARK = 'rkv-document ';
const LINE_END = 0x0a;
/** A header that says more than this in `format` is of a later version; one that says nothing is of the first. */
const FORMAT = 1;

export class FileStableStore implements StableStore {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #shelves = new Map<string, Shelf>();

  /** Reads what is there. Throws when the directory cannot be read or made, `UnreadableDocument` for a file in it. */
  constructor(init: FileStableStoreInit) {
    this.#directory = init.directory;
    this.#logger = init.logger;
    makeDirectory(init.directory);
    for (const file of filesOf(init.directory)) this.#loadFile(file);
  }

  load(name: StableName): Uint8Array | undefined {
    return this.#shelves.get(name)?.loaded;
  }

  isDamaged(name: StableName): boolean {
    return this.#shelves.get(name)?.newestIsDamaged ?? false;
  }

  save(name: StableName, bytes: Uint8Array, done: Done): void {
    const shelf = this.#shelfOf(name);
    if (shelf.next === undefined) shelf.next = { bytes, waiting: [done] };
    else {
      shelf.next.bytes = bytes;
      shelf.next.waiting.push(done);
    }
    if (!shelf.saving) void this.#saveAll(name, shelf);
  }

  /** Never rejects: what goes wrong is told to those who wait. */
  async #saveAll(name: StableName, shelf: Shelf): Promise<void> {
    shelf.saving = true;
    while (shelf.next !== undefined) {
      const { bytes, waiting } = shelf.next;
      shelf.next = undefined;
      const error = await this.#saveOne(name, shelf, bytes);
      // Out of the promise: what a listener throws is his, and must not end the saving.
      for (const done of waiting) queueMicrotask(() => done(error));
    }
    shelf.saving = false;
  }

  async #saveOne(name: StableName, shelf: Shelf, bytes: Uint8Array): Promise<string | undefined> {
    const sequence = ++shelf.sequence;
    const file = join(this.#directory, `${name}.${sequence}`);
    try {
      await writeFlushed(file + TEMPORARY, headerOf(name, sequence, bytes), bytes);
      await rename(file + TEMPORARY, file);
      await flushNames(this.#directory);
    } catch (cause) {
      return await this.#takeBack(file, messageOf(cause));
    }
    shelf.files.push(file);
    await this.#forgetOld(shelf);
    return undefined;
  }

  /** The old version stands: what may have become of the new one goes. */
  async #takeBack(file: string, why: string): Promise<string> {
    this.#logger.error({ file, error: why }, 'a document was not saved');
    await this.#remove(file + TEMPORARY);
    await this.#remove(file);
    return why;
  }

  async #forgetOld(shelf: Shelf): Promise<void> {
    const damaged = shelf.damaged.splice(0);
    const old = shelf.files.splice(0, shelf.files.length - VERSIONS_KEPT);
    for (const file of [...damaged, ...old]) await this.#remove(file);
  }

  async #remove(file: string): Promise<void> {
    try {
      await rm(file, { force: true });
    } catch (cause) {
      this.#logger.warn({ file, error: messageOf(cause) }, 'a file that is not needed stays');
    }
  }

  /** Files come oldest first, so the last good one stays. */
  #loadFile({ file, name, sequence }: DocumentFile): void {
    const path = join(this.#directory, file);
    const shelf = this.#shelfOf(name);
    shelf.sequence = sequence;
    const document = documentIn(readWhole(path), path, name, sequence);
    shelf.newestIsDamaged = document === undefined;
    if (document === undefined) {
      shelf.damaged.push(path);
      this.#logger.error({ file: path }, 'a document is damaged and passed over');
    } else {
      shelf.files.push(path);
      shelf.loaded = document;
    }
  }

  #shelfOf(name: string): Shelf {
    let shelf = this.#shelves.get(name);
    if (shelf === undefined) {
      shelf = {
        sequence: 0,
        files: [],
        damaged: [],
        loaded: undefined,
        newestIsDamaged: false,
        next: undefined,
        saving: false,
      };
      this.#shelves.set(name, shelf);
    }
    return shelf;
  }
}

interface DocumentFile {
  readonly file: string;
  readonly name: string;
  readonly sequence: number;
}

/** In the order of their sequence; what a crash left unfinished is removed. */
function filesOf(directory: string): DocumentFile[] {
  const found: DocumentFile[] = [];
  for (const file of readdirSync(directory)) {
    const [, name, digits] = /^([a-z]+)\.(\d+)$/.exec(file) ?? [];
    if (name !== undefined) found.push({ file, name, sequence: Number(digits) });
    else if (/^[a-z]+\.\d+\.tmp$/.test(file)) rmSync(join(directory, file));
  }
  return found.toSorted((a, b) => a.sequence - b.sequence);
}

function headerOf(name: string, sequence: number, bytes: Uint8Array): string {
  return (
    HEADER_MARK + JSON.stringify({ name, sequence, bytes: bytes.length, sha256: digestOf(bytes) }) + '\n'
  );
}

/** The document in a file, or undefined unless header and bytes are exactly what was written. */
function documentIn(file: Buffer, path: string, name: string, sequence: number): Uint8Array | undefined {
  const start = file.indexOf(LINE_END) + 1;
  const bytes = new Uint8Array(file.subarray(start));
  const header = file.toString('latin1', 0, start);
  if (header === headerOf(name, sequence, bytes)) return bytes;
  const format = formatIn(header);
  if (format <= FORMAT) return undefined;
  throw new UnreadableDocument(
    'document_from_later_version',
    path,
    `${path} was written by a later version of rkv (format ${format}, this one knows ${FORMAT}): start that version`,
  );
}

/** Zero when the line is no header. */
function formatIn(header: string): number {
  if (!header.startsWith(HEADER_MARK)) return 0;
  try {
    const { format = FORMAT } = JSON.parse(header.slice(HEADER_MARK.length)) as { format?: unknown };
    return typeof format === 'number' ? format : 0;
  } catch {
    return 0;
  }
}

function readWhole(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = messageOf(cause);
    throw new UnreadableDocument('document_unreadable', path, `${path} cannot be read: ${why}`);
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function writeFlushed(path: string, header: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(Buffer.concat([Buffer.from(header, 'latin1'), bytes]));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushNames(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
