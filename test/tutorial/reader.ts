/**
 * A reader of the tutorial: does what the blocks say, in order, in an empty folder, and is content only when what is printed is
 * what the tutorial says.
 *
 * The first terminal runs one command after the other and knows in which folder it is. Other terminals have a name and one
 * program each, in the folder where the first one is when it is started. Nothing is left behind, neither programs nor the folder,
 * also when the test is killed.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Guard, hasEnded } from '@rkv/testkit';
import { environment } from '../packed/packed.ts';
import type { Block, RunBlock, TerminalBlock } from './blocks.ts';
import type { Disguise } from './disguise.ts';
import { edited } from './edit.ts';
import { begins, mismatch } from './shape.ts';

/** So long it waits for what is to be printed. */
const PATIENCE_MS = 120_000;
/** So long a command may take: npm install on a busy machine. */
const COMMAND_MS = 600_000;
const AGAIN_MS = 200;

/** A program in a terminal of its own, with all that it has printed since it was last asked something. */
interface Terminal {
  readonly child: ChildProcess;
  printed: string;
}

export class Reader {
  readonly #disguise: Disguise;
  readonly #patienceMs: number;
  readonly #guard: Guard;
  readonly #terminals = new Map<string, Terminal>();
  #folder: string;

  constructor(folder: string, disguise: Disguise, patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
    this.#folder = folder;
    this.#guard = new Guard(folder);
    this.#disguise = disguise;
  }

  /** Where the first terminal is. */
  get folder(): string {
    return this.#folder;
  }

  /** Throws with the place of the block when it does not go as the tutorial says. */
  async follow(block: Block): Promise<void> {
    try {
      await this.#do(block);
    } catch (error) {
      throw new Error(`${block.at}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** End all programs that still run, and all that they have started, and remove the folder. */
  close(): Promise<void> {
    return this.#guard.end();
  }

  async #do(block: Block): Promise<void> {
    switch (block.kind) {
      case 'write':
        return this.#write(block.file, block.text);
      case 'edit':
        return this.#write(block.file, this.#edit(block.file, block.diff));
      case 'run':
        return this.#run(block);
      case 'terminal':
        return this.#goOn(block);
    }
  }

  #write(file: string, text: string): void {
    const path = join(this.#folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.#disguise.file(text));
  }

  #edit(file: string, diff: string): string {
    const text = readFileSync(join(this.#folder, file), 'utf8');
    return edited(this.#disguise.printed(text), diff);
  }

  async #run({ command, until, expected }: RunBlock): Promise<void> {
    const end = performance.now() + this.#patienceMs;
    for (;;) {
      const { code, printed } = await this.#type(command);
      const wrong = code === 0 ? undefined : `it ended with ${code}:\n${printed}`;
      const problem = wrong ?? (expected === undefined ? undefined : mismatch(expected, printed));
      if (problem === undefined) return;
      if (!until || performance.now() > end) throw new Error(`$ ${command}\n${problem}`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** In the first terminal; where that is then. */
  async #type(command: string): Promise<{ code: number | null; printed: string }> {
    const disguised = this.#disguise.command(command);
    const script = `set -e\n${disguised}\n{ pwd >&3; } 2>/dev/null`;
    const child = this.#spawn(script, ['ignore', 'pipe', 'pipe', 'pipe']);
    const said = { printed: '', folder: '' };
    child.stdout?.on('data', (data: Buffer) => (said.printed += String(data)));
    child.stderr?.on('data', (data: Buffer) => (said.printed += String(data)));
    child.stdio[3]?.on('data', (data: Buffer) => (said.folder += String(data)));
    const late = setTimeout(() => signal(child, 'SIGKILL'), COMMAND_MS);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(late);
    if (said.folder !== '' && said.folder.trim() !== this.#folder) {
      this.#folder = said.folder.trim();
      this.#movePorts();
    }
    return { code, printed: this.#disguise.printed(said.printed) };
  }

  /** The settings that the generator has written are files of the tutorial too. */
  #movePorts(): void {
    const config = join(this.#folder, 'config');
    if (!existsSync(config)) return;
    for (const file of readdirSync(config)) {
      const path = join(config, file);
      writeFileSync(path, this.#disguise.file(readFileSync(path, 'utf8')));
    }
  }

  async #goOn({ terminal: name, interrupt, command, expected }: TerminalBlock): Promise<void> {
    if (interrupt) await this.#interrupt(name);
    if (command !== '') this.#start(name, command);
    const terminal = this.#terminal(name);
    if (expected === undefined) return;
    const end = performance.now() + this.#patienceMs;
    for (;;) {
      const printed = this.#disguise.printed(terminal.printed);
      if (begins(expected, printed)) return;
      if (performance.now() > end || hasEnded(terminal.child))
        throw new Error(`in the terminal ${name}: ${mismatch(expected, printed) ?? ''}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #start(name: string, command: string): void {
    const before = this.#terminals.get(name);
    if (before !== undefined && !hasEnded(before.child)) throw new Error(`the terminal ${name} is busy`);
    const child = this.#spawn(this.#disguise.command(command), ['ignore', 'pipe', 'pipe']);
    const terminal: Terminal = { child, printed: '' };
    child.stdout?.on('data', (data: Buffer) => (terminal.printed += String(data)));
    child.stderr?.on('data', (data: Buffer) => (terminal.printed += String(data)));
    this.#terminals.set(name, terminal);
  }

  #spawn(script: string, stdio: StdioOptions): ChildProcess {
    const env = quietEnvironment();
    // A group of its own, as in a terminal.
    const child = spawn('sh', ['-c', script], { cwd: this.#folder, env, detached: true, stdio });
    const { pid } = child;
    if (pid !== undefined) {
      this.#guard.born(-pid); // all of the group
      child.once('close', () => this.#guard.gone(-pid));
    }
    return child;
  }

  /** Ctrl-C goes to all of the terminal's programs. */
  async #interrupt(name: string): Promise<void> {
    const terminal = this.#terminal(name);
    if (hasEnded(terminal.child))
      throw new Error(`nothing runs in the terminal ${name}:\n${terminal.printed}`);
    terminal.printed = '';
    const ended = once(terminal.child, 'close');
    const late = setTimeout(() => signal(terminal.child, 'SIGKILL'), this.#patienceMs);
    signal(terminal.child, 'SIGINT');
    await ended;
    clearTimeout(late);
  }

  #terminal(name: string): Terminal {
    const terminal = this.#terminals.get(name);
    if (terminal === undefined) throw new Error(`nothing was started in a terminal ${name}`);
    return terminal;
  }
}

/** To the program and all that it has started. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // It has ended already.
  }
}

function quietEnvironment(): NodeJS.ProcessEnv {
  const npm = { npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' };
  return { ...environment(), ...npm, npm_config_update_notifier: 'false', NO_COLOR: '1' };
}
