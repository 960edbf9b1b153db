/**
 * What operators read: the views of a node as text, in the manner of Riak's console.
 */
import { describeCount, describeMembership, describeRing, type MemberStatus } from '@rkv/core';
import type { KeyView, PlanView, RingView, StatusView, Whereabouts } from '../admin/api.ts';

const WIDTH = 79;

type Share = {
  readonly name: string;
  readonly status: MemberStatus;
  readonly ringPercent: number;
  readonly pendingPercent: number;
};

/** The membership table. The pending column is filled only while some share is about to change. */
function describeShares(members: readonly Share[]): string {
  const isMoving = members.some((member) => member.pendingPercent !== member.ringPercent);
  return describeMembership(
    members.map(({ name, status, ringPercent, pendingPercent }) => ({
      name,
      status,
      ringPercent,
      pendingPercent: isMoving ? pendingPercent : undefined,
    })),
  );
}

export function describeStatus({ members, ready, claimant, epoch }: StatusView): string {
  const down = members.filter((member) => !member.up).map((member) => quote(member.name));
  const lines = [describeShares(members), `Claimant: ${quote(claimant)}, epoch ${epoch}`];
  if (down.length > 0) lines.push(`Not reached: ${down.join(', ')}`);
  const slow = members.filter((member) => member.slow).map((member) => quote(member.name));
  if (slow.length > 0) lines.push(`Slow: ${slow.join(', ')}`);
  const healing = members.filter((member) => member.partialVnodes > 0);
  if (healing.length > 0) lines.push(`Healing: ${healing.map(describeHealing).join(', ')}`);
  for (const [disk, words] of [
    ['read_only', 'Takes no writes'],
    ['slow', 'Slow disk'],
  ] as const) {
    const names = members.filter((member) => member.disk === disk).map((member) => quote(member.name));
    if (names.length > 0) lines.push(`${words}: ${names.join(', ')}`);
  }
  lines.push(...describeMissingServices(members));
  if (!ready) lines.push('Not all live members hold this ring yet');
  return lines.join('\n');
}

function describeHealing({ name, partialVnodes }: StatusView['members'][number]): string {
  return `${quote(name)} (${partialVnodes} partial ${partialVnodes === 1 ? 'vnode' : 'vnodes'})`;
}

/** Nothing while all that is known run the same. */
function describeMissingServices(members: StatusView['members']): string[] {
  const all = [...new Set(members.flatMap(({ services }) => services ?? []))];
  return members.flatMap(({ name, services }) => {
    const missing = all.filter((service) => services?.includes(service) === false);
    return missing.length === 0 ? [] : [`Not run by ${quote(name)}: ${missing.join(', ')}`];
  });
}

export function describeRingView({ owners, pending, resize, version, claimant }: RingView): string {
  const moves = pending.map(
    ({ partition, from, to, status }) =>
      `  partition ${partition} from ${quote(from)} to ${quote(to)}: ${status}`,
  );
  const heading = moves.length === 0 ? [] : ['', `Pending: ${moves.length}`, ...moves];
  const coming =
    resize === undefined
      ? []
      : [
          '',
          `Resizing to ${resize.ringSize} partitions: ${resize.done} of ${resize.total} transfers have brought everything`,
        ];
  return [
    describeRing(owners),
    ...heading,
    ...coming,
    '',
    `Claimant: ${quote(claimant)}, epoch ${version}`,
  ].join('\n');
}

export function describePlan({ changes, transitions }: PlanView): string {
  if (changes.length === 0) return 'Nothing is staged.';
  const transition =
    transitions.length === 1 ? '1 cluster transition' : `${transitions.length} cluster transitions`;
  const head = [
    rule(' Staged Changes ', '='),
    'Action         Details(s)',
    '-'.repeat(WIDTH),
    ...changes.map(describeChange),
    '-'.repeat(WIDTH),
    '',
    `Committing this takes ${transition}.`,
  ];
  return [
    ...head,
    ...transitions.flatMap((each, at) => describeTransition(each, at + 1, transitions.length)),
  ].join('\n');
}

/** In Riak's words: `replace` has both names, a resize is `resize-ring`. */
function describeChange({ action, node, by, from, to }: PlanView['changes'][number]): string {
  const row = (name: string, details: string): string => `${name.padEnd(15)}${details}`.trimEnd();
  if (from !== undefined && to !== undefined) return row('resize-ring', `${from} to ${to} partitions`);
  if (node === undefined) return row(action, '');
  return row(action, by === undefined ? quote(node) : `${quote(node)} with ${quote(by)}`);
}

type Transition = PlanView['transitions'][number];

