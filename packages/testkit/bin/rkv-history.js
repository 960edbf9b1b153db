#!/usr/bin/env node
// The command `rkv-history`. Committed, so that the link to it exists before the build; what it does is in src/command/.
import { existsSync } from 'node:fs';

if (existsSync(new URL('../dist/index.js', import.meta.url))) {
  const { checkCommand } = await import('../dist/index.js');
  process.exitCode = checkCommand(process.argv.slice(2), (text) => process.stdout.write(`${text}\n`));
} else {
  process.stderr.write('rkv-history: not built yet; run `npm run build` in the clone first\n');
  process.exitCode = 2;
}
