import { describe, expect, it } from 'vitest';
import { Slab } from './slab.ts';

const CHUNK_BYTES = 256 * 1024;

function valueOf(length: number, fill = 7): Uint8Array {
  return new Uint8Array(length).fill(fill);
}

/** Not by `toEqual`, which takes seconds for a large value. */
function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(found, expected)).toBe(0);
}

describe('a slab', () => {
  it('gives back what was put in, whatever its size', () => {
    const slab = new Slab();
    const sizes = [0, 1, 7, 8, 119, 120, 121, 1000, 32_000, 32_768, 300_000];
    const cells = sizes.map((size, i) => slab.add(0, `key ${size}`, valueOf(size, i)));
    sizes.forEach((size, i) => {
      expect(slab.keyOf(cells[i] as number)).toBe(`key ${size}`);
      expectBytes(slab.valueOf(cells[i] as number), valueOf(size, i));
    });
  });

  it('takes any bytes as a key, none too', () => {
    const slab = new Slab();
    for (const key of ['', '\x00\xff', 'k'.repeat(100_000)]) {
      const cell = slab.add(0, key, valueOf(3));
      expect(slab.keyOf(cell)).toBe(key);
      expect(slab.compare(cell, 0, key)).toBe(0);
    }
  });

  it('orders keys as bytes', () => {
    const slab = new Slab();
    const cell = slab.add(0, 'm\x80', valueOf(1));
    for (const below of ['', 'm', 'l\xff', 'm\x7f']) expect(slab.compare(cell, 0, below)).toBeGreaterThan(0);
    for (const above of ['n', 'm\x81', 'm\x80\x00']) expect(slab.compare(cell, 0, above)).toBeLessThan(0);
  });

  it('orders by the second word of the hash first, unsigned', () => {
    const slab = new Slab();
    const cell = slab.add(0x80000000, 'm', valueOf(1));
    expect(slab.hashLoOf(cell)).toBe(0x80000000);
    expect(slab.compare(cell, 0x7fffffff, 'z')).toBeGreaterThan(0);
    expect(slab.compare(cell, 0x80000001, 'a')).toBeLessThan(0);
    expect(slab.compare(cell, 0x80000000, 'm')).toBe(0);
  });

  it('puts a value in the place of another of about its size, and says when it cannot', () => {
    const slab = new Slab();
    const cell = slab.add(0, 'k', valueOf(100, 1));
    expect(slab.maybeReplace(cell, valueOf(102, 2))).toBe(true);
    expectBytes(slab.valueOf(cell), valueOf(102, 2));
    expect(slab.maybeReplace(cell, valueOf(200, 3))).toBe(false);
    expectBytes(slab.valueOf(cell), valueOf(102, 2));
  });

  it('uses freed cells again before it takes more memory', () => {
    const slab = new Slab();
    const cells = Array.from({ length: 5000 }, (_, i) => slab.add(0, `${i}`, valueOf(100)));
    const { bytes } = slab;
    for (const cell of cells.slice(0, 4000)) slab.remove(cell);
    for (let i = 0; i < 4000; i++) slab.add(0, `${i}`, valueOf(100));
    expect(slab.bytes).toBeLessThanOrEqual(bytes);
  });

  it('lets go of memory that holds nothing, but for one chunk of a size', () => {
    const slab = new Slab();
    const small = Array.from({ length: 5000 }, (_, i) => slab.add(0, `${i}`, valueOf(100)));
    const large = slab.add(0, 'large', valueOf(5_000_000));
    expect(slab.bytes).toBeGreaterThan(5_000_000);
    slab.remove(large);
    for (const cell of small) slab.remove(cell);
    expect(slab.bytes).toBe(CHUNK_BYTES);
  });

  it('wastes at most an eighth of a cell, headers apart', () => {
    for (let size = 200; size < 40_000; size += 331) {
      const slab = new Slab();
      let count = 0;
      do {
        slab.add(0, '', valueOf(size));
        count++;
      } while (slab.bytes === CHUNK_BYTES);
      // All but the last lie in the first chunk, or the only one has one of its own.
      const held = Math.max(1, count - 1) * size;
      const taken = count === 1 ? slab.bytes : CHUNK_BYTES;
      expect(held / taken).toBeGreaterThan(0.75);
    }
  });

  it('is full before its large records are out of names, and not when some of them have gone', () => {
    const spare = 4096;
    const slab = new Slab(spare + 3);
    const cells = [1, 2, 3, 4].map(() => slab.add(0, '', valueOf(40_000)));
    expect(slab.isFull).toBe(true);
    slab.remove(cells[0] as number);
    expect(slab.isFull).toBe(false);
    expect(slab.bytes).toBeLessThan(4 * 48 * 1024);
  });
});
