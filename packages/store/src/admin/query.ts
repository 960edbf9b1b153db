/**
 * The path and query of a request, byte for byte.
 *
 * A key is bytes, so `%ff` is the byte 0xff and nothing is ever replaced by U+FFFD: values are percent-decoded to
 * latin1 strings, one char per byte, which is what keys are everywhere. Text is those bytes read as UTF-8.
 */
import { AdminError } from './admin-error.ts';

export class Query {
  readonly path: string;
  readonly #fields: ReadonlyMap<string, string>;

  /** `target` is the request target, `/path?query`. Throws `bad_request` when a percent sign starts no byte. */
  constructor(target: string) {
    const [path = '', query = ''] = split(target, '?');
    this.path = path;
    const pairs = query.split('&').map((pair) => split(pair, '='));
    this.#fields = new Map(
      pairs.map(([name = '', value = '']) => [percentDecode(name), percentDecode(value)]),
    );
  }

  /** The bytes of a field as a latin1 string; undefined when it is not there. */
  bytes(name: string): string | undefined {
    return this.#fields.get(name);
  }

  text(name: string): string | undefined {
    const bytes = this.bytes(name);
    return bytes === undefined ? undefined : Buffer.from(bytes, 'latin1').toString('utf8');
  }

  /** A whole number from `lowest` to `highest`. */
  count(name: string, lowest: number, highest = 999_999_999): number | undefined {
    const text = this.bytes(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= lowest && value <= highest) return value;
    throw new AdminError('bad_request', `${name} must be a whole number from ${lowest} to ${highest}`);
  }

  /** A comma-separated list; empty when it is not there. */
  names(name: string): string[] {
    return (this.text(name) ?? '').split(',').filter((part) => part !== '');
  }

  /** Present, and neither `0` nor `false`. */
  flag(name: string): boolean {
    const text = this.bytes(name);
    return text !== undefined && text !== '0' && text !== 'false';
  }

  /** `key` (percent-encoded) or `keyHex`, one of them; the empty key is one too. */
  key(): string {
    const key = this.bytes('key');
    const hex = this.bytes('keyHex');
    if ((key === undefined) === (hex === undefined)) {
      throw new AdminError('bad_request', 'say which key: either key= (percent-encoded) or keyHex=');
    }
    return key ?? decodeHex('keyHex', hex ?? '');
  }
}

function split(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** As forms encode it, so a plus is a space. */
function percentDecode(text: string): string {
  return text.replaceAll('+', ' ').replace(/%(..?)?/g, (_, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9a-fA-F]{2}$/.test(digits)) {
      throw new AdminError('bad_request', 'a percent sign in the query is not followed by two hex digits');
    }
    return String.fromCharCode(Number.parseInt(digits, 16));
  });
}

/** The bytes that a field named `name` spells, as a latin1 string. */
export function decodeHex(name: string, hex: string): string {
  if (!/^([0-9a-fA-F]{2})*$/.test(hex))
    throw new AdminError('bad_request', `${name} must be pairs of hex digits`);
  return Buffer.from(hex, 'hex').toString('latin1');
}
