/**
 * The command: what was typed, what is asked, what is told. Exit codes: 0, 1 (refused: why, on stderr), 2 (wrong usage).
 *
 * It asks only where a person sits at both ends of it; anywhere else what is missing is wrong usage, and the sentence
 * says what to type.
 */
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { callerOf, nextCommands, packageManagers, type PackageManager } from './package-manager.ts';
import { createProject, isFull, type CreatedProject } from './project.ts';
import { askDirectory, askOverwrite, askTemplate, type Ask } from './questions.ts';
import { Refusal, WrongUsage } from './refusal.ts';
import { templates } from './templates.ts';

/** What the command sees of the world around it. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Missing where nobody sits at the terminal. */
  readonly ask?: Ask;
  /** Run this in a folder, its output to stderr; the exit code. */
  run(command: string, args: readonly string[], cwd: string): Promise<number>;
}

const OPTIONS = {
  template: { type: 'string', short: 't' },
  overwrite: { type: 'boolean' },
  force: { type: 'boolean' },
  install: { type: 'boolean' },
  immediate: { type: 'boolean', short: 'i' },
  pm: { type: 'string' },
  packages: { type: 'string' },
  interactive: { type: 'boolean' },
  'no-interactive': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

const DEFAULT_TEMPLATE = 'kv';

const HELP = `Usage: npm create rkv [DIRECTORY] [-- OPTIONS]

Writes a project of your own into DIRECTORY (. is this folder), whose name is the name of the project.

Templates:
${Object.entries(templates)
  .map(([name, { summary }]) => `  ${name.padEnd(18)}${summary}`)
  .join('\n')}

Options:
  -t, --template T  the template (default: ${DEFAULT_TEMPLATE})
  --overwrite       take a folder with files in it: those of the same name are replaced, all others stay (also: --force)
  --install         install the packages too; nothing is installed unasked
  -i, --immediate   install, and start the first node
  --pm NAME         ${packageManagers.join(', ')} (default: the one that runs this)
  --packages DIR    take the packages of rkv from tarballs in DIR, as npm pack makes them
  --no-interactive  ask nothing; so it is anyway where there is no terminal
  --json            tell what was written as JSON
  -h, --help        this
  -v, --version     the version

Exit: 0, 1 (refused: why, on stderr), 2 (wrong usage).
`;

export async function createRkv(
  args: readonly string[],
  terminal: Terminal,
  version: string,
): Promise<number> {
  try {
    const { flags, directory } = parse(args);
    if (flags.help === true) terminal.out(HELP);
    else if (flags.version === true) terminal.out(`${version}\n`);
    else await create(flags, directory, terminal);
    return 0;
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof WrongUsage)) throw error;
    terminal.err(`create-rkv: ${error.message}\n`);
    return error instanceof Refusal ? 1 : 2;
  }
}

type Flags = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

function parse(args: readonly string[]): { flags: Flags; directory: string | undefined } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (positionals.length > 1) throw new TypeError(`one folder, not ${positionals.length}`);
    return { flags: values, directory: positionals[0] };
  } catch (cause) {
    throw new WrongUsage(`${(cause as Error).message}\nnpm create rkv -- --help tells what there is.`);
  }
}

async function create(flags: Flags, typed: string | undefined, terminal: Terminal): Promise<void> {
  const pm = packageManagerOf(flags, terminal);
  const ask = flags['no-interactive'] === true || flags.interactive === false ? undefined : terminal.ask;
  const directory = typed ?? (ask && (await askDirectory(ask, terminal.err)));
  if (directory === undefined) {
    throw new WrongUsage('which folder? For example: npm create rkv my-app -- --template kv');
  }
  const template = flags.template ?? (ask && (await askTemplate(ask, terminal.err))) ?? DEFAULT_TEMPLATE;
  let overwrite = flags.overwrite === true || flags.force === true;
  if (!overwrite && ask !== undefined && isFull(directory, terminal.cwd))
    overwrite = await askOverwrite(ask, directory);
  const { cwd } = terminal;
  const { packages } = flags;
  const project = createProject({
    directory,
    template,
    overwrite,
    cwd,
    ...(packages !== undefined && { packages }),
  });
  const isInstalled = flags.install === true || flags.immediate === true;
  tell(project, { pm, isInstalled, json: flags.json === true }, terminal);
  if (isInstalled) await run(pm, 'install', project, terminal);
  if (flags.immediate === true) await run(pm, 'start', project, terminal);
}

function packageManagerOf({ pm }: Flags, { env }: Terminal): PackageManager {
  if (pm === undefined) return callerOf(env);
  const found = packageManagers.find((each) => each === pm);
  if (found === undefined) throw new WrongUsage(`--pm is one of ${packageManagers.join(', ')}, not "${pm}"`);
  return found;
}

interface Telling {
  readonly pm: PackageManager;
  readonly isInstalled: boolean;
  readonly json: boolean;
}

function tell(project: CreatedProject, { pm, isInstalled, json }: Telling, terminal: Terminal): void {
  const { directory, name, template, files } = project;
  const next = nextCommands(relative(terminal.cwd, directory), pm, isInstalled);
  if (json) return terminal.out(`${JSON.stringify({ directory, name, template, files, next })}\n`);
  const lines = files.map((file) => `  ${file}\n`).join('');
  terminal.out(`${name} (${template}) in ${directory}:\n${lines}\nNext:\n`);
  for (const line of next) terminal.out(`  ${line}\n`);
  terminal.out('\nREADME.md tells how three of them become a cluster.\n');
}

async function run(
  pm: PackageManager,
  what: 'install' | 'start',
  { directory }: CreatedProject,
  terminal: Terminal,
): Promise<void> {
  const code = await terminal.run(pm, [what], directory);
  if (code === 0) return;
  throw new Refusal('not_installed', `the project is written, but ${pm} ${what} ended with ${code}`);
}
