import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

/** The same by plain recursion: slow, and short enough to be believed. */
function dumb(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const rest = pattern.slice(1);
  switch (pattern[0]) {
    case '*':
      return dumb(rest, text) || (text !== '' && dumb(pattern, text.slice(1)));
    case '?':
      return text !== '' && dumb(rest, text.slice(1));
    case '[': {
      const [, not, chars = '', behind = ''] = /^(\^?)([^\]]*)\]?(.*)$/s.exec(rest) ?? [];
      return (
        text !== '' && chars.includes(text[0] as string) !== (not === '^') && dumb(behind, text.slice(1))
      );
    }
    case '\\':
      return rest === '' ? text === '\\' : text[0] === rest[0] && dumb(rest.slice(1), text.slice(1));
    default:
      return text[0] === pattern[0] && dumb(rest, text.slice(1));
  }
}

const pattern = fc
  .array(fc.constantFrom('a', 'b', '*', '?', '[ab]', '[^a]', '[', ']', '^', '\\*', '\\a'), { maxLength: 8 })
  .map((parts) => parts.join(''))
  // The twin knows no escapes within a set.
  .filter((text) => !/\[[^\]]*\\/.test(text));
const text = fc
  .array(fc.constantFrom('a', 'b', '*', ']', '^'), { maxLength: 8 })
  .map((chars) => chars.join(''));

it('matches what its dumb twin matches', () => {
  fc.assert(
    fc.property(pattern, text, (glob, subject) => {
      expect(compileGlob(glob)(subject)).toBe(dumb(glob, subject));
    }),
    { numRuns: 3000 },
  );
});
