/**
 * What a decoded JSON value must look like before we touch it: checks as data.
 *
 * A peer's nonsense becomes `WireError` here and nothing further in. Only fields that this version uses are
 * checked; others are kept, since a newer node may have its reasons.
 */
import { WireError } from '../base/bytes.ts';

export type Check = (value: unknown) => boolean;

/** Longest name, address or location that is taken from a peer, chars. */
const TEXT_MAX = 512;

/** Longest sentence for people, chars: it may name every member. */
const SENTENCE_MAX = 65_536;

export const isText: Check = (value) => typeof value === 'string' && value.length <= TEXT_MAX;
export const isName: Check = (value) => isText(value) && value !== '';
export const isSentence: Check = (value) => typeof value === 'string' && value.length <= SENTENCE_MAX;
export const isLatin1: Check = (value) => typeof value === 'string' && !/[^\0-\u00ff]/.test(value);
export const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
export const isPositive: Check = (value) => isCount(value) && value !== 0;
export const isNumber: Check = (value) => Number.isFinite(value);
export const isBoolean: Check = (value) => typeof value === 'boolean';

export function isOneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

export function isRecord(fields: Readonly<Record<string, Check>>): Check {
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    const record = value as Readonly<Record<string, unknown>>;
    return Object.entries(fields).every(([name, check]) => check(record[name]));
  };
}

export function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

export function isNullOr(check: Check): Check {
  return (value) => value === null || check(value);
}

/** A field that nodes before this version did not know. */
export function isOptional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

/** A record whose `kind` is one of these and which has the fields of that kind. */
export function isKindOf(shapes: Readonly<Record<string, Check>>): Check {
  return (value) => {
    const kind = (value as { kind?: unknown } | null | undefined)?.kind;
    return typeof kind === 'string' && Object.hasOwn(shapes, kind) && (shapes[kind] as Check)(value);
  };
}

/** Throws `WireError` naming what was expected when the value has another shape. */
export function expectShape(check: Check, value: unknown, what: string): void {
  if (!check(value)) throw new WireError(`not ${what}`);
}
