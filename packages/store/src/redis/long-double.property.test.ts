import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addLongDoubles, formatLongDouble, parseLongDouble, type LongDouble } from './long-double.ts';

function number(text: string): LongDouble {
  const parsed = parseLongDouble(text);
  if (parsed === undefined || parsed === 'infinite') throw new Error(`${text} is no number`);
  return parsed;
}

function sum(one: string, other: string): string {
  return formatLongDouble(addLongDoubles(number(one), number(other)) as LongDouble);
}

it('sums that fit 64 bits are exact', () => {
  const whole = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
  fc.assert(
    fc.property(whole, whole, (one, other) => {
      expect(sum(String(one), String(other))).toBe(String(one + other));
    }),
  );
});

/** The twin counts in units of 10^-20 x 2^-200, of which both are a whole number. */
it('a decimal is read as the nearest number, of two as the even one', () => {
  const digits = fc.bigInt({ min: 1n, max: 10n ** 40n });
  fc.assert(
    fc.property(digits, fc.integer({ min: -20, max: 20 }), (value, power) => {
      const { mantissa, exponent } = number(`${value}e${power}`);
      const scale = 2n ** 200n * 10n ** 20n;
      const exact = value * 10n ** BigInt(power + 20) * 2n ** 200n;
      const unit = exponent < 0 ? scale >> BigInt(-exponent) : scale << BigInt(exponent);
      const twice = 2n * (exact - mantissa * unit);
      const error = twice < 0n ? -twice : twice;
      expect(mantissa <= 2n ** 64n).toBe(true);
      expect(error < unit || (error === unit && mantissa % 2n === 0n)).toBe(true);
    }),
  );
});

/** As redis-server 7.0.15 on x86-64 writes them. */
it.each<[string, string, string]>([
  ['0', '-0', '0'],
  ['0.1', '0.2', '0.3'],
  ['0x10', '0x.8p1', '17'],
  ['1e-20', '0', '0'],
  ['-1e-20', '0', '0'],
  ['9223372036854775807', '9223372036854775808', '18446744073709551615'],
  ['18446744073709551616', '1', '18446744073709551616'],
  ['18446744073709551616', '3', '18446744073709551620'],
  ['3000.1', '0.1', '3000.20000000000000018'],
  ['10000.1', '0', '10000.09999999999999964'],
  ['1e30', '0.1', '1000000000000000000024696061952'],
  ['1e-4940', '1', '1'],
])('%s + %s is %s', (one, other, expected) => expect(sum(one, other)).toBe(expected));

it.each(['', '.', 'e1', '1e', '0x', '1e99999999999', '1e-99999999999', 'nan', '1 ', '- 1', '1_000'])(
  '%j is no number',
  (text) => expect(parseLongDouble(text)).toBeUndefined(),
);
