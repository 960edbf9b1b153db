#!/usr/bin/env node
// The command `create-rkv`. Committed, so that the link to it exists before the build; what it does is in src/.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  import(main.href);
} else {
  process.stderr.write('create-rkv: not built yet; run `npm run build` in the clone first\n');
  process.exitCode = 1;
}
