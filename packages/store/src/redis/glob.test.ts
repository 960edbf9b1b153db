import { describe, expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

describe('patterns', () => {
  it.each<[string, string, boolean]>([
    ['*', '', true],
    ['*', 'anything', true],
    ['', '', true],
    ['', 'a', false],
    ['h?llo', 'hello', true],
    ['h?llo', 'hllo', false],
    ['h*llo', 'heeeello', true],
    ['h*llo', 'hell', false],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    ['a**', 'a', true],
    ['h[ae]llo', 'hallo', true],
    ['h[ae]llo', 'hillo', false],
    ['h[^e]llo', 'hallo', true],
    ['h[^e]llo', 'hello', false],
    ['[a-c]', 'b', true],
    ['[c-a]', 'b', true],
    ['[^a-c]', 'b', false],
    // Redis takes the bracket for the end of the range.
    ['[a-]', '^', true],
    ['[a-]', '-', false],
    [String.raw`[\]]`, ']', true],
    [String.raw`[\a-c]`, 'b', false],
    ['[abc', 'c', true],
    ['[', '[', false],
    ['[]x', 'x', false],
    [String.raw`\*`, '*', true],
    [String.raw`\*`, 'a', false],
    ['a\\', 'a\\', true],
    ['\xe4?', '\xe4\xff', true],
    ['*foo', 'barfoofoo', true],
  ])('%j on %j: %s', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
  });

  it('is not brought down by many stars', () => {
    expect(compileGlob('a*'.repeat(200) + 'b')('a'.repeat(5000))).toBe(false);
  });
});
