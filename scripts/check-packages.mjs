// Part of .ci/run: what someone gets who installs our packages.
//
// Each package is packed, and the tarballs are installed together with npm in an empty folder, where nothing of this
// repository is at hand: every export can be imported, required and type-checked, a program stores and reads a key,
// and the command runs.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
// The tests of the templates are what a generated project begins with.
const NOT_FOR_USERS = /^(?!templates\/).*\.test\.|\.tsbuildinfo$|\/redis\/testing\//;

const PROGRAM = `
  import { open } from '@rkv/store';
  const rkv = await open();
  await rkv.put('greeting', 'hello');
  console.log(Buffer.from(await rkv.get('greeting')).toString());
  await rkv.close();
`;

const folder = mkdtempSync(join(tmpdir(), 'rkv-packages-'));
try {
  main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function main() {
  const manifests = readdirSync(join(ROOT, 'packages'))
    .map((name) => JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')))
    .filter((manifest) => manifest.private !== true);
  const tarballs = manifests.map(pack);
  const entries = manifests.flatMap(({ name, exports }) =>
    Object.keys(exports).map((entry) => name + entry.slice(1)),
  );

  const home = join(folder, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n');
  run(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs],
    home,
  );
  for (const entry of entries) useEntry(entry, home);
  checkTypes(entries, home);

  const answer = run(process.execPath, ['--input-type=module', '--eval', PROGRAM], home);
  if (answer !== 'hello\n') throw new Error(`a program that stores "hello" read "${answer}"`);
  const version = run('npx', ['--no-install', 'rkv', '--version'], home).trim();
  const { version: wanted } = manifests.find(({ name }) => name === '@rkv/store');
  if (version !== wanted) throw new Error(`npx rkv --version says "${version}", not "${wanted}"`);
  say(`${tarballs.length} packages installed in an empty folder; a program ran; rkv ${version}`);
}

/** Returns the path of the tarball. */
function pack({ name }) {
  const packed = run('npm', ['pack', '--json', '--workspace', name, '--pack-destination', folder], ROOT);
  const [{ filename, files, size }] = JSON.parse(packed);
  const paths = files.map(({ path }) => path);
  for (const wanted of ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts'])
    if (!paths.includes(wanted)) throw new Error(`${name} is packed without its ${wanted}`);
  const wrong = paths.filter((path) => NOT_FOR_USERS.test(path));
  if (wrong.length > 0) throw new Error(`${name} is packed with ${wrong.join(', ')}`);
  say(`${name}: ${paths.length} files, ${Math.ceil(size / 1024)} KiB`);
  return join(folder, filename);
}

function useEntry(entry, home) {
  run(process.execPath, ['--input-type=module', '--eval', `import '${entry}'`], home);
  run(process.execPath, ['--input-type=commonjs', '--eval', `require('${entry}')`], home);
}

/** With the compiler of this repository, but nothing else of it. */
function checkTypes(entries, home) {
  const imports = entries.map((entry, at) => `export * as entry${at} from '${entry}';\n`);
  writeFileSync(join(home, 'uses.ts'), imports.join(''));
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', strict: true, noEmit: true, skipLibCheck: false },
    ...{ types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] },
  };
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['uses.ts'] }));
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')], home);
}

/** Returns what it prints; what it says when it fails is in the error. */
function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error) throw new Error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

function say(line) {
  process.stdout.write(`packages: ${line}\n`);
}
