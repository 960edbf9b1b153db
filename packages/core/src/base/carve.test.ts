import { describe, expect, it } from 'vitest';
import { carve, carveCopy } from './bytes.ts';

describe('carved bytes', () => {
  it('are zero, of the size asked for, and nobody else’s', () => {
    const pieces = Array.from({ length: 2000 }, (_, i) => carve(i % 150));
    pieces.forEach((piece, i) =>
      expect([piece.length, piece.some((byte) => byte !== 0)]).toEqual([i % 150, false]),
    );
    pieces.forEach((piece, i) => piece.fill(i));
    pieces.forEach((piece, i) => expect(piece.every((byte) => byte === (i & 255))).toBe(true));
  });

  it('keep no chunk for themselves alone when they are long', () => {
    expect(carve(100_000).buffer.byteLength).toBe(100_000);
  });

  it('copy what they are told to', () => {
    const source = Uint8Array.of(1, 2, 3, 4, 5);
    const copy = carveCopy(source, 1, 4);
    source.fill(0);
    expect([...copy]).toEqual([2, 3, 4]);
    expect([...carveCopy(copy)]).toEqual([2, 3, 4]);
  });
});
