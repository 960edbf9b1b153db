/**
 * Drawing the ring and its members for people, as Riak's console draws them.
 *
 * Pure: plain text out, 79 wide, no colours, no newline at the end. Shares are per cent with one decimal, rounded.
 * Source: riak_core_ring:pretty_print with its legend, riak_core_console:member_status.
 */

export interface DescribeRingOptions {
  /** After so many partitions the picture has a bar. Default 4. */
  readonly targetN?: number;
}

/** The status words of the table, in the order of its last line; the ring document itself knows fewer. */
const STATUSES = ['valid', 'leaving', 'exiting', 'joining', 'down'] as const;

/** A line of the membership table. */
export interface MembershipRow {
  readonly status: (typeof STATUSES)[number];
  /** Share of the ring owned now, per cent. */
  readonly ringPercent: number;
  /** Share once everything pending has moved, per cent; undefined when nothing is pending. */
  readonly pendingPercent: number | undefined;
  readonly name: string;
}

const WIDTH = 79;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** Who owns how much, and a letter for every partition: `abca|bcab|...`. Owners by name, in sorted order. */
export function describeRing(owners: readonly string[], { targetN = 4 }: DescribeRingOptions = {}): string {
  const counts = new Map<string, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  const names = [...counts.keys()].toSorted();
  const marks = new Map(names.map((name, at) => [name, markOf(at, names.length)]));
  const legend = names.map((name) => {
    const count = counts.get(name) as number;
    return `Node ${marks.get(name)}: ${count} (${percent((100 * count) / owners.length)}) ${name}`;
  });
  const picture = drawRing(
    owners.map((owner) => marks.get(owner) as string),
    targetN,
  );
  return [rule('Nodes'), ...legend, rule('Ring'), picture].join('\n');
}

/** The members with their shares, sorted by status; within one status in the order given. */
export function describeMembership(rows: readonly MembershipRow[]): string {
  const sorted = rows.toSorted((a, b) => (a.status < b.status ? -1 : a.status > b.status ? 1 : 0));
  const line = '-'.repeat(WIDTH);
  return [
    rule('Membership'),
    'Status     Ring    Pending    Node',
    line,
    ...sorted.map(describeMember),
    line,
    STATUSES.map((status) => `${capital(status)}:${rows.filter((row) => row.status === status).length}`).join(
      ' / ',
    ),
  ].join('\n');
}

function describeMember({ status, ringPercent, pendingPercent, name }: MembershipRow): string {
  const pending = pendingPercent === undefined ? '  --  ' : percent(pendingPercent);
  return `${status.padEnd(8)}  ${percent(ringPercent)}    ${pending}    '${name}'`;
}

/** A letter while there are enough of them, else a number from 1. */
function markOf(at: number, count: number): string {
  return count > LETTERS.length ? String(at + 1) : (LETTERS[at] as string);
}

/** Numbers need a space between them, letters do not. */
function drawRing(marks: readonly string[], targetN: number): string {
  const between = marks.some((mark) => mark.length > 1) ? ' ' : '';
  let picture = '';
  marks.forEach((mark, at) => {
    const isLastOfGroup = (at + 1) % targetN === 0;
    const isLast = at + 1 === marks.length;
    picture += mark + (isLastOfGroup ? '|' : isLast ? '' : between);
  });
  return picture;
}

/** Six chars, ` 37.5%` or `100.0%`. */
function percent(share: number): string {
  return `${share.toFixed(1).padStart(5)}%`;
}

/** A line of `=` with a title in its middle; the odd one goes to the right. */
function rule(title: string): string {
  const left = Math.floor((WIDTH - title.length - 2) / 2);
  return `${'='.repeat(left)} ${title} `.padEnd(WIDTH, '=');
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
