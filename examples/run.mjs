// `npm run examples`: each example once, as a reader would run it. One that fails, or does not end, fails the run.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LIMIT_MS = 60_000;

const here = dirname(fileURLToPath(import.meta.url));
const names = readdirSync(here, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const failed = names.filter((name) => !runs(name));
console.log(`${names.length - failed.length} of ${names.length} examples ran`);
process.exitCode = names.length > 0 && failed.length === 0 ? 0 : 1;

function runs(name) {
  console.log(`--- ${name}`);
  const { main } = JSON.parse(readFileSync(join(here, name, 'package.json'), 'utf8'));
  const loader = main.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const { status, signal, error } = spawnSync(process.execPath, [...loader, main], {
    cwd: join(here, name),
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  if (status !== 0) console.error(`${name} failed: ${error?.message ?? signal ?? `exit ${status}`}`);
  return status === 0;
}
