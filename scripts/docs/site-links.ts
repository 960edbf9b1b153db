/** Follows every link of every page of a site that was written to disk: the file must be there, and in it the anchor. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** A line for each that leads nowhere, as `page: link`. */
export function deadLinksOfSite(site: string): string[] {
  const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.html'),
  );
  const read = (page: string): string => readFileSync(posix.join(site, page), 'utf8');
  const anchors = new Map<string, Set<string>>();
  const anchorsOf = (page: string): Set<string> => {
    const known =
      anchors.get(page) ?? new Set([...read(page).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id as string));
    anchors.set(page, known);
    return known;
  };
  const isDead = (page: string, link: string): boolean => {
    const [path = '', anchor = ''] = link.split('#');
    const target = path === '' ? page : posix.join(posix.dirname(page), decodeURI(path));
    if (!existsSync(posix.join(site, target))) return true;
    return anchor !== '' && target.endsWith('.html') && !anchorsOf(target).has(decodeURIComponent(anchor));
  };
  return pages.flatMap((page) => {
    const links = new Set([...read(page).matchAll(/ href="([^"]*)"/g)].map(([, link]) => link as string));
    return [...links]
      .filter((link) => !/^[a-z]+:/.test(link) && isDead(page, link))
      .map((link) => `site/${page}: ${link} -> leads nowhere`);
  });
}
