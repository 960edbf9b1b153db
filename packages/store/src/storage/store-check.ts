/**
 * A process that looks at an lmdb environment before a node opens it: `node store-check.js DIRECTORY`.
 *
 * lmdb trusts its pages. What a damaged one does to whoever reads or writes it is anything: a wrong answer, an error, a
 * loop, a fault of the process. So the pages are read from the file first, without lmdb (page-check.ts), and then it is done to
 * this process, which is there for that: it comes by all records, looks for each of them, and writes in a transaction that
 * it then drops. Exit 3, and a reason: the environment is unsound. Killed by a fault: it is as well.
 * Anything else says nothing.
 */
import { join } from 'node:path';
import { open, ABORT, type RootDatabase } from 'lmdb';
import { pageProblem } from './page-check.ts';
import { LMDB_DAMAGED, numberOf } from './store-failure.ts';

const UNSOUND = 3;
const SMALL_WRITES = 2_000;
const LARGE_WRITES = 50;

function problemOf(environment: RootDatabase<Buffer, Buffer>): string | undefined {
  let before: Buffer | undefined;
  for (const { key } of environment.getRange({})) {
    // A walk that goes round in circles goes back somewhere.
    if (before !== undefined && Buffer.compare(before, key) >= 0) return 'its records are out of order';
    if (environment.getBinary(key) === undefined) return 'a record is there and cannot be found';
    before = Buffer.from(key);
  }
  environment.transactionSync(() => {
    for (let i = 0; i < SMALL_WRITES + LARGE_WRITES; i++) {
      const bytes = i < SMALL_WRITES ? 200 : 20_000;
      environment.putSync(Buffer.from(`\xfe${i * 7919}`, 'latin1'), Buffer.alloc(bytes, i));
    }
    return ABORT;
  });
  return undefined;
}

/** The pages first: what lmdb says of damaged ones may be anything, and that takes nothing but the file. */
function check(path: string): string | undefined {
  return problemOfFile(join(path, 'data.mdb')) ?? problemForLmdb(path);
}

/** A sector that cannot be read says nothing here: lmdb, which has the file as memory, dies of it, and that is believed. */
function problemOfFile(path: string): string | undefined {
  try {
    return pageProblem(path);
  } catch {
    return undefined;
  }
}

function problemForLmdb(path: string): string | undefined {
  try {
    const settings = { keyEncoding: 'binary', encoding: 'binary', overlappingSync: false } as const;
    return problemOf(open<Buffer, Buffer>({ path, noSubdir: false, ...settings }));
  } catch (error) {
    if (!LMDB_DAMAGED.includes(numberOf(error))) throw error;
    return (error as Error).message;
  }
}

const problem = check(process.argv[2] as string);
if (problem !== undefined) process.stdout.write(problem);
process.exitCode = problem === undefined ? 0 : UNSOUND;
