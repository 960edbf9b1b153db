/**
 * Opens the store of a node, unless it is unsound: then it is set aside, and the node goes on with a new one.
 *
 * A store is known to be unsound when the last life found it so, or when lmdb says so as it is opened. And it may be what
 * kills the node, or keeps it from mending: after two lives in a row that did not close it, whatever they died of, and after
 * one that came to doubt it, all of it is looked at by another process before this one opens it. So no node starts and
 * dies for ever.
 *
 * *Set aside* is renamed: it stays in the data directory, and the log says under which name. The node keeps its identity and
 * its place in the ring; the new store has another id, so its vnodes start partial and merge from the other replicas
 * (rules 3, 5). A node that is alone in its ring has the only copy there is: it does not start, and says what can be
 * done.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger, Store } from '@rkv/core';
import { checkStore, lmdbStore, StoreOpenError, syncDirectory } from '../storage/index.ts';

export interface StoreKeeperInit {
  /** The data directory, which this process has locked. */
  readonly directory: string;
  readonly logger: Logger;
  /** Other members hold copies of what this node holds. */
  readonly hasOthers: () => boolean;
  readonly onUnsound: (why: string) => void;
  readonly onDoubtful: (why: string) => void;
}

/** What one life leaves for the next. */
interface Lives {
  /** In a row, that have not closed the store; the present one is counted. */
  readonly unclean: number;
  /** Why the store is not to be opened any more. */
  readonly unsound?: string;
  /** Why it is to be looked at before it is opened. */
  readonly doubt?: string;
}

export const STORE = 'store';
const LIVES = 'store.lives';
const UNCLEAN_MAX = 2;
/** Every read may find the store wanting, and a failing disk may take seconds to refuse a mark. */
const MARK_AGAIN_MS = 10_000;

export class StoreKeeper {
  readonly #init: StoreKeeperInit;
  readonly #path: string;
  #lives: Lives = { unclean: 0 };
  #wasLookedAt = false;
  #isDoubted = false;
  /** No mark is tried before this, ms of `performance.now()`. */
  #marksFrom = 0;

  constructor(init: StoreKeeperInit) {
    this.#init = init;
    this.#path = join(init.directory, STORE);
  }

  /** Rejects with `StoreOpenError`. */
  async open(): Promise<Store> {
    const { logger } = this.#init;
    this.#lives = this.#read();
    let { unclean, unsound } = this.#lives;
    const { doubt } = this.#lives;
    if (unsound === undefined && (doubt !== undefined || unclean >= UNCLEAN_MAX)) {
      if (doubt === undefined)
        logger.info(
          { lives: unclean },
          'lives of this node ended without closing the store: it is looked at',
        );
      else logger.info({ why: doubt }, 'the last life of this node doubted its store: it is looked at');
      unsound = await checkStore(this.#path);
      unclean = 0;
      this.#wasLookedAt = true;
    }
    if (unsound !== undefined) this.#setAside(unsound);
    this.#write({ unclean: unclean + 1 });
    try {
      return this.#openNow();
    } catch (error) {
      if (!(error instanceof StoreOpenError) || !error.unsound) throw error;
      this.#setAside(error.message);
      this.#write({ unclean: 1 });
      return this.#openNow();
    }
  }

  /** Not to be opened by the next life. False: that cannot be written down now. */
  markUnsound(why: string): boolean {
    return this.#mark({ unsound: why });
  }

  /**
   * To be looked at by the next life. False: it is to be already, or that cannot be written down now, or this one began with
   * a look, and another is no more likely to find something.
   */
  markDoubtful(why: string): boolean {
    if (this.#wasLookedAt || this.#isDoubted) return false;
    this.#isDoubted = this.#mark({ doubt: why });
    return this.#isDoubted;
  }

  /** The store was closed. */
  closed(): void {
    this.#write({ ...this.#lives, unclean: 0 });
  }

  /** Nothing of it is needed any more. */
  remove(): void {
    rmSync(this.#path, { recursive: true, force: true });
    rmSync(this.#file, { force: true });
  }

  get #file(): string {
    return join(this.#init.directory, LIVES);
  }

  #openNow(): Store {
    const { onUnsound, onDoubtful, logger } = this.#init;
    return lmdbStore({
      path: this.#path,
      onUnsound,
      onDoubtful,
      onAgain: () => logger.info({}, 'the store takes writes again'),
      onSlow: (slow, meanMs) =>
        slow
          ? logger.warn(
              { commitMs: Math.round(meanMs) },
              'the disk of the store is slow: a commit takes more than 100 ms',
            )
          : logger.info({ commitMs: Math.round(meanMs) }, 'the disk of the store is no longer slow'),
    });
  }

  #setAside(why: string): void {
    const { hasOthers, logger } = this.#init;
    if (!hasOthers()) {
      throw new StoreOpenError(
        'store_unsound',
        `the store in ${this.#path} is damaged (${why}), and nobody else has a copy of what it holds. Put back a copy of the ` +
          `data directory, or move ${this.#path} and ${this.#file} away to begin with an empty store`,
      );
    }
    const kept = `${this.#path}.set-aside-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
    const isHere = this.#rename(kept);
    syncDirectory(this.#init.directory);
    // What is noted of it is not the new store's. To remove that takes no room on a full disk.
    rmSync(this.#file, { force: true });
    syncDirectory(this.#init.directory);
    if (!isHere) {
      logger.warn({ why }, 'the store was damaged and has been set aside by a life before');
      return;
    }
    logger.error(
      { why, kept },
      'the store is damaged and was set aside: this node goes on with an empty one and heals from the others',
    );
  }

  /** False: a life that ended before it had removed the mark has done it. */
  #rename(kept: string): boolean {
    try {
      renameSync(this.#path, kept);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  #read(): Lives {
    try {
      const { unclean, unsound, doubt } = JSON.parse(readFileSync(this.#file, 'utf8')) as Partial<Lives>;
      return {
        unclean: typeof unclean === 'number' ? unclean : 0,
        ...(typeof unsound === 'string' && { unsound }),
        ...(typeof doubt === 'string' && { doubt }),
      };
    } catch {
      return { unclean: 0 };
    }
  }

  #mark(mark: Partial<Lives>): boolean {
    if (performance.now() < this.#marksFrom) return false;
    if (this.#write({ ...this.#lives, ...mark })) return true;
    this.#marksFrom = performance.now() + MARK_AGAIN_MS;
    return false;
  }

  /** Whether it was written. A disk that is full or failing must not keep a node from starting; `closed` tries again. */
  #write(lives: Lives): boolean {
    this.#lives = lives;
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify(lives), { flush: true });
      renameSync(`${this.#file}.new`, this.#file);
      return true;
    } catch (error) {
      this.#init.logger.warn({ error: (error as Error).message }, `${this.#file} cannot be written`);
      return false;
    }
  }
}
