/**
 * What an operator should look at, told from what the members say of themselves and what this node sees of them. Pure.
 *
 * Each finding says what is so and what to do. The worst come first: who is missing, what is not safe, what waits, what will not
 * scale. Transfers that wait and copies that differ are told when it has lasted; what is as it should be is not told at all.
 */
import {
  bucketsOf,
  CLOCK_OFF_MS,
  describeCount,
  describeTime,
  DRIFT_LIMIT_MS,
  isMajority,
  leastWindowsWithRepeat,
  primariesOf,
  votersOf,
  type LimitUse,
  type NodeId,
  type PartitionId,
  type RingDocument,
} from '@rkv/core';
import type {
  ExchangeView,
  Finding,
  MemberView,
  ScrubView,
  StatusView,
  TransfersView,
} from '../admin/api.ts';

export interface Symptoms {
  readonly document: RingDocument;
  /** The node that is asked waits to be let into the cluster that `status` tells of; `document` is its own ring. */
  readonly isOutside: boolean;
  readonly status: StatusView;
  readonly transfers: TransfersView;
  readonly exchange: ExchangeView;
  readonly scrub: ScrubView;
  /** Of the node that is asked. */
  readonly limits: readonly LimitUse[];
}

/** A transfer that has waited longer is told, ms. */
const WAITS_LONG_MS = 60_000;
/** Copies that were not found alike for longer are told, ms: some thirty rounds. */
const UNLIKE_LONG_MS = 300_000;
const NEARLY_FULL = 0.9;
/** These are meant to be reached: the rest waits its turn. */
const THROTTLES: ReadonlySet<string> = new Set([
  'handoff_in',
  'handoff_out',
  'redis_owed_replies',
  'write_bytes',
]);

/** The worst first. */
export function diagnose(symptoms: Symptoms): Finding[] {
  const { document, isOutside, status, transfers, exchange, scrub, limits } = symptoms;
  const findings = [
    ...status.members.flatMap((member) => memberFindings(member, status.members.length)),
    ...damage(scrub, status),
    ...(isOutside ? [] : ringFindings(document, status)),
    ...waiting(transfers),
    ...comparisons(exchange, status),
    ...nearlyFull(limits),
  ];
  return [...findings.filter(isWrong), ...findings.filter((finding) => !isWrong(finding))];
}

function ringFindings(document: RingDocument, status: StatusView): Finding[] {
  return [...votes(document, status), ...copies(document), ...staged(document), ...agreed(status)];
}

function isWrong({ severity }: Finding): boolean {
  return severity === 'wrong';
}

function wrong(what: string, advice: string): Finding {
  return { severity: 'wrong', what, advice };
}

function look(what: string, advice: string): Finding {
  return { severity: 'look', what, advice };
}

function memberFindings(member: MemberView, members: number): Finding[] {
  const { name, status, up, slow, disk, partialVnodes, clockOffsetMs } = member;
  if (status === 'joining')
    return [
      look(
        `${name} has asked to join and is not let in yet${up ? '' : ', and is not heard'}.`,
        `${up ? '' : 'Start it; then '}rkv cluster plan, then rkv cluster commit; or rkv cluster clear.`,
      ),
    ];
  if (status === 'down' && !up)
    return [
      wrong(
        `${name} is away and counted as down: others stand in for it, and nothing moves to it.`,
        `Start it again. If it never comes back: rkv cluster force-replace ${name} NEW, or force-remove ${name}, then plan and commit.`,
      ),
    ];
  if (!up)
    return [
      wrong(
        `${name} (${status}) is not heard: others stand in for it.`,
        `Start it again, or look at the network. If it will be away for long: rkv cluster down ${name}.`,
      ),
    ];
  return [
    ...(disk === 'read_only'
      ? [
          wrong(
            `The store of ${name} takes no writes.`,
            'Make room on its disk, or replace it; the store opens again by itself.',
          ),
        ]
      : []),
    ...clock(name, clockOffsetMs, members),
    ...(disk === 'slow'
      ? [
          look(
            `The commits of ${name} take more than 0.1 s.`,
            'Its disk is slow or shared: rkv_store_commit_seconds tells how slow.',
          ),
        ]
      : []),
    ...(slow
      ? [
          look(
            `The event loop of ${name} is late.`,
            'It has too much to do, or too little processor: rkv_loop_delay_seconds tells how late.',
          ),
        ]
      : []),
    ...(partialVnodes > 0
      ? [
          look(
            `${describeCount(partialVnodes, 'vnode')} of ${name} cannot prove to hold everything (partial).`,
            'They heal from the other copies by themselves; until then they do not vote on strict keys. rkv transfers tells what they wait for.',
          ),
        ]
      : []),
  ];
}

function clock(name: string, offsetMs: number | undefined, members: number): Finding[] {
  if (offsetMs === undefined || Math.abs(offsetMs) <= CLOCK_OFF_MS) return [];
  const way = offsetMs > 0 ? 'ahead of' : 'behind';
  // Of two the lower counts, whichever is right.
  const whose = members === 2 ? 'the other' : 'that of the cluster';
  const what = `The clock of ${name} is ${describeTime(Math.abs(offsetMs))} ${way} ${whose}.`;
  const which = members === 2 ? 'Set right whichever is wrong' : 'Set it right';
  const advice = `${which}, and keep it so (NTP). Of two writes of an eventual key the one by the clock that is ahead wins.`;
  // The others' clocks do not follow stamps from so far ahead.
  return [Math.abs(offsetMs) > DRIFT_LIMIT_MS ? wrong(what, advice) : look(what, advice)];
}

