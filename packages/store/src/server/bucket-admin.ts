/**
 * `rkv bucket`: the properties of all keys with a prefix, looked at and changed.
 *
 *   1. what is refused at once: it is no bucket, a member is away, something moves or hints wait
 *   2. every copy is asked whether keys exist that would get other properties (kv/bucket-keys.ts)
 *   3. the change is agreed, unless the keys lie in another bucket by now
 *   4. once all live members have that ring they are looked for again: what was written between 2 and 4 was written under
 *      the old properties, and is told in a warning
 *
 * Promised: when it is agreed, no copy that the members own held a value of such a key at the moment when it was asked.
 * Not promised: that nobody writes one while it is being changed; 4 says how many did.
 */
import {
  bucketOf,
  Buckets,
  bucketsAfter,
  describeCount,
  haveSameProperties,
  type AdminRequest,
  type BucketChange,
  type BucketProperties,
  type Node,
  type RequestResult,
  type RingDocument,
} from '@rkv/core';
import { AdminError } from '../admin/admin-error.ts';
import type { BucketChanged, BucketView, BucketWanted, TransfersView } from '../admin/api.ts';
import { findKeys, type Coordinator, type FoundKeys } from '../kv/index.ts';
import { refusalError } from './refusal-error.ts';

export interface BucketAdminParts {
  readonly node: Pick<Node, 'document' | 'isUp' | 'ringReady'>;
  readonly coordinator: Coordinator;
  transfers(): Promise<TransfersView>;
  request(request: AdminRequest): Promise<RequestResult>;
}

/** How long the members are waited for, and how often it is looked. */
const ADOPT_MS = 5_000;
const LOOK_MS = 20;

export class BucketAdmin {
  readonly #parts: BucketAdminParts;

  constructor(parts: BucketAdminParts) {
    this.#parts = parts;
  }

  list(): readonly BucketView[] {
    return bucketViews(this.#parts.node.document);
  }

  /** `wanted`: what is left out stays as it is for these keys; null: the bucket is to go. */
  async change(prefix: string, wanted: BucketWanted | null): Promise<BucketChanged> {
    const { document } = this.#parts.node;
    const was = bucketOf(document, prefix);
    const to = wanted && { n: wanted.n ?? was.n, level: wanted.level ?? was.level };
    const after = bucketsAfter(document, { prefix, to });
    if ('kind' in after) throw refusalError(after);
    const will = bucketOf({ buckets: after }, prefix);
    const isOther = !haveSameProperties(was, will);
    const meant = meantBy(document, after, prefix);
    if (isOther) await this.#checkThatNone(document, meant);
    const epoch = await this.#agree({ prefix, to }, was);
    const warnings = isOther ? await this.#lookAgain(epoch, meant) : [];
    const changed = after !== document.buckets;
    return {
      ...bucketView(will),
      prefix: textOf(prefix),
      prefixHex: hexOf(prefix),
      changed,
      epoch,
      warnings,
    };
  }

  async #agree(change: BucketChange, was: BucketProperties): Promise<number> {
    const result = await this.#parts.request({ kind: 'bucket', ...change, was });
    if (result.kind !== 'done') throw refusalError(result);
    return result.epoch;
  }

  async #checkThatNone(document: RingDocument, meant: Meant): Promise<void> {
    const away = document.members.filter(({ id }) => !this.#parts.node.isUp(id)).map(({ name }) => name);
    if (away.length > 0)
      throw new AdminError(
        'unreachable',
        `${away.join(', ')} cannot be reached: every copy must be asked whether such keys exist`,
      );
    const { active, waiting } = await this.#parts.transfers();
    const moving = active.length + waiting.length;
    if (moving > 0)
      throw new AdminError(
        'pending_changes',
        `${moving === 1 ? '1 transfer runs or waits' : `${moving} transfers run or wait`}, and may bring keys that nobody ` +
          'can count yet; rkv transfers tells more',
      );
    const { live, stale } = await this.#find(meant);
    if (live > 0)
      throw new AdminError(
        'keys_exist',
        `${describeCount(live, 'key')} ${meant.text}, and their properties cannot change; delete them first`,
      );
    if (stale > 0)
      throw new AdminError(
        'keys_exist',
        `${describeCount(stale, 'key')} ${meant.text} no more, but some copy has not heard of it; ` +
          'ask again when the copies have been compared (rkv exchange)',
      );
  }

  #find({ copies, isMeant }: Meant): Promise<FoundKeys> {
    return new Promise((resolve, reject) => {
      findKeys(this.#parts.coordinator, { copies, isMeant }, (outcome) => {
        if (outcome.kind === 'ok') return resolve(outcome);
        const { code, message, needed, got } = outcome.failure;
        reject(
          new AdminError(code, `it cannot be told whether keys exist: every copy must answer; ${message}`, {
            definite: true,
            needed,
            got,
          }),
        );
      });
    });
  }

  /** Keys that were written under the old properties meanwhile, one sentence. */
  async #lookAgain(epoch: number, meant: Meant): Promise<string[]> {
    const { node, coordinator } = this.#parts;
    const until = coordinator.host.monotonic() + ADOPT_MS;
    const isThere = (): boolean => node.document.epoch >= epoch && node.ringReady;
    while (!isThere() && coordinator.host.monotonic() < until)
      await new Promise<void>((resolve) => coordinator.host.setTimer(LOOK_MS, resolve));
    if (!isThere())
      return ['not all members have the new ring yet; until they have, keys are written as before'];
    try {
      const { live, stale } = await this.#find(meant);
      if (live + stale === 0) return [];
      return [
        `${describeCount(live + stale, 'key')} ${meant.text}: written while this was agreed, perhaps with the properties of ` +
          'before; write what matters again',
      ];
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      return [`whether keys were written while this was agreed is not known: ${error.message}`];
    }
  }
}

/** The keys that a change gives other properties. */
interface Meant {
  /** The largest n that any key has or is to have: beyond, no copy is asked. */
  readonly copies: number;
  readonly isMeant: (key: string) => boolean;
  /** As it goes on behind `keys`. */
  readonly text: string;
}

function meantBy(document: RingDocument, after: readonly BucketProperties[], prefix: string): Meant {
  const [old, now] = [new Buckets(document.buckets), new Buckets(after)];
  return {
    copies: Math.max(...old.numbers, ...now.numbers),
    isMeant: (key) => key.startsWith(prefix) && !haveSameProperties(old.of(key), now.of(key)),
    text:
      prefix === ''
        ? 'in the default bucket exist'
        : `beginning with ${JSON.stringify(textOf(prefix))} exist`,
  };
}

export function bucketViews({ buckets }: RingDocument): BucketView[] {
  return buckets.toSorted((a, b) => (a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0)).map(bucketView);
}

function bucketView({ prefix, n, level }: BucketProperties): BucketView {
  return { prefix: textOf(prefix), prefixHex: hexOf(prefix), n, level };
}

function textOf(prefix: string): string {
  return Buffer.from(prefix, 'latin1').toString('utf8');
}

function hexOf(prefix: string): string {
  return Buffer.from(prefix, 'latin1').toString('hex');
}
