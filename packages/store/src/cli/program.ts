/**
 * The command `rkv`: all its commands, and how calling one ends - 0, 1 (it was refused: why, on stderr), 2 (wrong usage).
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addBenchCommand, BenchEnded } from './bench-command.ts';
import { addBucketCommands } from './bucket-commands.ts';
import { addClaimCommand } from './claim-command.ts';
import { addClusterCommands } from './cluster-commands.ts';
import { addDevCommand } from './dev/dev.ts';
import { DEFAULT_NODE } from './invocation.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addKeyCommands } from './key-commands.ts';
import { addScrubCommand } from './scrub-command.ts';
import { addStartCommand, type StartServer } from './start.ts';
import { addTransferCommands } from './transfer-commands.ts';
import { Refusal, type Terminal, WrongUsage } from './terminal.ts';

export interface RkvComponents {
  readonly terminal: Terminal;
  readonly startServer: StartServer;
}

export type ExitCode = 0 | 1 | 2;

/** `args` without the interpreter and the script. Never rejects. */
export async function rkv(args: readonly string[], components: RkvComponents): Promise<ExitCode> {
  try {
    await buildProgram(components, args).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    return explainEnd(error, components.terminal, args.includes('--json'));
  }
}

function buildProgram({ terminal, startServer }: RkvComponents, args: readonly string[]): Command {
  const program = new Command('rkv')
    .description('A masterless, replicated key-value store that speaks Redis.')
    .version(readVersion())
    .option('--node <url>', `the node to ask (default: RKV_NODE, or ${DEFAULT_NODE})`)
    .option('--json', 'answer in JSON')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(rkv --help tells what there is)')
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'rkv: ')),
    })
    .exitOverride();
  addStartCommand(program, terminal, startServer);
  addDevCommand(program, terminal);
  addKeyCommands(program, terminal);
  addClusterCommands(program, terminal);
  addTransferCommands(program, terminal);
  addBucketCommands(program, terminal);
  addScrubCommand(program, terminal);
  addDoctorCommand(program, terminal);
  addClaimCommand(program, terminal);
  addBenchCommand(program, terminal, args);
  return program;
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function explainEnd(error: unknown, terminal: Terminal, isJson: boolean): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has said why already
  if (error instanceof BenchEnded) return error.exitCode;
  terminal.err(`${isJson && error instanceof Refusal ? jsonOf(error) : describeError(error)}\n`);
  return error instanceof WrongUsage ? 2 : 1;
}

/** With the fields of the HTTP door. */
function jsonOf({ code, message, facts }: Refusal): string {
  return JSON.stringify({ error: { code, message, ...facts } });
}

/** Outcomes for an operator are one sentence with their code; what should not happen comes with its stack. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `rkv: ${String(error)}`;
  if (error instanceof WrongUsage) return `rkv: ${error.message}`;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return `rkv: ${error.stack ?? error.message}`;
  // Errors of the file system begin with their code already.
  return error.message.startsWith(`${code}:`) ? `rkv: ${error.message}` : `rkv: ${code}: ${error.message}`;
}
