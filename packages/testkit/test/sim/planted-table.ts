/** The table of planted bugs: the first seed that catches each, what the checker said, and the shipped code on it. */
import { PLANTED, type PlantedBug } from './planted-bugs.ts';
import { runScenario } from './scenario.ts';

/** Each must be caught within so many. */
export const SEEDS_MAX = 100;

export interface Catch {
  readonly seed: number;
  /** What the checker that is meant to see it said. */
  readonly said: string;
  /** What breaks on this seed without the bug: nothing, if all is well. */
  readonly shipped: readonly string[];
}

/** By seed and kinds of faults: what breaks without any bug. Many bugs are caught by one seed. */
const shippedProblems = new Map<string, readonly string[]>();

function problemsOfShipped(seed: number, kinds: PlantedBug['kinds']): readonly string[] {
  const name = `${seed} ${kinds?.join() ?? ''}`;
  const problems = shippedProblems.get(name) ?? runScenario({ seed, kinds }).problems;
  shippedProblems.set(name, problems);
  return problems;
}

/** By `likely`, if it is given, or by the first seed that does. Undefined: not caught. */
export function catchBug({ plant, shows, kinds }: PlantedBug, likely?: number): Catch | undefined {
  const seeds = Array.from({ length: SEEDS_MAX }, (_, i) => i + 1);
  if (likely !== undefined) seeds.unshift(likely);
  for (const seed of seeds) {
    const { problems } = runScenario({ seed, plant, kinds, enough: shows });
    const said = problems.find((problem) => shows.test(problem));
    if (said !== undefined) return { seed, said, shipped: problemsOfShipped(seed, kinds) };
  }
  return undefined;
}

/** A line per bug; whether all were caught and the shipped code is clean. */
export function printPlanted(print: (line: string) => void): boolean {
  let good = true;
  for (const [name, bug] of Object.entries(PLANTED)) {
    const caught = catchBug(bug);
    if (caught === undefined || caught.shipped.length > 0) good = false;
    print(
      `${name.padEnd(48)}  ${caught === undefined ? `not caught in ${SEEDS_MAX} seeds` : describeCatch(caught)}`,
    );
  }
  return good;
}

function describeCatch({ seed, said, shipped }: Catch): string {
  return `seed ${seed}, shipped code on it ${shipped.length === 0 ? 'clean' : `broke: ${shipped[0]}`}; ${said}`;
}
