import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BROKEN, COMMAND, MORE, RequestParser } from './parser.ts';
import { multibulk } from './testing/raw-client.ts';

const limits = { valueBytesMax: 40, commandBytesMax: 100 };

interface Parsed {
  readonly commands: string[][];
  readonly error: string;
}

/** `waits` says before which commands the caller is not ready: the command lies while the next chunk comes in. */
function parse(chunks: readonly string[], waits: readonly boolean[] = []): Parsed {
  const parser = new RequestParser(limits);
  const commands: string[][] = [];
  let ready = false;
  let steps = 0;
  for (const chunk of [...chunks, '']) {
    const borrowed = Buffer.from(chunk, 'latin1');
    if (borrowed.length > 0) parser.feed(borrowed, borrowed.length);
    for (;;) {
      expect(steps++).toBeLessThan(10_000);
      const outcome = ready ? COMMAND : parser.next();
      if (outcome === BROKEN) return { commands, error: parser.error };
      if (outcome === MORE) break;
      const wait: boolean = !ready && chunk !== '' && waits[commands.length] === true;
      ready = wait;
      if (wait) break;
      const words = Array.from({ length: parser.argc }, (_, i) => parser.text(i));
      commands.push(parser.oversized ? ['oversized'] : words);
    }
    parser.keep();
    borrowed.fill(0x24);
  }
  return { commands, error: '' };
}

function cutAt(text: string, places: readonly number[]): string[] {
  const cuts = [...new Set(places.map((place) => place % (text.length + 1)))].toSorted((a, b) => a - b);
  return [...cuts, text.length]
    .map((cut, i) => text.slice(cuts[i - 1] ?? 0, cut))
    .filter((piece) => piece !== '');
}

const word = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const command = fc.array(word, { minLength: 1, maxLength: 3 });
const cuts = fc.array(fc.nat(1000), { maxLength: 12 });
const waits = fc.array(fc.boolean(), { maxLength: 12 });

it('finds the commands that were sent, wherever the stream is cut and whoever has to wait', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 6 }), cuts, waits, (commands, places, whichWait) => {
      const bytes = commands.map((words) => multibulk(...words)).join('');
      expect(parse(cutAt(bytes, places), whichWait)).toEqual({ commands, error: '' });
    }),
  );
});

const token = fc.constantFrom(
  '*',
  '$',
  '\r\n',
  '\r',
  '\n',
  '-',
  '0',
  '1',
  '3',
  '12',
  '41',
  '999999999',
  '"',
  "'",
  '\\',
  ' ',
  'GET',
);
const garbage = fc
  .array(fc.oneof({ weight: 4, arbitrary: token }, word), { maxLength: 30 })
  .map((parts) => parts.join(''));

it('makes the same of any bytes however they are cut, never throws and never hangs', () => {
  fc.assert(
    fc.property(garbage, cuts, waits, (bytes, places, whichWait) => {
      expect(parse(cutAt(bytes, places), whichWait)).toEqual(parse([bytes]));
    }),
    { numRuns: 2000 },
  );
});
