/**
 * The package.json of a project, with the packages of rkv taken from tarballs instead of the registry: for whoever has a
 * clone, and for the test of the templates, which installs what would be published.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Refusal } from './refusal.ts';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** What the others need and a project may not name: an override, or npm would ask the registry for it. */
const BELOW = '@rkv/core';

export function takePackagesFrom(folder: string, text: string): string {
  const manifest = JSON.parse(text) as Manifest;
  const dependencies = fromTarballs(manifest.dependencies, folder);
  const devDependencies = fromTarballs(manifest.devDependencies, folder);
  const version = Object.entries(manifest.dependencies).find(([name]) => name.startsWith('@rkv/'))?.[1];
  const overrides =
    version === undefined || BELOW in dependencies
      ? {}
      : { overrides: { [BELOW]: tarball(BELOW, version, folder) } };
  return `${JSON.stringify({ ...manifest, dependencies, devDependencies, ...overrides }, undefined, 2)}\n`;
}

function fromTarballs(packages: Manifest['dependencies'], folder: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(packages).map(([name, version]) => [
      name,
      name.startsWith('@rkv/') ? tarball(name, version, folder) : version,
    ]),
  );
}

function tarball(name: string, version: string, folder: string): string {
  const path = resolve(folder, `${name.slice(1).replace('/', '-')}-${version}.tgz`);
  if (existsSync(path)) return `file:${path}`;
  throw new Refusal(
    'no_package',
    `${path} is not there. In a clone of rkv, npm pack --workspaces --pack-destination ${join(folder)} makes it.`,
  );
}
