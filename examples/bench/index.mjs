// What `npx rkv bench counter.mjs` does, from a program: run it, show the table, keep the report.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeResult, runBench, writeReport, writeTables } from '@rkv/bench';
import { bench } from './counter.mjs';

const result = await runBench(
  { bench },
  { onWindow: ({ toS, all }) => console.log(`after ${toS} s: ${all.succeeded} in the last second`) },
);
console.log(describeResult(result));

const folder = mkdtempSync(join(tmpdir(), 'rkv-example-'));
writeTables(folder, result);
console.log(await writeReport(folder, result));
rmSync(folder, { recursive: true }); // an example leaves nothing behind
if (result.all.failed > 0) throw new Error('something failed');
