/**
 * The templates: folders in this package, laid over each other.
 *
 *   common    how every project is compiled, linted and kept out of git
 *   ring      a node of the ring in a process: settings, doors, what is the same for all vnodes
 *   keys      a command to the vnodes of a key, and three nodes in a simulated world
 *   kv, counter, embedded, ping    what each of them is about
 *
 * A file that begins with an underscore gets a dot instead: npm would take `.gitignore` for its own. `{{name}}` becomes
 * the name of the project. Nothing else is changed, so what is published is what is tested.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const templates = {
  kv: {
    summary: 'a key-value store of your own on the ring',
    layers: ['common', 'ring', 'keys', 'kv'],
  },
  counter: {
    summary: 'a vnode of your own: counters that any node can raise',
    layers: ['common', 'ring', 'counter'],
  },
  embedded: {
    summary: 'a node of rkv inside a fastify app, with routes',
    layers: ['common', 'embedded'],
  },
  ping: {
    summary: 'a vnode that answers a ping, and nothing more: where the tutorial starts',
    layers: ['common', 'ring', 'keys', 'ping'],
  },
} as const;

export type TemplateName = keyof typeof templates;

export function isTemplate(name: string): name is TemplateName {
  return Object.hasOwn(templates, name);
}

export interface TemplateFile {
  /** Within the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

const FOLDER = fileURLToPath(new URL('../templates/', import.meta.url));

/** All files of a project with this name, by path. */
export function filesOf(template: TemplateName, name: string): TemplateFile[] {
  const files = new Map<string, string>();
  for (const layer of templates[template].layers) {
    const folder = join(FOLDER, layer);
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
      const source = join(folder, file);
      if (statSync(source).isDirectory()) continue;
      const path = join(dirname(file), basename(file).replace(/^_/, '.')).split(sep).join('/');
      files.set(path, readFileSync(source, 'utf8').replaceAll('{{name}}', name));
    }
  }
  return [...files].map(([path, text]) => ({ path, text }));
}
