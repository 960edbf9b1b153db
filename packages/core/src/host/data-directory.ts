/**
 * The data directory of a node, and the lock that keeps a second process out of it.
 *
 * Node.js has no lock that the system lets go when its holder dies, so a lock is a file that says who holds it:
 * the process by number and start time, and the boot of the machine, by which a dead holder is known as such
 * even when its number lives on in another process.
 *
 * Two starters may find the same dead holder at the same moment. So a lock is never taken over, it is succeeded:
 *
 *     lock.7    held by a process that is gone
 *     lock.8    whoever makes this file is the next holder
 *
 * A whole file appears under the next number or fails to, as `link` is atomic and refuses a name that exists.
 * The file with the highest number is never removed, also when it is let go, so numbers never come again; who
 * made a file and then finds a higher one was too late.
 *
 * Not promised: that processes which cannot see each other (two containers with process numbers of their own, two
 * machines) keep each other out. Off Linux a number that was given to another process makes the lock look
 * held; the message says which file to remove.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface DataDirectory {
  /** Absolute. */
  readonly path: string;
  /** Let others in. Doing it twice does nothing. A process that ends without it holds nobody up. */
  release(): void;
}

/** The message is a sentence for the operator. */
export class DataDirectoryInUse extends Error {
  readonly code = 'data_directory_in_use';
  /** Of the process that has it. */
  readonly pid: number;

  constructor(path: string, pid: number, lockFile: string) {
    super(
      `the data directory ${path} is in use by process ${pid}; one directory serves one node. ` +
        `If that process is no node of rkv, remove ${lockFile}`,
    );
    this.pid = pid;
  }
}

/** Makes the directory when it is not there. Throws `DataDirectoryInUse`, or what the file system has against it. */
export function openDataDirectory(path: string): DataDirectory {
  const directory = resolve(path);
  makeDirectory(directory);
  const lockFile = takeLock(directory);
  return { path: directory, release: () => releaseLock(directory, lockFile) };
}

/** Makes a directory, and those on the way to it, so that a power cut does not take them away. */
export function makeDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(path); made.length >= first.length; made = dirname(made))
    flushDirectory(dirname(made));
}

/** What lies in a directory under which name is on the disk. */
export function flushDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

interface Holder {
  readonly pid: number;
  /** Clock ticks since the boot, as /proc tells them; empty where it does not. */
  readonly started: string;
  readonly boot: string;
}

function takeLock(directory: string): string {
  for (;;) {
    const last = locksIn(directory).at(-1);
    const holder = last && holderOf(last.path);
    if (last !== undefined && holder !== undefined && isAlive(holder)) {
      throw new DataDirectoryInUse(directory, holder.pid, last.path);
    }
    const mine = join(directory, `lock.${(last?.number ?? 0) + 1}`);
    if (appears(directory, mine) && locksIn(directory).at(-1)?.path === mine) {
      sweep(directory, mine);
      return mine;
    }
  }
}

/** The file stays, as its number must not come again; that it is empty says that nobody holds it. */
function releaseLock(directory: string, lockFile: string): void {
  if (holderOf(lockFile) === undefined) return;
  const draft = newDraft(directory, '');
  renameSync(draft, lockFile);
}

/** False when the name was taken already. The content is there from the first moment, or the name is not. */
function appears(directory: string, lockFile: string): boolean {
  const draft = newDraft(directory, JSON.stringify(myself()));
  try {
    linkSync(draft, lockFile);
    return true;
  } catch (cause) {
    // ENOENT: another starter won meanwhile and swept our draft away.
    if (codeOf(cause) === 'EEXIST' || codeOf(cause) === 'ENOENT') return false;
    throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** What others left: locks of the dead, drafts of those who came too late. Only the holder does this. */
function sweep(directory: string, lockFile: string): void {
  for (const { path } of locksIn(directory)) if (path !== lockFile) rmSync(path, { force: true });
  for (const file of readdirSync(directory)) {
    if (DRAFT.test(file)) rmSync(join(directory, file), { force: true });
  }
}

interface LockFile {
  readonly path: string;
  readonly number: number;
}

const LOCK = /^lock\.(\d+)$/;
const DRAFT = /^lock-draft\.[0-9a-f]+$/;

/** The last one counts. */
function locksIn(directory: string): LockFile[] {
  const locks: LockFile[] = [];
  for (const file of readdirSync(directory)) {
    const number = LOCK.exec(file)?.[1];
    if (number !== undefined) locks.push({ path: join(directory, file), number: Number(number) });
  }
  return locks.toSorted((a, b) => a.number - b.number);
}

function newDraft(directory: string, content: string): string {
  const draft = join(directory, `lock-draft.${randomBytes(8).toString('hex')}`);
  writeFileSync(draft, content);
  return draft;
}

/** Undefined when the lock was let go, or a power cut took its content: then nobody of that time lives. */
function holderOf(lockFile: string): Holder | undefined {
  const text = readIfThere(lockFile);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Holder);
  } catch {
    return undefined;
  }
}

function myself(): Holder {
  return { pid: process.pid, started: processOf(process.pid)?.started ?? '', boot: bootOf() };
}

function isAlive(holder: Holder): boolean {
  if (holder.boot !== bootOf()) return false;
  if (holder.started === '') return answersSignals(holder.pid);
  return processOf(holder.pid)?.started === holder.started;
}

/** Empty where the system does not tell. */
function bootOf(): string {
  return readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** As /proc tells; undefined when it is not there, or dead and only not yet buried by its parent. */
function processOf(pid: number): { readonly started: string } | undefined {
  // The name in parentheses may itself hold spaces and parentheses; state is field 3, starttime field 22.
  const [state, ...fields] = readIfThere(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ') ?? [];
  const started = fields[18];
  return started === undefined || state === 'Z' || state === 'X' ? undefined : { started };
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return codeOf(cause) === 'EPERM';
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    // ESRCH: the process ended while its file in /proc was open.
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes(codeOf(cause))) return undefined;
    throw cause;
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}
