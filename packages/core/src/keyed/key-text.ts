/** Keys of keyed services are text; the ring knows bytes, one char each. */

/** A key as the bytes of its UTF-8, one char each: what the ring hashes. */
export function bytesOf(key: string): string {
  return encodeURIComponent(key).replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** And back. */
export function textOf(bytes: string): string {
  const escaped = bytes.replace(
    /[^\w.~!*'()-]/g,
    (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return decodeURIComponent(escaped);
}
