/**
 * What would become of a read and of a write that began now, by what each replica has just said.
 *
 * The counting is that of the requests themselves (`quorumFor`, `QuorumCount`, `primariesSuffice`), so that the outlook says
 * what they would do. Not promised: that it stays so; and a store that answers but takes no writes is not foreseen.
 */
import {
  bitCount,
  QuorumCount,
  quorumOf,
  type ConsistencyLevel,
  type CountedList,
  type NodeId,
  type Quorum,
} from '@rkv/core';
import type { Failure, RequestOptions } from './api.ts';
import type { RequestDefaults } from './coordinator.ts';
import { majorityOf, quorumFor } from './coordinator.ts';
import { levelFailure } from './levels.ts';
import type { Inspection } from './inspection.ts';
import { primariesSuffice } from './read-request.ts';

export interface Outlook {
  readonly quorum: Quorum;
  /** It would succeed. */
  readonly possible: boolean;
  /** Too few answer, but the primaries that do are enough (docs/decisions/0003). */
  readonly byPrimaries: boolean;
  /** How many answers count, how many of them as primaries, and of which nodes they are. */
  readonly got: number;
  readonly primaries: number;
  readonly from: readonly NodeId[];
  /** It asks for what cannot be had whoever is up. */
  readonly refused: Failure | undefined;
}

/** The list, what is asked of it, and what each replica said. */
export interface OutlookInit {
  /** Of a strict key: its acceptors. */
  readonly list: CountedList;
  readonly level: ConsistencyLevel;
  readonly n: number;
  readonly defaults: RequestDefaults;
  readonly options: RequestOptions;
  /** By the replica's place in the list; undefined: not asked. */
  readonly found: readonly (Inspection | undefined)[];
}

/** What a read with these options would come to now. */
export function readOutlook(init: OutlookInit): Outlook {
  const { list, level, n, defaults, options, found } = init;
  if (level === 'strict') return strictOutlook(init);
  const quorum = quorumFor(list, n, options.r, defaults.r, options.pr);
  const count = new QuorumCount();
  count.begin(list, quorum);
  found.forEach((inspection, at) => {
    if (inspection?.kind !== 'inspected') return count.failed(at);
    // With `notfoundOk: false` too: when everybody has been asked, "not found" is an answer.
    const isAnswer = inspection.reply.bytes > 0 || !inspection.standIn;
    count.answered(at, isAnswer, inspection.standIn);
  });
  const spoke = (at: number): boolean => found[at]?.kind === 'inspected';
  const byPrimaries = !count.met && primariesSuffice(count, list, quorum, spoke);
  return outlookOf(list, quorum, count, byPrimaries, levelFailure('read', options, n));
}

/** What a write with these options would come to now. */
export function writeOutlook(init: OutlookInit): Outlook {
  const { list, level, n, defaults, options, found } = init;
  if (level === 'strict') return strictOutlook(init);
  const quorum = quorumFor(list, n, options.w, defaults.w, options.pw, options.dw);
  const count = new QuorumCount();
  count.begin(list, quorum);
  found.forEach((inspection, at) => {
    if (inspection?.kind === 'inspected') count.answered(at, true, inspection.standIn);
    else count.failed(at);
  });
  return outlookOf(list, quorum, count, false, levelFailure('write', options, n));
}

/** A majority of the owners votes, whole ones, whatever levels are asked for (strict-change.ts). */
function strictOutlook({ list, n, found }: OutlookInit): Outlook {
  const quorum = quorumOf(list, majorityOf(n));
  const count = new QuorumCount();
  count.begin(list, quorum);
  found.forEach((inspection, at) => {
    if (inspection?.kind === 'inspected' && !inspection.standIn) count.answered(at, true);
    else count.failed(at);
  });
  return outlookOf(list, quorum, count, false, undefined);
}

function outlookOf(
  list: CountedList,
  quorum: Quorum,
  count: QuorumCount,
  byPrimaries: boolean,
  refused: Failure | undefined,
): Outlook {
  return {
    quorum,
    possible: refused === undefined && (count.met || byPrimaries),
    byPrimaries,
    got: count.got,
    primaries: bitCount(count.counted & list.primaryMask & ~count.standIns),
    from: count.from,
    refused,
  };
}
