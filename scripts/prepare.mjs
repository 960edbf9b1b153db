// Before `npm start` and `npm test`: install what is missing, build what has changed, say nothing otherwise.
//
// Node's own modules only, since on a fresh clone there is nothing else. The network is used by `npm ci` alone, and
// that runs when node_modules is missing or older than the lock file.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...path) => join(root, ...path);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`rkv needs Node.js 20.19 or later; this is ${process.versions.node}.`);
}
if (!isInstalled()) {
  say('Installing the packages of the lock file...');
  const [command, args] = npm();
  run(
    command,
    [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    'The packages could not be installed (npm ci).',
  );
}
if (!existsSync(at('packages/store/dist/cli/main.js'))) say('Building...');
run(process.execPath, [at('node_modules/typescript/bin/tsc'), '-b'], 'The build failed (tsc -b).');

/** npm writes its own copy of the lock file last, so that copy tells when an installation was complete. */
function isInstalled() {
  const installed = statSync(at('node_modules/.package-lock.json'), { throwIfNoEntry: false });
  return installed !== undefined && installed.mtimeMs >= statSync(at('package-lock.json')).mtimeMs;
}

/** The npm that called us, or else the one on the path: it may be another package manager that called. */
function npm() {
  const script = process.env.npm_execpath;
  return script?.endsWith('npm-cli.js') ? [process.execPath, [script]] : ['npm', []];
}

function run(command, args, failure) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status === 0) return;
  fail(`${failure}${error ? ` ${error.message}` : ''}`, signal ? 1 : (status ?? 1));
}

function fail(sentence, exitCode = 1) {
  process.stderr.write(`${sentence}\n`);
  process.exit(exitCode);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
