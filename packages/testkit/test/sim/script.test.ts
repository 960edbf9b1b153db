/** A case that is printed and read again is the same case; one that makes no sense is refused, and where is said. */
import { World } from '@rkv/testkit';
import { describe, expect, it } from 'vitest';
import { drawScenario } from './draw.ts';
import { runScenario } from './scenario.ts';
import { describeScript, parseScript, type Script } from './script.ts';

function scriptOf(seed: number, others: Partial<Script> = {}): Script {
  const options = { minutes: 1, kinds: undefined, plant: undefined, ...others };
  return { seed, faults: drawScenario(new World({ seed }), options).faults, ...options };
}

describe('a case in a file', () => {
  it('is read as it was printed', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const script = scriptOf(seed, { minutes: 1 + (seed % 3) });
      expect(parseScript(describeScript(script))).toEqual(script);
    }
    const narrow = scriptOf(7, { kinds: ['crash', 'pause'], plant: 'copies are never compared' });
    expect(parseScript(describeScript(narrow))).toEqual(narrow);
  });

  it('plays as its seed does', { timeout: 120_000 }, () => {
    const { seed, traceHash } = runScenario({ seed: 3 });
    const { faults } = parseScript(describeScript(scriptOf(seed)));
    expect(runScenario({ seed, faults }).traceHash).toBe(traceHash);
    expect(runScenario({ seed, faults: faults.slice(1) }).traceHash).not.toBe(traceHash);
  });

  it('may be changed by hand: remarks, empty lines, any order', () => {
    const text =
      '# kept\n2000..2500 ms pause n2 # later\n\n  seed 3\n1000..1500.5 ms   cutOneWay n1 > n2 n3\n';
    expect(parseScript(text)).toEqual({
      seed: 3,
      minutes: 1,
      kinds: undefined,
      plant: undefined,
      faults: [
        { at: 1000, until: 1500.5, kind: 'cutOneWay', sides: [['n1'], ['n2', 'n3']] },
        { at: 2000, until: 2500, kind: 'pause', node: 'n2' },
      ],
    });
  });

  it.each([
    ['1..2 ms crash n1', 'no line says which seed it is: "seed 42"'],
    ['seed four', 'line 1: "four" is not a whole number from 0 on'],
    ['seed 3\nminutes 0', 'line 2: "0" is not a whole number from 1 on'],
    ['seed 3\nkinds crash,burn', 'line 2: no kind of fault is called "burn"; there are cut'],
    ['seed 3\nplant nothing', 'line 2: no planted bug is called "nothing"; there are'],
    ['seed 3\n\nsoon ms crash n1', 'line 3: "soon" is not a span of time such as 1200..3400'],
    ['seed 3\n2..1 ms crash n1', 'line 2: it is healed at 1, before it begins at 2'],
    ['seed 3\n1..2 ms burn n1', 'line 2: no kind of fault is called "burn"; there are cut'],
    ['seed 3\n1..2 ms crash', 'line 2: the name of a node is expected where it ends'],
    ['seed 3\n1..2 ms crash n99', 'line 2: no node is called "n99"; there are n1, n2'],
    ['seed 3\n1..2 ms crash n1 n2', 'line 2: nothing is expected after it, and there is "n2"'],
    ['seed 3\n1..2 ms cut n1 > n2', 'line 2: "|" is expected where ">" is'],
    ['seed 3\n1..2 ms slowDisk n1 very times', 'line 2: "very" is not a number'],
    ['seed 3\n1..2 ms crashSaving n1 the cat', 'line 2: no document is called "cat"; there are identity'],
    ['seed 3\n1..2 ms lossyLink n1 | n2 drop 2', 'line 2: a chance lies between 0 and 1, and drop is 2'],
    ['seed 3\n1..2 ms clockDrift n1 at rate 0', 'line 2: a clock goes at a rate above 0, not at 0'],
  ])('is refused: %j', (text, why) => {
    expect(() => parseScript(text)).toThrow(why);
  });
});
