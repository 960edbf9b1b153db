/**
 * Writes packages/core/src/base/sha1-rounds.ts: the eighty rounds of SHA-1 on one block, one after the other.
 *
 *     node scripts/write-sha1-rounds.mjs && npm run format
 *
 * As a loop they take 290 ns a block (a loop for each function of the rounds; with the words renamed every five rounds
 * 200), written out 125: no word is moved, and the schedule stays in registers. Every request pays for this once.
 */
import { writeFileSync } from 'node:fs';

const FUNCTIONS = [
  ['0x5a827999', (b, c, d) => `(${d} ^ (${b} & (${c} ^ ${d})))`],
  ['0x6ed9eba1', (b, c, d) => `(${b} ^ ${c} ^ ${d})`],
  ['(0x8f1bbcdc | 0)', (b, c, d) => `((${b} & ${c}) | (${d} & (${b} | ${c})))`],
  ['(0xca62c1d6 | 0)', (b, c, d) => `(${b} ^ ${c} ^ ${d})`],
];
const NAMES = ['a', 'b', 'c', 'd', 'e'];

const lines = [];
for (let round = 0; round < 80; round++) {
  const [a, b, c, d, e] = NAMES.map((_, i) => NAMES[(i + 80 - round) % 5]);
  const word = `w${round % 16}`;
  if (round >= 16) {
    const others = [13, 8, 2].map((back) => `w${(round + back) % 16}`);
    lines.push(`x = ${others.join(' ^ ')} ^ ${word};`, `${word} = (x << 1) | (x >>> 31);`);
  }
  const [constant, mix] = FUNCTIONS[Math.floor(round / 20)];
  lines.push(
    `${e} = (((${a} << 5) | (${a} >>> 27)) + ${mix(b, c, d)} + ${e} + ${constant} + ${word}) | 0;`,
    `${b} = (${b} << 30) | (${b} >>> 2);`,
  );
}

const target = new URL('../packages/core/src/base/sha1-rounds.ts', import.meta.url);
writeFileSync(
  target,
  `/**
 * The rounds of SHA-1. Written by scripts/write-sha1-rounds.mjs, which tells why; not by hand.
 *
 * Source: FIPS 180-4, 6.1.2.
 */

/** Mix the sixteen words of \`block\` into the five of \`out\`. */
export function sha1Rounds(block: Int32Array, out: Uint32Array): void {
${Array.from({ length: 16 }, (_, i) => `let w${i} = block[${i}] as number;`).join('\n')}
${NAMES.map((name, i) => `let ${name} = (out[${i}] as number) | 0;`).join('\n')}
let x = 0;
${lines.join('\n')}
${NAMES.map((name, i) => `out[${i}] = (out[${i}] as number) + ${name};`).join('\n')}
}
`,
);
