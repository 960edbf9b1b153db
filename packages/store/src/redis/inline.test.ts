import { describe, expect, it } from 'vitest';
import { splitInline } from './inline.ts';

describe('words of an inline request', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['   \t ', []],
    ['PING', ['PING']],
    ['  SET  k\tv  ', ['SET', 'k', 'v']],
    ['"a b" c', ['a b', 'c']],
    ['"" x', ['', 'x']],
    [String.raw`"\x41\xfF\n\r\t\b\a\q\\\""`, ['A\xff\n\r\t\b\x07q\\"']],
    [String.raw`"\x4"`, ['x4']],
    [String.raw`'a\'b\n'`, [String.raw`a'b\n`]],
    [`pre"fix ed"`, ['prefix ed']],
    [String.raw`back\slash`, [String.raw`back\slash`]],
  ])('%j', (line, words) => {
    expect(splitInline(line)).toEqual(words);
  });

  it.each(['"', "'", '"a', "'a", '"a"b', "'a'b", '"a\\"'])('refuses %j', (line) => {
    expect(splitInline(line)).toBeUndefined();
  });
});
