/** JSON whose fields are sorted, at every depth: equal values are equal bytes, in whatever order they were put together. */
import { jsonDecode, jsonEncode } from '../base/bytes.ts';
import type { ValueCodec } from './definition.ts';

export const canonicalJson: ValueCodec<unknown> = {
  encode: (value) => jsonEncode(sorted(value)),
  decode: (bytes) => jsonDecode(bytes),
};

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return sorted(value.toJSON());
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, sorted(field)]));
}
