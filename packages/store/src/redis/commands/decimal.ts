/**
 * Decimal integers as Redis reads them in arguments: no spaces, no plus, no leading zeros, 64 bits with sign.
 */
const DECIMAL = /^(?:0|-?[1-9]\d{0,18})$/;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export function parseInt64(text: string): bigint | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}

const CURSOR = /^\d{1,20}$/;
const UINT64_MAX = 2n ** 64n - 1n;

/** A cursor of SCAN: unsigned, 64 bits. */
export function parseCursor(text: string): bigint | undefined {
  if (!CURSOR.test(text)) return undefined;
  const value = BigInt(text);
  return value <= UINT64_MAX ? value : undefined;
}
