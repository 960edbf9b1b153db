import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slab, type Cell } from './slab.ts';

const anyKey = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 20,
});
const anySize = fc.oneof(fc.nat(200), fc.nat(2_000), fc.integer({ min: 30_000, max: 40_000 }));
const anyStep = fc.record({
  kind: fc.constantFrom('add', 'add', 'replace', 'remove'),
  at: fc.nat(1000),
  key: anyKey,
  size: anySize,
  fill: fc.nat(255),
});

describe('a slab', () => {
  it('holds what a list of records holds', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 300, size: 'max' }), (steps) => {
        const slab = new Slab();
        const twin: { cell: Cell; key: string; hashLo: number; value: Uint8Array }[] = [];
        for (const { kind, at, key, size, fill } of steps) {
          const value = new Uint8Array(size).fill(fill);
          const record = twin[at % Math.max(1, twin.length)];
          if (kind === 'add' || record === undefined)
            twin.push({ cell: slab.add(at, key, value), key, hashLo: at, value });
          else if (kind === 'replace') {
            // Where it needs a cell of another size, it moves.
            if (!slab.maybeReplace(record.cell, value)) {
              slab.remove(record.cell);
              record.cell = slab.add(record.hashLo, record.key, value);
            }
            record.value = value;
          } else {
            slab.remove(record.cell);
            twin.splice(twin.indexOf(record), 1);
          }
        }
        for (const { cell, key, hashLo, value } of twin) {
          expect(slab.keyOf(cell)).toBe(key);
          expect(slab.hashLoOf(cell)).toBe(hashLo);
          expect(Buffer.compare(slab.valueOf(cell), value)).toBe(0);
        }
      }),
      { numRuns: 40 },
    );
  });
});
