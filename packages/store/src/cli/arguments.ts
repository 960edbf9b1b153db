/**
 * Reading what stands on the command line: numbers, lists, hex. Commander turns the error into wrong usage, exit 2.
 */
import { isTraceId } from '@rkv/core';
import { InvalidArgumentError } from 'commander';

export function wholeNumber(lowest: number, highest = 999_999_999): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= lowest && value <= highest) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${lowest} to ${highest}.`);
  };
}

export function yesOrNo(text: string): boolean {
  if (['yes', 'true'].includes(text)) return true;
  if (['no', 'false'].includes(text)) return false;
  throw new InvalidArgumentError('It must be yes or no.');
}

export function traceId(text: string): string {
  if (isTraceId(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 32 letters, digits, - and _.');
}

/** `a,b,c`: at least one name, none empty, none twice. */
export function nameList(text: string): string[] {
  const names = text.split(',');
  if (names.includes('')) throw new InvalidArgumentError('It must be names with a comma between them.');
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} stands there twice.`);
  return names;
}

/** `a=x,b=y`: no name twice. */
export function namePairs(text: string): Map<string, string> {
  const pairs = text.split(',').map((pair) => /^([^=]+)=(.*)$/.exec(pair) ?? []);
  if (pairs.some(([whole]) => whole === undefined))
    throw new InvalidArgumentError('It must be pairs like a=x,b=y.');
  const names = pairs.map(([, name = '']) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} stands there twice.`);
  return new Map(pairs.map(([, name = '', value = '']) => [name, value]));
}

/** A key as the store knows it, one latin1 char per byte: the UTF-8 of the text, or the bytes that hex digits name. */
export function keyBytes(key: string, isHex: boolean): string | undefined {
  if (!isHex) return Buffer.from(key, 'utf8').toString('latin1');
  return /^([0-9a-fA-F]{2})*$/.test(key) ? Buffer.from(key, 'hex').toString('latin1') : undefined;
}
