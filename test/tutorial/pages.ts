/** The pages of the tutorial: its chapters in order, with their blocks, and the boxes that tell of the original's defects. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blocksOf, type Block } from './blocks.ts';

const FOLDER = fileURLToPath(new URL('../../docs/tutorial/', import.meta.url));

export interface Chapter {
  readonly page: string;
  readonly title: string;
  readonly markdown: string;
  readonly blocks: readonly Block[];
}

export function readChapters(): Chapter[] {
  return readdirSync(FOLDER)
    .filter((file) => /^\d\d-.*\.md$/.test(file))
    .toSorted()
    .map((file) => {
      const markdown = readFileSync(join(FOLDER, file), 'utf8');
      const page = `docs/tutorial/${file}`;
      const title = /^# (.*)$/m.exec(markdown)?.[1] ?? '';
      return { page, title, markdown, blocks: blocksOf(page, markdown) };
    });
}

export interface Box {
  readonly defect: number;
  /** What it is linked to, as written. */
  readonly links: readonly string[];
}

/** Each box is a quote; one that is about a defect names its number. */
export function boxesOf(markdown: string): Box[] {
  return markdown.split(/\n(?!>)/).flatMap((paragraph) => {
    const defect = /^> \*\*Where we differ, defect (\d+)\.\*\*/m.exec(paragraph)?.[1];
    if (defect === undefined) return [];
    const links = [...paragraph.matchAll(/\]\(([^)#]+)/g)].map((match) => match[1] as string);
    return [{ defect: Number(defect), links }];
  });
}