function votes(document: RingDocument, { members }: StatusView): Finding[] {
  const voters = votersOf(document);
  const up = new Set(members.flatMap(({ id, up: isUp }) => (isUp ? [id] : [])));
  const heard = voters.filter(({ id }) => up.has(id)).length;
  if (isMajority(heard, voters.length)) return [];
  return [
    wrong(
      `Only ${heard} of the ${voters.length} members that vote are heard: no ring can be changed, and strict keys may be away.`,
      'Start the others. Only if they are lost for good: rkv cluster down NAMES --force (docs/operations.md tells what that costs).',
    ),
  ];
}

function damage({ vnodes, failed }: ScrubView, status: StatusView): Finding[] {
  const up = namesUp(status);
  const byNode = new Map<string, number>();
  for (const { node, damaged } of vnodes)
    if (damaged > 0) byNode.set(node, (byNode.get(node) ?? 0) + damaged);
  return [
    ...[...byNode].map(([node, count]) =>
      wrong(
        `${describeCount(count, 'entry', 'entries')} on the disk of ${node} cannot be believed and wait for another replica's.`,
        'They heal by themselves from the other copies. Look at that disk: it has changed what was written.',
      ),
    ),
    ...failed
      .filter(({ node }) => up.has(node))
      .map(({ node, reason }) =>
        look(`${node} does not say what it found on its disk: ${reason}.`, 'rkv scrub status asks again.'),
      ),
  ];
}

/** Which keys have fewer nodes than copies. */
function copies(document: RingDocument): Finding[] {
  const members = document.members.filter(({ status }) => status !== 'joining').length;
  return bucketsOf(document).numbers.flatMap((n) => {
    if (members < n)
      return [
        look(
          `n is ${n} and there ${members === 1 ? 'is one member' : `are ${members} members`}: one node holds several copies of a key.`,
          `Let more nodes in: rkv cluster join, then plan and commit.`,
        ),
      ];
    const shared = document.owners.filter(
      (_, first) => nodesOf(first as PartitionId, n, document.owners) < n,
    ).length;
    // With so many partitions and members there may be no better ring; that is known of lists of three.
    if (shared <= (n === 3 ? leastWindowsWithRepeat(document.ringSize, members) : 0)) return [];
    return [
      look(
        `${shared} of ${document.ringSize} preference lists of n=${n} have two copies on one node.`,
        'rkv cluster plan tells whether a better ring exists; a larger ring (rkv ring resize) or another member makes one.',
      ),
    ];
  });
}

function nodesOf(first: PartitionId, n: number, owners: readonly NodeId[]): number {
  return new Set(primariesOf(first, n, owners).map(({ node }) => node)).size;
}

function staged({ staged: changes }: RingDocument): Finding[] {
  if (changes.length === 0) return [];
  return [
    look(
      `${describeCount(changes.length, 'change')} of the ring ${changes.length === 1 ? 'is' : 'are'} staged.`,
      'rkv cluster plan, then rkv cluster commit; or rkv cluster clear.',
    ),
  ];
}

function agreed({ ready }: StatusView): Finding[] {
  return ready
    ? []
    : [
        look(
          'Not every member that is up has this ring yet.',
          'That takes a moment. If it lasts, some of them cannot hear each other.',
        ),
      ];
}

function waiting({ waiting: transfers }: TransfersView): Finding[] {
  const long = transfers.filter(({ sinceMs }) => (sinceMs ?? 0) > WAITS_LONG_MS);
  const byReason = new Map<string, number[]>();
  for (const { kind, from, to, reason, sinceMs = 0 } of long) {
    const why = `${kind}, ${from} to ${to}: ${reason}`;
    byReason.set(why, [...(byReason.get(why) ?? []), sinceMs]);
  }
  return [...byReason].map(([why, since]) =>
    look(
      `${describeCount(since.length, 'transfer')} (${why}) ${since.length === 1 ? 'waits' : 'wait'} for ${describeTime(Math.max(...since))}.`,
      'rkv transfers shows all of them.',
    ),
  );
}

function comparisons({ partitions, paused, failed }: ExchangeView, status: StatusView): Finding[] {
  const up = namesUp(status);
  const long = partitions.filter(({ alikeMs }) => alikeMs !== null && alikeMs > UNLIKE_LONG_MS);
  const reasons = new Map<string, number>();
  for (const { alikeMs, reason } of partitions)
    if (alikeMs === null && reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return [
    ...(paused.length === 0
      ? []
      : [look(`No copies are compared at ${paused.join(', ')}.`, 'rkv exchange resume')]),
    ...failed
      .filter(({ node }) => up.has(node))
      .map(({ node, reason }) =>
        look(`${node} does not say how alike its copies are: ${reason}.`, 'rkv exchange asks again.'),
      ),
    ...[...reasons].map(([reason, count]) =>
      look(
        `The copies of ${describeCount(count, 'partition')} are not known to be alike: ${reason}.`,
        'rkv exchange tells it by partition.',
      ),
    ),
    ...(long.length === 0
      ? []
      : [
          look(
            `The copies of ${describeCount(long.length, 'partition')} were not found alike for more than five minutes.`,
            'rkv exchange tells why, by partition.',
          ),
        ]),
  ];
}

function nearlyFull(limits: readonly LimitUse[]): Finding[] {
  return limits.flatMap(({ limit, used, max }) =>
    used === undefined || used < max * NEARLY_FULL || THROTTLES.has(limit)
      ? []
      : [
          look(
            `${limit} of this node is at ${used} of ${max}.`,
            'docs/limits.md tells what happens there; fewer requests at a time, or more nodes.',
          ),
        ],
  );
}

function namesUp({ members }: StatusView): Set<string> {
  return new Set(members.flatMap(({ name, up }) => (up ? [name] : [])));
}
