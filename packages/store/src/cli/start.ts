/**
 * `rkv start`: one node in this process, until it is asked to end or has left its cluster.
 *
 * The first SIGINT or SIGTERM drains, a later one ends the process at once. What a node is made of is not known here:
 * `startServer` is handed in, so that a command which only asks does not load the storage engines.
 */
import { once } from 'node:events';
import { constants } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import type { Logger } from '@rkv/core';
import type { Command } from 'commander';
import * as v from 'valibot';
import type { Admin } from '../admin/api.ts';
import { type Address, formatAddress, isLoopback } from '../config/address.ts';
import { loadConfig, type ServerConfig } from '../config/load.ts';
import {
  kebabName,
  settingHelp,
  type SettingName,
  settingNames,
  settingsSchema,
} from '../config/settings.ts';
import { Invocation } from './invocation.ts';
import { openLog } from './logger.ts';
import { watchSignals } from './signals.ts';
import { Refusal, type Terminal, WrongUsage } from './terminal.ts';

export interface RunningServer {
  readonly admin: Admin;
  readonly ports: { readonly cluster: number; readonly redis?: number; readonly http?: number };
  /** It may be before its doors are open. */
  readonly isStopping: boolean;
  /** Drains and closes everything; called again it is the same ending. */
  stop(): Promise<void>;
  /**
   * It left its cluster with nothing in hand; or it is in no ring any more and keeps what it holds; or its store is unsound or
   * may be, and its next life sets that aside or looks at it; or it was stopped.
   */
  readonly finished: Promise<'left' | 'stranded' | 'unsound' | 'stopped'>;
}

export type StartServer = (
  config: ServerConfig,
  components: { readonly logger: Logger; readonly endsWhenUnsound: boolean },
) => Promise<RunningServer>;

/**
 * A request is many small functions on its way from the socket to the store and back; V8 stops merging them into one
 * at a size meant for pages. With more room a GET takes a tenth less time, a SET a little. Not in `open()`: there the
 * process is somebody else's. Twice as much gained nothing more.
 */
const COMPILER_FLAGS = [
  '--max-inlined-bytecode-size=1200',
  '--max-inlined-bytecode-size-cumulative=3000',
] as const;

type StartFlags = Partial<Record<SettingName, string>> & {
  readonly config?: string;
  readonly withParent?: boolean;
};

export function addStartCommand(program: Command, terminal: Terminal, startServer: StartServer): void {
  const command = program.command('start').summary('run a node in this process');
  command.option('--config <FILE>', 'settings in YAML or JSON; RKV_* variables and flags win over it');
  for (const setting of settingNames) {
    const { argument, help } = settingHelp[setting];
    command.option(`--${kebabName(setting)} <${argument}>`, `${help}${describeDefault(setting)}`);
  }
  command.addOption(command.createOption('--with-parent', 'end when the parent process does').hideHelp());
  command.action((_flags, self: Command) => start(new Invocation<StartFlags>(self, terminal), startServer));
}

function describeDefault(setting: SettingName): string {
  const value = v.getDefault(settingsSchema.entries[setting]);
  return value === undefined || value === '' ? '' : ` (default: ${String(value)})`;
}

async function start({ flags, terminal }: Invocation<StartFlags>, startServer: StartServer): Promise<void> {
  const outcome = loadConfig({ flags, env: terminal.env, file: flags.config });
  if (outcome.kind === 'refused') throw new WrongUsage(outcome.problems.join('\n'));
  for (const flag of COMPILER_FLAGS) setFlagsFromString(flag);
  const { config } = outcome;
  const logger = openLog(config.name, terminal);
  const watch = watchSignals((signal) => process.exit(128 + constants.signals[signal]));
  const asked = flags.withParent === true ? AbortSignal.any([watch.asked, parentGone()]) : watch.asked;
  try {
    await serve(config, logger, asked, startServer);
  } finally {
    watch.end();
  }
}

async function serve(
  config: ServerConfig,
  logger: Logger,
  asked: AbortSignal,
  startServer: StartServer,
): Promise<void> {
  const server = await startServer(config, { logger, endsWhenUnsound: true });
  if (!server.isStopping) announce(config, server, logger);
  const ending = await Promise.race([server.finished, aborted(asked)]);
  if (ending === 'asked') logger.info({}, `${config.name} was asked to end and drains`);
  await server.stop();
  if (ending === 'unsound') return serve(config, logger, asked, startServer);
  if (ending === 'stopped') throw new Refusal('stopped', `${config.name} stopped without being asked to`);
  if (ending === 'stranded') {
    throw new Refusal(
      'stranded',
      `${config.name} is in no ring any more and still holds data, so ${config.dataDir} is kept. To bring the data home remove ` +
        `ring.*, agreement.*, plan.* and prospect.* in its node/, start it, and join it to the cluster again`,
    );
  }
  const why = ending === 'left' ? 'has left the cluster, nothing of it is needed here any more' : 'has ended';
  logger.info({}, `${config.name} ${why}`);
}

function announce(config: ServerConfig, { ports }: RunningServer, logger: Logger): void {
  const { name, cluster, redis, http } = config;
  const places = {
    cluster: formatAddress({ ...cluster, port: ports.cluster }),
    ...place('redis', redis, ports.redis),
    ...place('http', http, ports.http),
  };
  logger.info({ ...places, pid: process.pid }, `${name} is up`);
  if (redis !== 'off' && !isLoopback(redis.host)) {
    logger.warn({}, 'Redis clients from outside are let in without a password');
  }
}

function place(door: string, address: Address | 'off', port: number | undefined): Record<string, string> {
  return address === 'off' || port === undefined ? {} : { [door]: formatAddress({ ...address, port }) };
}

/** With nobody left to kill a node that does not drain, it ends itself after this long. */
const ORPHAN_MS = 10_000;

/** The channel that `rkv dev` opens to each node is cut when it dies, however it dies. */
function parentGone(): AbortSignal {
  const gone = new AbortController();
  const orphaned = (): void => {
    gone.abort();
    setTimeout(() => process.exit(1), ORPHAN_MS).unref();
  };
  if (process.connected) process.once('disconnect', orphaned);
  else orphaned();
  return gone.signal;
}

async function aborted(signal: AbortSignal): Promise<'asked'> {
  if (!signal.aborted) await once(signal, 'abort');
  return 'asked';
}
