/**
 * One cut that is not waited out, from beginning to end: the smaller side is forced, both go on, the cut heals, and what
 * became of whom the larger side has let in. The swarm does the same among other faults.
 */
import { describe, expect, it } from 'vitest';
import { PLANTED, type PlantedBug } from './planted-bugs.ts';
import { runScenario, type ScenarioResult } from './scenario.ts';
import { parseScript } from './script.ts';

const SCRIPT = `
seed 42
22000..36000 ms  forcedCut n1 n2 | n3 n4 n5 n6
`;

function play(planted?: string): ScenarioResult {
  const plant = planted === undefined ? undefined : (PLANTED[planted] as PlantedBug).plant;
  return runScenario({ ...parseScript(SCRIPT), plant, describe: true });
}

describe('a minority that is told to go on without the others', () => {
  it('ends in one ring, and nothing is lost but with a disk that was emptied', { timeout: 300_000 }, () => {
    const { problems, description, toll, counts } = play();
    expect(problems, description).toEqual([]);
    expect(toll).toMatchObject({ 'ring forced': 1, 'node stranded': 1, 'stranded disk emptied': 1 });
    expect(counts.excused, 'the others went on and acknowledged').toBeGreaterThan(0);
    expect(description).toMatch(/is asked to go on without \d: done/);
    expect(description).toMatch(/the disk of n\d is emptied/);
    expect(description, 'who was put aside is told').toMatch(/warn what n\d.* agreed upon .* is undone when/);
    expect(description, 'and who is no member').toMatch(
      /warn this node is in no ring any more and still holds data/,
    );
  });

  it('is seen not to, when a member that was put aside keeps its old ring', { timeout: 300_000 }, () => {
    const { problems } = play('a member that was put aside keeps its old ring');
    expect(problems.join('\n')).toMatch(/goes by epoch \d+, which a forced ring has undone/);
  });
});
