/** What is asked when somebody sits at the terminal and has not said it: a folder, a template, whether to overwrite. */
import { nameLike } from './project-name.ts';
import { checkedName } from './project.ts';
import { isTemplate, templates, type TemplateName } from './templates.ts';

/** One question, one line; undefined when the input has ended. */
export type Ask = (question: string) => Promise<string | undefined>;

const DEFAULT_DIRECTORY = 'my-rkv';

export async function askDirectory(ask: Ask, say: (text: string) => void): Promise<string | undefined> {
  for (;;) {
    const answer = await ask(`Where shall the project be? (${DEFAULT_DIRECTORY}) `);
    if (answer === undefined) return undefined;
    const directory = answer.trim() || DEFAULT_DIRECTORY;
    try {
      checkedName(directory);
      return directory;
    } catch (error) {
      say(`${(error as Error).message}\n`);
    }
  }
}

export async function askTemplate(ask: Ask, say: (text: string) => void): Promise<TemplateName | undefined> {
  const names = Object.keys(templates) as TemplateName[];
  names.forEach((name, at) => say(`  ${at + 1}  ${name.padEnd(10)}${templates[name].summary}\n`));
  for (;;) {
    const answer = await ask('Which template? (1) ');
    if (answer === undefined) return undefined;
    const chosen = answer.trim() || '1';
    const name = names[Number(chosen) - 1] ?? nameLike(chosen) ?? '';
    if (isTemplate(name)) return name;
    say(`There is no "${chosen}": a number, or a name.\n`);
  }
}

export async function askOverwrite(ask: Ask, directory: string): Promise<boolean> {
  const answer = await ask(`${directory} has files in it. Replace those that the project brings? (y/N) `);
  return /^y(es)?$/i.test(answer?.trim() ?? '');
}
