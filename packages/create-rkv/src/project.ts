/**
 * A project, written into a folder.
 *
 * Everything is looked at before anything is written, so that a refusal leaves all as it was. A folder with files in it is
 * taken only when that was asked for; then files of the same names are replaced, and all others stay. Nothing is written
 * through a link, which may lead anywhere.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { takePackagesFrom } from './manifest.ts';
import { nameLike, nameOf, nameProblem } from './project-name.ts';
import { Refusal, WrongUsage } from './refusal.ts';
import { filesOf, isTemplate, templates, type TemplateFile } from './templates.ts';

export interface ProjectInit {
  /** Where it is to be; `.` is this folder. */
  readonly directory: string;
  readonly template: string;
  /** Into a folder with files in it, too. */
  readonly overwrite?: boolean;
  /** A folder with the tarballs of rkv's packages. */
  readonly packages?: string;
  /** What `directory` is relative to. Default: the working directory. */
  readonly cwd?: string;
}

export interface CreatedProject {
  readonly directory: string;
  readonly name: string;
  readonly template: string;
  /** With slashes, from the folder of the project. */
  readonly files: readonly string[];
}

/** Throws `WrongUsage` or `Refusal`. */
export function createProject(init: ProjectInit): CreatedProject {
  const directory = resolve(init.cwd ?? '.', init.directory);
  const { name, files } = filesFor(init, directory);
  const state = stateOf(directory);
  if (state === 'full' && init.overwrite !== true) {
    throw new Refusal(
      'not_empty',
      `${directory} has files in it. --overwrite replaces those that the project brings.`,
    );
  }
  refuseObstacles(directory, files);
  try {
    for (const { path, text } of files) write(join(directory, path), text);
  } catch (cause) {
    if (state === 'missing') rmSync(directory, { recursive: true, force: true });
    const left = state === 'missing' ? 'nothing of it is left' : 'some files are there already';
    throw new Refusal(
      'not_written',
      `the project could not be written (${left}): ${(cause as Error).message}`,
    );
  }
  return { directory, name, template: init.template, files: files.map(({ path }) => path) };
}

/** Whether there is anything in the folder that a project could do harm to. */
export function isFull(directory: string, cwd = '.'): boolean {
  return stateOf(resolve(cwd, directory)) === 'full';
}

/** Throws `WrongUsage` when it is none that npm takes. */
export function checkedName(directory: string, cwd = '.'): string {
  const name = nameOf(directory, resolve(cwd, directory));
  const problem = nameProblem(name);
  if (problem === undefined) return name;
  const other = nameLike(name);
  const hint = other === undefined ? '' : ` How about ${other}?`;
  throw new WrongUsage(`a project cannot be called "${name}": that ${problem}.${hint}`);
}

function filesFor(
  { directory, template, packages, cwd }: ProjectInit,
  path: string,
): { name: string; files: TemplateFile[] } {
  const name = checkedName(directory, cwd);
  if (!isTemplate(template)) {
    const all = Object.keys(templates).join(', ');
    throw new WrongUsage(`there is no template "${template}"; there are ${all}`);
  }
  const files = filesOf(template, name);
  const manifest = files.find((file) => file.path === 'package.json');
  if (manifest?.text.includes(`"${name}": "`) === true) {
    throw new WrongUsage(`a project cannot be called "${name}": that is a package it depends on.`);
  }
  if (packages === undefined) return { name, files };
  const folder = resolve(cwd ?? dirname(path), packages);
  return {
    name,
    files: files.map((file) =>
      file === manifest ? { ...file, text: takePackagesFrom(folder, file.text) } : file,
    ),
  };
}

/** A repository that has no files yet counts as empty. */
function stateOf(directory: string): 'missing' | 'empty' | 'full' {
  try {
    return readdirSync(directory).every((file) => file === '.git') ? 'empty' : 'full';
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'missing';
    const why = code === 'ENOTDIR' ? `${directory} is not a folder` : message;
    throw new Refusal('not_a_folder', why);
  }
}

/** What stands where a folder or a file is to be, and is none. */
function refuseObstacles(directory: string, files: readonly TemplateFile[]): void {
  for (const { path } of files) {
    const parts = path.split('/');
    for (let depth = 1; depth <= parts.length; depth++) {
      const at = join(directory, ...parts.slice(0, depth));
      const found = lstatSync(at, { throwIfNoEntry: false });
      const isFolder = depth < parts.length;
      if (found === undefined || (isFolder ? found.isDirectory() : found.isFile())) continue;
      throw new Refusal('not_empty', `${at} is in the way: it is not a ${isFolder ? 'folder' : 'file'}.`);
    }
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
