/** Documents that no node of ours makes: they are refused where they come in, for nobody looks again. */
import { describe, expect, it } from 'vitest';
import { jsonDecode, jsonEncode, WireError } from '../base/bytes.ts';
import type { NodeId } from '../contracts/ids.ts';
import { birthDocument, encodeDocument } from '../ring/document.ts';
import { readDocument } from './wire-document.ts';

const self = { id: 'a' as NodeId, name: 'a', address: 'a:1', location: '' };
const born = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });

const withResize = (resize: unknown): Uint8Array =>
  jsonEncode({ ...(jsonDecode(encodeDocument(born).bytes) as object), resize });

describe('a ring document from outside', () => {
  it('may be one that is being resized', () => {
    const bytes = withResize({ ringSize: 16, owners: new Array<number>(16).fill(0) });
    expect(readDocument(bytes).document.resize?.owners).toHaveLength(16);
  });

  it.each([null, 0, '', false, 5, {}, { ringSize: 16 }, { ringSize: 12, owners: [] }])(
    'is none when its resize is %j',
    (resize) => {
      expect(() => readDocument(withResize(resize))).toThrow(WireError);
    },
  );

  it('is none with two buckets of one prefix, or without the default one', () => {
    const withBuckets = (...prefixes: string[]): Uint8Array =>
      encodeDocument({ ...born, buckets: prefixes.map((prefix) => ({ prefix, n: 3, level: 'eventual' })) })
        .bytes;
    expect(readDocument(withBuckets('', 'a', '\xff')).document.buckets[2]?.prefix).toBe('\xff');
    expect(() => readDocument(withBuckets('', 'a', 'a'))).toThrow(WireError);
    expect(() => readDocument(withBuckets('a'))).toThrow(WireError);
  });
});
