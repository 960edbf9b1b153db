/**
 * The name of a project is the name of its folder, and must be one that npm takes for a package.
 *
 * Source: npm's rules for the names of new packages (docs of package.json, validate-npm-package-name).
 */
import { builtinModules } from 'node:module';
import { basename, dirname } from 'node:path';

const LENGTH_MAX = 214;
const TAKEN = ['node_modules', 'favicon.ico'];

/** By the folder as it was written, and where it is: `@acme/my-app` is a name in a scope. */
export function nameOf(directory: string, path: string): string {
  const scope = basename(dirname(directory));
  const name = basename(path);
  return scope.startsWith('@') ? `${scope}/${name}` : name;
}

/** What is wrong with it, as the rest of a sentence that begins with the name; undefined: nothing. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > LENGTH_MAX) return `is longer than ${LENGTH_MAX} characters`;
  const scoped = /^@([^/]*)\/(.*)$/.exec(name);
  if (scoped === null) return partProblem(name);
  const [, scope = '', rest = ''] = scoped;
  const inScope = scope === '' ? 'has a scope without a name' : partProblem(scope);
  return inScope ?? (rest === '' ? 'has nothing behind its scope' : partProblem(rest));
}

/** A name like it that npm takes; undefined when nothing is left of it. */
export function nameLike(text: string): string | undefined {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '');
  return name !== '' && nameProblem(name) === undefined ? name : undefined;
}

function partProblem(name: string): string | undefined {
  if (/[A-Z]/.test(name)) return 'has capital letters';
  if (/\s/.test(name)) return 'has spaces in it';
  if (/^[._-]/.test(name)) return `begins with "${name[0]}"`;
  if (!/^[a-z0-9._-]*$/.test(name)) return 'has characters other than a-z, 0-9, "-", "." and "_"';
  if (TAKEN.includes(name)) return 'is a name that npm keeps for itself';
  if (builtinModules.includes(name)) return 'is the name of a module of Node.js';
  return undefined;
}
