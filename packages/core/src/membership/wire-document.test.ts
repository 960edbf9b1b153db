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
});
