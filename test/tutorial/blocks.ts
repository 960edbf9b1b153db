/**
 * A page of the tutorial as a list of things to do: each fenced block is one, and says in its info string which.
 *
 *   ```ts file=src/x.ts        the whole file (any language)
 *   ```diff file=src/x.ts      a change of a file that is there: see edit.ts
 *   ```sh                      a command in the reader's first terminal, which must end with 0
 *   ```sh until                the same, again and again until it prints what is expected
 *   ```sh terminal=node2       a program that goes on, in a terminal of that name; a line ^C before it ends the one before
 *   ```text                    what the sh block before it prints: see shape.ts
 *
 * There is no block that is for reading only: what is shown is done.
 */
export type Block = WriteBlock | EditBlock | RunBlock | TerminalBlock;

interface Place {
  /** The page and the line where the block begins. */
  readonly at: string;
}

export interface WriteBlock extends Place {
  readonly kind: 'write';
  readonly file: string;
  readonly text: string;
}

export interface EditBlock extends Place {
  readonly kind: 'edit';
  readonly file: string;
  readonly diff: string;
}

export interface RunBlock extends Place {
  readonly kind: 'run';
  readonly command: string;
  readonly until: boolean;
  readonly expected: string | undefined;
}

export interface TerminalBlock extends Place {
  readonly kind: 'terminal';
  readonly terminal: string;
  readonly interrupt: boolean;
  /** Empty: nothing is started. */
  readonly command: string;
  readonly expected: string | undefined;
}

interface Fence extends Place {
  readonly language: string;
  readonly words: readonly string[];
  readonly text: string;
}

/** Throws with page and line when a block does not say what to do with it. */
export function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const fence of fencesOf(page, markdown)) {
    if (fence.language !== 'text') {
      blocks.push(blockOf(fence));
      continue;
    }
    const before = blocks.at(-1);
    const isCommand = before?.kind === 'run' || before?.kind === 'terminal';
    if (!isCommand || before.expected !== undefined || fence.words.length > 0)
      throw new Error(`${fence.at}: a text block stands behind the sh block that prints it`);
    blocks[blocks.length - 1] = { ...before, expected: fence.text };
  }
  return blocks;
}

function blockOf({ at, language, words, text }: Fence): Block {
  const [word = '', ...more] = words;
  const [name, value = ''] = word.split('=');
  if (more.length === 0) {
    if (name === 'file' && value !== '') {
      return language === 'diff'
        ? { kind: 'edit', at, file: value, diff: text }
        : { kind: 'write', at, file: value, text };
    }
    const command = text.trim();
    if (language === 'sh' && (word === '' || word === 'until'))
      return { kind: 'run', at, command, until: word === 'until', expected: undefined };
    if (language === 'sh' && name === 'terminal' && value !== '') {
      const interrupt = command.startsWith('^C');
      const rest = interrupt ? command.slice(2).trim() : command;
      return { kind: 'terminal', at, terminal: value, interrupt, command: rest, expected: undefined };
    }
  }
  throw new Error(`${at}: what is to be done with a block "${[language, ...words].join(' ')}"?`);
}

function fencesOf(page: string, markdown: string): Fence[] {
  const fences: Fence[] = [];
  let open: { at: string; info: string; lines: string[] } | undefined;
  markdown.split('\n').forEach((line, index) => {
    const fence = /^\s*```(.*)$/.exec(line);
    if (open === undefined && fence !== null) {
      open = { at: `${page}:${index + 1}`, info: fence[1] ?? '', lines: [] };
    } else if (open !== undefined && fence !== null) {
      const [language = '', ...words] = open.info.trim().split(/\s+/);
      fences.push({ at: open.at, language, words, text: open.lines.map((each) => `${each}\n`).join('') });
      open = undefined;
    } else open?.lines.push(line);
  });
  if (open !== undefined) throw new Error(`${open.at}: the block does not end`);
  return fences;
}
