/**
 * `rkv bench`: the arguments go to the command of @rkv/bench, if that package is installed beside this one.
 *
 * The bench kit stands on the store (it opens nodes), so the store cannot stand on it: the package is looked for when the
 * command is called, and no type of it is known here.
 */
import type { Command } from 'commander';
import { watchSignals } from './signals.ts';
import { Refusal, type Terminal } from './terminal.ts';

interface BenchModule {
  benchCommand(
    args: readonly string[],
    components: {
      readonly terminal: Terminal;
      readonly onInterrupt: (stop: () => void) => void;
      readonly name: string;
    },
  ): Promise<0 | 1 | 2>;
}

/** It has said already why it ended so. */
export class BenchEnded extends Error {
  readonly exitCode: 1 | 2;
  constructor(exitCode: 1 | 2) {
    super(`rkv bench ended with ${exitCode}`);
    this.name = 'BenchEnded';
    this.exitCode = exitCode;
  }
}

const PACKAGE: string = '@rkv/bench';

/** `args`: all that rkv was called with, as its own flags after `bench` are the bench's. */
export function addBenchCommand(program: Command, terminal: Terminal, args: readonly string[]): void {
  program
    .command('bench')
    .summary('put load on a system and draw how it bore it; `rkv bench --help`')
    .argument('[arguments...]')
    .helpOption(false)
    .allowUnknownOption()
    .action(() => runBench(args.slice(args.indexOf('bench') + 1), terminal));
}

async function runBench(args: readonly string[], terminal: Terminal): Promise<void> {
  const { benchCommand } = await findBench();
  const onInterrupt = (stop: () => void): void => {
    watchSignals(() => process.exit(130)).asked.addEventListener('abort', stop);
  };
  const code = await benchCommand(args, { terminal, onInterrupt, name: 'rkv bench' });
  if (code !== 0) throw new BenchEnded(code);
}

async function findBench(): Promise<BenchModule> {
  try {
    return (await import(PACKAGE)) as BenchModule;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw new Refusal('not_installed', `rkv bench needs the package ${PACKAGE} beside @rkv/store`);
  }
}
