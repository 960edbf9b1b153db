/**
 * The inline form of a request: words on a line, as a person types them into telnet.
 *
 * Words are divided by white space. "Double quotes" know \n \r \t \b \a, \xHH and \ before any other char;
 * 'single quotes' know only \'. A quote may open within a word, and what follows a closing one must be white
 * space or the end. The line and the words are latin1 strings, so any byte can be written.
 *
 * Source: the observable behaviour of redis-server 7.0 (`sdssplitargs`).
 */

const SPACE = /[ \t\n\v\f\r\0]/;
const HEX_BYTE = /^[0-9a-fA-F]{2}$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** The words of the line, or undefined when its quotes do not match up. */
export function splitInline(line: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && SPACE.test(line.charAt(at))) at++;
    if (at === line.length) return words;
    const word = readWord(line, at);
    if (word === undefined) return undefined;
    words.push(word.text);
    at = word.end;
  }
}

interface Piece {
  readonly text: string;
  readonly end: number;
}

function readWord(line: string, start: number): Piece | undefined {
  let text = '';
  let at = start;
  while (at < line.length && !SPACE.test(line.charAt(at))) {
    const char = line.charAt(at);
    if (char !== '"' && char !== "'") {
      text += char;
      at++;
      continue;
    }
    const quoted = char === '"' ? readDoubleQuoted(line, at + 1) : readSingleQuoted(line, at + 1);
    if (quoted === undefined) return undefined;
    text += quoted.text;
    at = quoted.end;
    if (at < line.length && !SPACE.test(line.charAt(at))) return undefined;
  }
  return { text, end: at };
}

function readDoubleQuoted(line: string, start: number): Piece | undefined {
  let text = '';
  let at = start;
  while (at < line.length) {
    const char = line.charAt(at);
    if (char === '"') return { text, end: at + 1 };
    if (char !== '\\' || at + 1 === line.length) {
      text += char;
      at++;
      continue;
    }
    const escaped = line.charAt(at + 1);
    const hex = line.slice(at + 2, at + 4);
    if (escaped === 'x' && HEX_BYTE.test(hex)) {
      text += String.fromCharCode(parseInt(hex, 16));
      at += 4;
    } else {
      text += ESCAPES[escaped] ?? escaped;
      at += 2;
    }
  }
  return undefined;
}

function readSingleQuoted(line: string, start: number): Piece | undefined {
  let text = '';
  let at = start;
  while (at < line.length) {
    const char = line.charAt(at);
    if (char === "'") return { text, end: at + 1 };
    const escapedQuote = char === '\\' && line.charAt(at + 1) === "'";
    text += escapedQuote ? "'" : char;
    at += escapedQuote ? 2 : 1;
  }
  return undefined;
}
