/**
 * Links of the repository's own pages: whether what they name is there.
 *
 * Looked at are relative links with their anchors, counted as GitHub counts headings, and the short paths that the pages
 * of facts use (`core/ring/document.ts`, and `describe.ts` beside it for one of the same folder). The site checks its own
 * links once more when it is built; this is for those who read the files where they lie, and takes a moment only.
 *
 * Not here: addresses on the net. Nothing is fetched.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** Paths are from the root of the repository, with slashes; a page that is not there is undefined. */
export interface Tree {
  /** Files and folders. */
  has(path: string): boolean;
  read(path: string): string | undefined;
}

/** What the short paths of the pages stand for. */
const HOUSES = /^(core|store|testkit|bench)\//;
/** What is installed or built, and what becomes a project of its own: its pages speak of files that are made with it. */
const ELSEWHERE = ['.git', 'node_modules', 'dist', 'data', 'site', 'tests', 'templates'];

/** All pages of the repository. */
export function pagesUnder(root: string, folder = ''): string[] {
  return readdirSync(posix.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return ELSEWHERE.includes(entry.name) ? [] : pagesUnder(root, path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

export function treeAt(root: string): Tree {
  const at = (path: string): string => posix.join(root, path);
  return {
    has: (path) => existsSync(at(path)),
    read: (path) => (existsSync(at(path)) ? readFileSync(at(path), 'utf8') : undefined),
  };
}

/** A line for each dead link of one page, as `page:line: what it names -> why`. */
export function deadLinks(page: string, tree: Tree): string[] {
  const found: string[] = [];
  withoutBlocks(tree.read(page) ?? '')
    .split('\n')
    .forEach((line, at) => {
      const complain = (what: string, why: string): number =>
        found.push(`${page}:${at + 1}: ${what} -> ${why}`);
      for (const link of linksOf(line)) {
        const why = linkProblem(page, link, tree);
        if (why !== undefined) complain(link, why);
      }
      for (const path of shortPaths(line)) if (!tree.has(path)) complain(path, 'no such file');
    });
  return found;
}

/** The anchors of a page, as GitHub makes them of its headings. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutBlocks(text).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const plain = (heading as string).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let name = anchor;
    for (let again = 1; anchors.has(name); again++) name = `${anchor}-${again}`;
    anchors.add(name);
  }
  return anchors;
}

function linksOf(line: string): string[] {
  const text = line.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length));
  return [...text.matchAll(/\]\(([^()\s]+)\)/g)].map((match) => match[1] as string);
}

function linkProblem(page: string, link: string, tree: Tree): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : posix.join(posix.dirname(page), path);
  if (target.startsWith('..') || link.startsWith('/')) return 'outside of the repository';
  if (!tree.has(target)) return 'no such file';
  if (anchor === undefined) return undefined;
  if (!target.endsWith('.md')) return 'an anchor in what is no page';
  return anchorsOf(tree.read(target) ?? '').has(anchor) ? undefined : 'no such heading';
}

/** `core/ring/document.ts`, `describe.ts`: the second lies beside the first. Placeholders in capitals are no paths. */
function shortPaths(line: string): string[] {
  const found: string[] = [];
  let folder: string | undefined;
  for (const [, path] of line.matchAll(/`([\w./-]+\.ts)`/g)) {
    if (HOUSES.test(path as string)) {
      const whole = inHouse(path as string);
      folder = posix.dirname(whole);
      found.push(whole);
    } else if (folder !== undefined && !(path as string).includes('/')) {
      found.push(posix.join(folder, path as string));
    }
  }
  return found;
}

/** Tests of a whole package lie beside its sources. */
function inHouse(path: string): string {
  return path.replace(HOUSES, (_, house: string) =>
    /^\w+\/test\//.test(path) ? `packages/${house}/` : `packages/${house}/src/`,
  );
}

/** Blanks in place of fenced blocks; the lines keep their numbers. */
function withoutBlocks(text: string): string {
  return text.replace(/^( *)(```+)[^]*?^ *\2 *$/gm, (block) => block.replace(/[^\n]/g, ' '));
}
