/**
 * The numbers of INCRBYFLOAT: C's `long double` as x86 has it, 64 bits of mantissa, read and written in decimal.
 *
 * A double of JavaScript has 53 bits, so that 3.0e3 + 0.1 would be written with other digits than clients of Redis know. A
 * number here is `mantissa` x 2^`exponent`, exactly; sums are exact too, and rounded as the processor does it: to the nearest, of
 * two the even one. It is written as Redis writes it, with 17 digits behind the point and no zeros at the end.
 *
 * Source: redis-server 7.0, string2ld, ld2string (LD_STR_HUMAN); IEEE 754, extended precision.
 * Not here: infinity and NaN as numbers. The former can be read, and no sum with it is a number.
 */
const MANTISSA_BITS = 64;
/** Of the highest bit. Numbers below the least have fewer bits. */
const EXPONENT_MAX = 16_383;
const EXPONENT_MIN = -16_382;
/** 2^16384 has 4,933 digits, and the least number begins behind as many zeros. */
const DIGITS_MAX = 5000;
/** Redis takes no longer ones. */
const TEXT_MAX = 5 * 1024 - 1;
const PLACES = 17;

export interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** Undefined: no number, or one that is too large or too small. */
export function parseLongDouble(text: string): LongDouble | 'infinite' | undefined {
  if (text.length > TEXT_MAX) return undefined;
  if (INFINITE.test(text)) return 'infinite';
  const [, hexSign, hexWhole = '', hexPart = '', twos = '0'] = HEXADECIMAL.exec(text) ?? [];
  if (hexSign !== undefined)
    return numberOf(hexSign, `0x${hexWhole}${hexPart}`, 2n, Number(twos) - 4 * hexPart.length);
  const [, sign, whole = '', part = '', tens = '0'] = DECIMAL.exec(text) ?? [];
  return sign === undefined ? undefined : numberOf(sign, whole + part, 10n, Number(tens) - part.length);
}

/** `digits` as BigInt reads them, times a power of the base. */
function numberOf(sign: string, digits: string, base: bigint, power: number): LongDouble | undefined {
  if (digits === '' || digits === '0x') return undefined;
  const value = BigInt(digits);
  if (value === 0n) return ZERO;
  // So far away that all of the digits cannot bring it back; and nobody is to make us compute a huge power.
  if (Math.abs(power) > 4 * (DIGITS_MAX + digits.length)) return undefined;
  const factor = base ** BigInt(Math.abs(power));
  const rounded = power < 0 ? quotient(value, factor) : nearest(value * factor, 0);
  if (rounded === undefined || rounded.mantissa === 0n) return undefined;
  return sign === '-' ? { ...rounded, mantissa: -rounded.mantissa } : rounded;
}

const ZERO: LongDouble = { mantissa: 0n, exponent: 0 };

/** Undefined when it is larger than all numbers. */
export function addLongDoubles(one: LongDouble, other: LongDouble): LongDouble | undefined {
  const exponent = Math.min(one.exponent, other.exponent);
  const aligned = ({ mantissa, exponent: own }: LongDouble): bigint => mantissa << BigInt(own - exponent);
  return nearest(aligned(one) + aligned(other), exponent);
}

export function formatLongDouble({ mantissa, exponent }: LongDouble): string {
  const scaled = (mantissa < 0n ? -mantissa : mantissa) * 10n ** BigInt(PLACES);
  const units = exponent >= 0 ? scaled << BigInt(exponent) : shiftedRight(scaled, -exponent, false);
  const digits = String(units).padStart(PLACES + 1, '0');
  const part = digits.slice(-PLACES).replace(/0+$/, '');
  const text = digits.slice(0, -PLACES) + (part === '' ? '' : `.${part}`);
  return mantissa < 0n && text !== '0' ? `-${text}` : text;
}

/** Two more bits than are kept, and whether there was a rest, decide how it is rounded. */
function quotient(value: bigint, divisor: bigint): LongDouble | undefined {
  const shift = Math.max(0, MANTISSA_BITS + 2 + bitsOf(divisor) - bitsOf(value));
  const dividend = value << BigInt(shift);
  return nearest(dividend / divisor, -shift, dividend % divisor !== 0n);
}

/** The nearest number to mantissa x 2^exponent, which `rest` says is a little more than that. */
function nearest(mantissa: bigint, exponent: number, rest = false): LongDouble | undefined {
  if (mantissa === 0n) return ZERO;
  const size = mantissa < 0n ? -mantissa : mantissa;
  const highest = exponent + bitsOf(size) - 1;
  const lowest = Math.max(highest, EXPONENT_MIN) - (MANTISSA_BITS - 1);
  const kept = lowest <= exponent ? size : shiftedRight(size, lowest - exponent, rest);
  const at = Math.max(lowest, exponent);
  if (at + bitsOf(kept) - 1 > EXPONENT_MAX) return undefined;
  return { mantissa: mantissa < 0n ? -kept : kept, exponent: at };
}

/** Rounded to the nearest, of two to the even one; `rest`: the value was a little more. */
function shiftedRight(value: bigint, bits: number, rest: boolean): bigint {
  const floor = value >> BigInt(bits);
  const twice = (value - (floor << BigInt(bits))) << 1n;
  const half = 1n << BigInt(bits);
  const isUp = twice > half || (twice === half && (rest || (floor & 1n) === 1n));
  return isUp ? floor + 1n : floor;
}

function bitsOf(value: bigint): number {
  return value.toString(2).length;
}
