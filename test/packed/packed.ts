/**
 * Our packages as somebody gets them who installs them: packed, with the generator out of its tarball. And npm as it runs in a
 * folder of theirs, which knows nothing of the npm that runs a test.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OURS = /^(npm_(?!config_(registry|cache|\w*proxy)$)|RKV_|NODE_ENV$)/i;
const NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/;

/** What is asked of npm wherever it installs something. */
export const INSTALL = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

export interface Packed {
  /** The folder with the tarballs. */
  readonly tarballs: string;
  /** The tarball of a package. */
  tarballOf(name: string): string;
  /** The executable of create-rkv. */
  readonly generator: string;
}

/** Pack these packages, create-rkv among them, into a folder that is there. */
export function packInto(folder: string, names: readonly string[]): Packed {
  const [tarballs, home] = [join(folder, 'tarballs'), join(folder, 'generator')];
  for (const made of [tarballs, home]) mkdirSync(made);
  const workspaces = names.flatMap((name) => ['-w', `packages/${name}`]);
  npm(['pack', ...workspaces, '--pack-destination', tarballs], ROOT);
  const tarballOf = (name: string): string => {
    const manifest = readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8');
    const { version, name: full } = JSON.parse(manifest) as { version: string; name: string };
    return join(tarballs, `${full.replace(/^@/, '').replace('/', '-')}-${version}.tgz`);
  };
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
  npm([...INSTALL, '--offline', tarballOf('create-rkv')], home);
  return { tarballs, tarballOf, generator: join(home, 'node_modules/create-rkv/bin/create-rkv.js') };
}

/** Whether npm said that it cannot reach the registry. */
export function isOffline(text: string): boolean {
  return NETWORK.test(text);
}

export function npm(args: readonly string[], cwd: string): void {
  const { status, text } = command('npm', args, cwd);
  if (status !== 0) throw new Error(`npm ${args.join(' ')} ended with ${status}:\n${text}`);
}

export function command(
  name: string,
  args: readonly string[],
  cwd: string,
): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(name, args, { cwd, env: environment(), encoding: 'utf8' });
  return { status, text: stdout + stderr };
}

/** The settings of the npm that runs this test are not those of a user in a folder of their own. */
export function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !OURS.test(key)));
}
