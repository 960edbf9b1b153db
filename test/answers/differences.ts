/**
 * Where the two servers may differ, and why. Each must show in a run: one that is over has to go.
 *
 * That some times run on between two servers is no difference: `TOLERANCE_MS`.
 */
const TOLERANCE_MS = 20_000;

/** One command, word by word, and both replies. */
export interface Answers {
  readonly command: readonly string[];
  readonly rkv: string;
  readonly redis: string;
}

export interface Difference {
  readonly why: string;
  covers(answers: Answers, nowMs: number): boolean;
}

/** docs/limits.md: moments lie before the year 10889. */
const MOMENT_MAX_MS = 2 ** 48 - 1;

export const DIFFERENCES: readonly Difference[] = [
  {
    why: 'a moment beyond the year 10889 becomes its last millisecond: an entry has 48 bits for it',
    covers: (answers, nowMs) => {
      const [rkv, redis] = momentsOf(answers, nowMs);
      return rkv < redis && Math.abs(rkv - MOMENT_MAX_MS) <= TOLERANCE_MS;
    },
  },
];

/** Byte by byte; of times, nearly. */
export function areAlike(answers: Answers, nowMs: number): boolean {
  if (answers.rkv === answers.redis) return true;
  const [rkv, redis] = momentsOf(answers, nowMs);
  return Math.abs(rkv - redis) <= TOLERANCE_MS;
}

const TELLS_TIME: ReadonlyMap<string, (told: number, nowMs: number) => number> = new Map([
  ['TTL', (told, nowMs) => told * 1000 + nowMs],
  ['PTTL', (told, nowMs) => told + nowMs],
  ['EXPIRETIME', (told) => told * 1000],
  ['PEXPIRETIME', (told) => told],
]);

/** The moments at which both say that the key expires; NaN when that is not what they say. */
function momentsOf({ command, rkv, redis }: Answers, nowMs: number): readonly [number, number] {
  const read = TELLS_TIME.get((command[0] ?? '').toUpperCase());
  const moment = (reply: string): number => {
    const told = /^:(\d+)\r\n$/.exec(reply)?.[1];
    return read === undefined || told === undefined ? Number.NaN : read(Number(told), nowMs);
  };
  return [moment(rkv), moment(redis)];
}
