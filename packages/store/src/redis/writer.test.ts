import { describe, expect, it } from 'vitest';
import { ReplyWriter } from './writer.ts';

function written(resp3: boolean, write: (out: ReplyWriter) => void): string {
  const out = new ReplyWriter();
  out.resp3 = resp3;
  write(out);
  return out.view().toString('latin1');
}

describe('replies', () => {
  it.each<[string, (out: ReplyWriter) => void, string, string?]>([
    ['ok', (out) => out.ok(), '+OK\r\n'],
    ['simple', (out) => out.simple('PONG'), '+PONG\r\n'],
    ['error', (out) => out.error('ERR a\r\nb'), '-ERR a  b\r\n'],
    [
      'integers',
      (out) => [0, 9, 10, -1, 2 ** 53].forEach((n) => out.integer(n)),
      ':0\r\n:9\r\n:10\r\n:-1\r\n:9007199254740992\r\n',
    ],
    ['bigint', (out) => out.integer(2n ** 63n), ':9223372036854775808\r\n'],
    ['empty bulk', (out) => out.bulk(new Uint8Array(0)), '$0\r\n\r\n'],
    ['part of bytes', (out) => out.bulk(Buffer.from('abcdef'), 2, 4), '$2\r\ncd\r\n'],
    ['bulk of text', (out) => out.bulkText('a\xff\u20ac'), '$3\r\na\xff?\r\n'],
    ['array', (out) => out.array(2), '*2\r\n'],
    ['null', (out) => out.null(), '$-1\r\n', '_\r\n'],
    ['map', (out) => out.map(7), '*14\r\n', '%7\r\n'],
    ['set', (out) => out.set(3), '*3\r\n', '~3\r\n'],
    ['verbatim', (out) => out.verbatim('a\nb'), '$3\r\na\nb\r\n', '=7\r\ntxt:a\nb\r\n'],
  ])('%s', (_name, write, resp2, resp3 = resp2) => {
    expect(written(false, write)).toBe(resp2);
    expect(written(true, write)).toBe(resp3);
  });

  it.each([1, 9, 10, 64, 65, 99, 100, 101, 9999, 10_000, 123_456, 1_048_576])(
    'a bulk of %i bytes',
    (size) => {
      const bytes = Buffer.alloc(size + 2, 'x');
      expect(written(false, (out) => out.bulk(bytes, 1, size + 1))).toBe(
        `$${size}\r\n${'x'.repeat(size)}\r\n`,
      );
    },
  );
});

describe('the buffer', () => {
  it('is used again after clear, and left alone after renew', () => {
    const out = new ReplyWriter();
    out.ok();
    const first = out.view();
    out.clear();
    out.simple('ABC');
    expect(first.toString()).toBe('+ABC\r');
    const second = out.view();
    out.renew();
    out.ok();
    expect(second.toString()).toBe('+ABC\r\n');
    expect(out.view().toString()).toBe('+OK\r\n');
  });
});
