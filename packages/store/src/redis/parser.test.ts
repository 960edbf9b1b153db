import { describe, expect, it } from 'vitest';
import { BROKEN, COMMAND, MORE, RequestParser } from './parser.ts';
import { multibulk } from './testing/raw-client.ts';

const limits = { valueBytesMax: 1000, commandBytesMax: 5000 };

/** Everything a parser makes of the chunks: commands as words, and its error at the end if it has one. */
function parse(chunks: readonly string[], parser = new RequestParser(limits)): (string[] | string)[] {
  const found: (string[] | string)[] = [];
  for (const chunk of chunks) {
    // The socket's buffer is used again for the next read.
    const borrowed = Buffer.from(chunk, 'latin1');
    parser.feed(borrowed, borrowed.length);
    for (;;) {
      const outcome = parser.next();
      if (outcome === BROKEN) return [...found, parser.error];
      if (outcome === MORE) break;
      found.push(parser.oversized ? 'oversized' : words(parser));
    }
    parser.keep();
    borrowed.fill(0x2a);
  }
  return found;
}

function words(parser: RequestParser): string[] {
  return Array.from({ length: parser.argc }, (_, i) => parser.text(i));
}

describe('requests', () => {
  it.each<[string, (string[] | string)[]]>([
    [multibulk('GET', 'k'), [['GET', 'k']]],
    [
      multibulk('SET', 'k', 'a\r\nb\0\xff') + multibulk('GET', ''),
      [
        ['SET', 'k', 'a\r\nb\0\xff'],
        ['GET', ''],
      ],
    ],
    ['PING\r\nECHO "a b"\n', [['PING'], ['ECHO', 'a b']]],
    ['\r\n\n  \r\nPING\r\n', [['PING']]],
    ['*0\r\n*-1\r\nPING\r\n', [['PING']]],
    // Redis does not look at the two bytes behind a body.
    ['*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n', [['PING'], ['PING']]],
  ])('%j', (bytes, expected) => {
    expect(parse([bytes])).toEqual(expected);
    expect(parse(bytes.split(''))).toEqual(expected);
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(parse([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(expected);
    }
  });

  it('keeps a command that lies ready while more comes in', () => {
    const parser = new RequestParser(limits);
    const first = Buffer.from(multibulk('SET', 'k', 'v') + 'PI');
    parser.feed(first, first.length);
    expect(parser.next()).toBe(COMMAND);
    parser.keep();
    first.fill(0);
    parser.feed(Buffer.from('NG\r\n'), 4);
    expect(words(parser)).toEqual(['SET', 'k', 'v']);
    expect(parser.next()).toBe(COMMAND);
    expect(words(parser)).toEqual(['PING']);
  });

  it('gives a copy that outlives the command', () => {
    const parser = new RequestParser(limits);
    const bytes = Buffer.from(`PING\r\n${multibulk('MSET', 'k', 'v')}`);
    parser.feed(bytes, bytes.length);
    parser.next();
    parser.next();
    const copy = parser.detached();
    bytes.fill(0);
    expect([copy.argc, copy.text(1), Buffer.from(copy.view(2)).toString()]).toEqual([3, 'k', 'v']);
  });
});

describe('what is no request', () => {
  it.each<[string, string]>([
    ['*a\r\n', 'invalid multibulk length'],
    ['*1048577\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*01\r\n', 'invalid multibulk length'],
    ['*99999999999999999999999\r\n', 'invalid multibulk length'],
    ['*1\r\n$a\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$ 1\r\n', 'invalid bulk length'],
    ['*1\r\n$04\r\n', 'invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'invalid bulk length'],
    ['*1\r\nfoo\r\n', "expected '$', got 'f'"],
    ['GET "k\r\n', 'unbalanced quotes in request'],
    ['x'.repeat(65_537), 'too big inline request'],
    ['*' + '1'.repeat(65_537), 'too big mbulk count string'],
    ['*1\r\n$' + '1'.repeat(65_537), 'too big bulk count string'],
    ['*1\r\n' + 'x'.repeat(65_537), 'too big bulk count string'],
  ])('%.20j', (bytes, error) => {
    expect(parse([`PING\r\n${bytes}`])).toEqual([['PING'], error]);
    expect(parse([bytes.slice(0, 3), bytes.slice(3)])).toEqual([error]);
  });

  it('waits for the end of the line before it complains', () => {
    expect(parse(['*a'])).toEqual([]);
    expect(parse(['*1\r\nfoo\r'])).toEqual([]);
  });
});

describe('limits', () => {
  it('reads past an argument that is too large, in whatever pieces, and goes on', () => {
    const bytes = multibulk('SET', 'k', 'v'.repeat(1001)) + multibulk('GET', 'k');
    expect(parse([bytes])).toEqual(['oversized', ['GET', 'k']]);
    expect(parse(bytes.split(''))).toEqual(['oversized', ['GET', 'k']]);
  });

  it('keeps no more of a command than allowed', () => {
    const values = Array.from({ length: 6 }, () => 'v'.repeat(1000));
    expect(parse([multibulk('MSET', ...values), 'PING\r\n'])).toEqual(['oversized', ['PING']]);
  });

  it('reserves nothing for a declared length', () => {
    const parsers = Array.from({ length: 50 }, () => {
      const parser = new RequestParser({ valueBytesMax: 2 ** 29, commandBytesMax: 2 ** 30 });
      expect(parse(['*2\r\n$3\r\nGET\r\n$536870912\r\nabc'], parser)).toEqual([]);
      return parser;
    });
    expect(parsers.length).toBe(50);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(100 * 2 ** 20);
  });

  it('tells a header awaited from a body awaited', () => {
    const parser = new RequestParser(limits);
    const states: boolean[] = [];
    for (const piece of ['*', '2\r\n', '$3\r\n', 'GE', 'T\r\n', '$1\r\n', 'k\r\n']) {
      parse([piece], parser);
      states.push(parser.awaitsHeader);
    }
    expect(states).toEqual([true, true, false, false, true, false, false]);
  });
});