function describeTransition(
  { members, owners, transfers, pairs, reassigned, copies, certificate, warnings }: Transition,
  number: number,
  total: number,
): string[] {
  const banner = [
    '#'.repeat(WIDTH),
    rule(`After cluster transition ${number}/${total}`, ' ').trimEnd(),
    '#'.repeat(WIDTH),
  ];
  const caveats = warnings.length === 0 ? [] : ['', ...warnings.map((warning) => `WARNING: ${warning}`)];
  const atOnce =
    reassigned.length === 0
      ? []
      : ['', `Partitions reassigned at once: ${reassigned.length}`, ...describePairs(reassigned)];
  const copied =
    copies === undefined
      ? []
      : [`Copies of ranges: ${copies.total}, of which ${copies.moved} come to lie on another node`];
  return [
    '',
    ...banner,
    '',
    describeShares(members),
    '',
    describeRing(owners),
    ...caveats,
    '',
    ...describeCertificate(certificate),
    ...atOnce,
    '',
    `Transfers of this transition: ${transfers.length}`,
    ...pairs.map(
      ({ from, to, count }) => `  ${describeCount(count, 'transfer')} from ${quote(from)} to ${quote(to)}`,
    ),
    ...copied,
  ];
}

function describePairs(moves: Transition['reassigned']): string[] {
  const counts = new Map<string, number>();
  for (const { from, to } of moves) {
    const pair = `from ${quote(from)} to ${quote(to)}`;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return [...counts].map(([pair, count]) => `  ${describeCount(count, 'partition')} ${pair}`);
}

/** What claim can say for its ring. */
function describeCertificate(certificate: Transition['certificate']): string[] {
  const { counts, n3, n4, avoidable, moves, leastMoves, locationViolations } = certificate;
  const why = n3 === 0 ? '' : avoidable ? ' (fewer would take more moves)' : ' (the fewest possible)';
  const lines = [
    'Certificate of claim:',
    `  partitions per member: ${describeCounts(counts)}`,
    `  successive three partitions with a node twice: ${n3}${why}`,
    `  successive four partitions with a node twice: ${n4}`,
    `  partitions that change their owner: ${moves} (at least ${leastMoves} must)`,
  ];
  if (locationViolations !== undefined)
    lines.push(`  successive three in fewer locations than could be: ${locationViolations}`);
  return lines;
}

/** `5 (2 members), 6 (1 member)`; who has how many stands beside the ring. */
function describeCounts(counts: Transition['certificate']['counts']): string {
  const having = new Map<number, number>();
  for (const { count } of counts) having.set(count, (having.get(count) ?? 0) + 1);
  const sorted = [...having].toSorted(([a], [b]) => a - b);
  return sorted.map(([count, members]) => `${count} (${describeCount(members, 'member')})`).join(', ');
}

export function describeKey(view: KeyView): string {
  const { key, keyHex, hash, partition, index, preflist, replicas, read, write } = view;
  const stated = new Map(replicas.map((replica) => [`${replica.partition}@${replica.node}`, replica]));
  const rows = preflist.map((entry) => {
    const replica = stated.get(`${entry.partition}@${entry.node}`);
    stated.delete(`${entry.partition}@${entry.node}`);
    const found = replica === undefined ? '' : `  ${describeReplica(replica)}`;
    return `  partition ${entry.partition} (${entry.index}) ${quote(entry.node)} ${entry.role}${found}`;
  });
  const others = [...stated.values()].map(
    (replica) => `  partition ${replica.partition} ${quote(replica.node)} also: ${describeReplica(replica)}`,
  );
  const outlooks = [read, write].flatMap((outlook) =>
    outlook === undefined ? [] : ['', ...outlook.text.split('; ')],
  );
  return [
    `Key:       ${JSON.stringify(key)} (${keyHex === '' ? 'no bytes' : `hex ${keyHex}`})`,
    `Hash:      ${hash}`,
    `Partition: ${partition} (${index})`,
    'Preference list:',
    ...rows,
    ...others,
    ...outlooks,
  ].join('\n');
}

function describeReplica(replica: KeyView['replicas'][number]): string {
  const { state, version, versionAt, valueBytes, expiresAt, expired, vnode, hintFor, damaged, why } = replica;
  const details = [
    versionAt === undefined ? undefined : `of ${versionAt}`,
    valueBytes === undefined || state !== 'value' ? undefined : describeCount(valueBytes, 'byte'),
    expiresAt === undefined ? undefined : `${expired === true ? 'expired' : 'expires'} ${expiresAt}`,
    vnode === 'partial' ? 'partial vnode' : undefined,
    hintFor === undefined || state === 'none' ? undefined : `hint for ${quote(hintFor)}`,
    replica.inFlight === true ? 'not stored yet' : undefined,
    damaged === undefined ? undefined : `damaged: ${damaged}`,
    why === undefined ? undefined : `(${why})`,
  ].filter((detail) => detail !== undefined);
  const what = version === undefined ? state : `${state} ${version}`;
  return details.length === 0 ? what : `${what} ${details.join(', ')}`;
}

export function describeWhere({ node, partition, index }: Whereabouts): string {
  return `at ${quote(node)}, partition ${partition} (${index})`;
}

/** A title in the middle of a line; where it cannot be exact, the right side is the longer one. */
function rule(title: string, sign: string): string {
  const left = Math.floor((WIDTH - title.length) / 2);
  return sign.repeat(left) + title + sign.repeat(WIDTH - title.length - left);
}

function quote(name: string): string {
  return `'${name}'`;
}
