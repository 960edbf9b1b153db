/**
 * The command `rkv-bench`, which `rkv bench` hands its arguments to. Ends with 0, 1 (it could not be done, an error ended the
 * run, or the check does not hold) or 2 (wrong usage).
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { BadBench, type Overrides } from '../definition/settle.ts';
import { compare, describeComparison, writeComparison } from '../report/compare.ts';
import { writeReport } from '../report/report.ts';
import { describeResult } from '../report/text.ts';
import { defaultFolder, readResult, writeTables } from '../results/folder.ts';
import { runBench } from '../run/run.ts';
import { SampleFiles } from '../run/sample-files.ts';
import { checkStall } from '../run/stall-check.ts';
import { Progress, type Terminal } from './progress.ts';

/** What the command is given: where it prints, how it hears of Ctrl-C, what it is called. */
export interface ProgramComponents {
  readonly terminal: Terminal;
  /** Calls back when the user asks for the end; the first time a run ends in good order. */
  readonly onInterrupt: (stop: () => void) => void;
  /** What it is called as; `rkv bench` when rkv hands over. */
  readonly name?: string;
}

/** 0: done. 1: it failed, or an error was to end it. 2: wrong usage, nothing ran. */
export type ExitCode = 0 | 1 | 2;

/** `args` without the interpreter and the script. Never rejects. */
export async function benchCommand(
  args: readonly string[],
  components: ProgramComponents,
): Promise<ExitCode> {
  const { terminal, name = 'rkv-bench' } = components;
  let code: ExitCode = 0;
  const program = new Command(name)
    .description('Puts load on a system and tells honestly how it bore it.')
    .version(readVersion())
    .showHelpAfterError(`(${name} --help tells what there is)`)
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${name}: `)),
    })
    .exitOverride();
  program
    .command('run <file>', { isDefault: true })
    .description('run the benchmark of a file: a module that exports `bench`, or JSON')
    .option('--duration <seconds>', 'how long to measure', aboveZero)
    .option('--warm-up <seconds>', 'how long before that', fromZero)
    .option('--rate <per-second>', 'an open loop with so many operations a second', aboveZero)
    .option('--max', 'a closed loop, as fast as the workers can')
    .option('--workers <n>', 'operations under way at most', aboveZero)
    .option('--threads <n>', 'threads for the workers; 0 for the main one', fromZero)
    .option('--seed <n>', 'of keys, values, mix and arrivals', fromZero)
    .option('--no-samples', 'do not write down each operation')
    .option('--out <folder>', 'where to put the results')
    .action(async (file: string, flags: RunFlags) => {
      code = await run(file, flags, components);
    });
  program
    .command('report <folder>')
    .description('draw charts and report again, from the result of a run')
    .action(async (folder: string) => {
      terminal.out(`${await writeReport(folder, readResult(folder))}\n`);
    });
  program
    .command('compare <a> <b>')
    .description('two runs beside each other')
    .option('--out <folder>', 'where to put page and charts', 'compare')
    .option('--json', 'the table as JSON, no page')
    .action(async (a: string, b: string, flags: { out: string; json?: boolean }) => {
      const comparison = compare(readResult(a), readResult(b));
      const { lines, differences } = comparison;
      if (flags.json === true) {
        terminal.out(`${JSON.stringify({ lines, differences })}\n`);
        return;
      }
      terminal.out(`${describeComparison(comparison)}\n\n${await writeComparison(flags.out, comparison)}\n`);
    });
  program
    .command('check')
    .description('a stall of one second, seen by a closed and by an open loop')
    .action(async () => {
      const { closed, open, holds } = await checkStall();
      terminal.out(`${describeResult(closed)}\n\n${describeResult(open)}\n\n${describeCheck(holds)}\n`);
      code = holds ? 0 : 1;
    });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return explainEnd(error, name, terminal);
  }
}

interface RunFlags {
  readonly duration?: number;
  readonly warmUp?: number;
  readonly rate?: number;
  readonly max?: boolean;
  readonly workers?: number;
  readonly threads?: number;
  readonly seed?: number;
  /** Commander makes `--no-samples` a flag that is true unless given. */
  readonly samples: boolean;
  readonly out?: string;
}

async function run(
  file: string,
  flags: RunFlags,
  { terminal, onInterrupt }: ProgramComponents,
): Promise<ExitCode> {
  const stopping = new AbortController();
  onInterrupt(() => {
    terminal.err('Ending: what is under way is waited for. Once more to end at once.\n');
    stopping.abort();
  });
  let folder = '';
  let files: SampleFiles | undefined;
  let progress: Progress | undefined;
  const result = await runBench(
    { file },
    {
      overrides: overridesOf(flags),
      signal: stopping.signal,
      onStart: (definition, times) => {
        const { name, out, samples, load } = definition;
        folder = out ?? defaultFolder(name, new Date(times.startedAtMs));
        mkdirSync(folder, { recursive: true });
        const labels = load.operations.map(({ label }) => label);
        if (samples) files = new SampleFiles(folder, labels, times);
        progress = new Progress(terminal, definition);
        terminal.out(`${name}: ${load.driver.name}, ${load.workers} workers; results in ${folder}\n`);
      },
      onWindow: (window) => progress?.show(window),
      samples: {
        succeeded: (...[label, doneUs, serviceUs, responseUs]) =>
          files?.succeeded(label, doneUs, serviceUs, responseUs),
        failed: () => {},
        unsent: () => {},
      },
    },
  );
  await files?.close();
  writeTables(folder, result);
  terminal.out(`\n${describeResult(result)}\n\n`);
  terminal.out(`Report: ${await writeReport(folder, result)}\n`);
  terminal.out(
    result.all.failed === 0 ? 'Benchmark finished. No errors.\n' : 'Benchmark finished, with errors.\n',
  );
  return result.ended.kind === 'error' ? 1 : 0;
}

function overridesOf(flags: RunFlags): Overrides {
  const { duration, warmUp, rate, max, workers, threads, seed, samples, out } = flags;
  if (rate !== undefined && max === true) throw new BadBench(['--rate and --max exclude each other']);
  const given = {
    ...{ durationS: duration, warmUpS: warmUp, workers, threads, seed, out },
    mode: max === true ? ('max' as const) : rate === undefined ? undefined : { rate },
    samples: samples ? undefined : false,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function describeCheck(holds: boolean): string {
  return holds
    ? 'The check holds: the open loop shows the stall at p99, the closed one hides it even at p99.9.'
    : 'The check does NOT hold: these latencies are not to be believed.';
}

function aboveZero(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function fromZero(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('It must be a number, 0 or more.');
  return value;
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function explainEnd(error: unknown, name: string, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // it has said why already
  if (error instanceof BadBench) {
    for (const problem of error.problems) terminal.err(`${name}: ${problem}\n`);
    return 2;
  }
  terminal.err(`${name}: ${describe(error)}\n`);
  return 1;
}

/** Node.js tells of a refused connection with several addresses by an AggregateError without a message. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ');
  return error instanceof Error ? error.message : String(error);
}
