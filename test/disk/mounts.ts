/** File systems of a test's own, where this process may mount any; unmounted at the end, however the test ends. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const mounted: string[] = [];

export function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

export function mountTmpfs(at: string, size: string): void {
  run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at);
  mounted.push(at);
}

/** The file system in this file; the folder is made. */
export function mountImage(image: string, at: string): void {
  mkdirSync(at, { recursive: true });
  run('mount', '-o', 'loop', image, at);
  mounted.push(at);
}

export function unmount(at: string): void {
  // Lazily: a process that is just dying may still have files open there.
  spawnSync('umount', ['-l', at]);
  const known = mounted.indexOf(at);
  if (known >= 0) mounted.splice(known, 1);
}

export function unmountAll(): void {
  for (const at of mounted.toReversed()) unmount(at);
}
process.once('exit', unmountAll);

/** Whether this process may mount a file system of this kind: tried. */
function tryTo(mount: (folder: string) => void): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-mount-'));
  try {
    mount(folder);
    return true;
  } catch {
    return false;
  } finally {
    unmountAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const canMount = tryTo((folder) => mountTmpfs(folder, '1m'));

/** An ext4 file system in a file, by way of a loop device. */
export const canMountImages =
  canMount &&
  tryTo((folder) => {
    const image = join(folder, 'image');
    makeImage(image, '16M');
    mountImage(image, join(folder, 'at'));
  });

export function makeImage(image: string, size: string): void {
  run('truncate', '-s', size, image);
  run('mkfs.ext4', '-q', image);
}
