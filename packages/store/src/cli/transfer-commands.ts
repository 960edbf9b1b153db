/**
 * `rkv transfers`, `transfer-limit`, `repair`, `exchange`: what moves between the nodes and why it waits; how much of it at a
 * time; whether the copies of each partition are alike.
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { ControlView, ExchangeView, LimitsView, RepairView, TransfersView } from '../admin/api.ts';
import { wholeNumber } from './arguments.ts';
import { describeComparisons, describeExchange } from './describe-exchange.ts';
import { describeLimits, describeTransfers } from './describe-transfers.ts';
import { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

export function addTransferCommands(program: Command, terminal: Terminal): void {
  const one = ['--node-name <name>', 'at this member only; at all of them when left out'] as const;
  const partition = wholeNumber(0);
  const transfers = program
    .command('transfers')
    .summary('what moves between the nodes, and what waits for what')
    .action((_flags, command: Command) => list(new Invocation(command, terminal)));
  transfers
    .command('pause')
    .summary('stop transfers until they are resumed')
    .argument('[partition]', 'of this partition only; all when left out', partition)
    .option(...one)
    .action((number: number | undefined, _flags, command: Command) =>
      control(new Invocation(command, terminal), 'pause', number),
    );
  transfers
    .command('resume')
    .summary('let paused and cancelled transfers go on')
    .argument('[partition]', 'of this partition only; all when left out', partition)
    .option(...one)
    .action((number: number | undefined, _flags, command: Command) =>
      control(new Invocation(command, terminal), 'resume', number),
    );
  transfers
    .command('cancel')
    .summary('stop the transfers of a partition; they begin again after a minute, a repair does not')
    .argument('<partition>', 'its number', partition)
    .option(...one)
    .action((number: number, _flags, command: Command) =>
      control(new Invocation(command, terminal), 'cancel', number),
    );
  program
    .command('transfer-limit')
    .summary('how many transfers at a time and how fast; without arguments, what holds now')
    .argument('[limit]', 'transfers out of a node, and as many into it', wholeNumber(0, 1_000))
    .option('--out <limit>', 'transfers out of a node', wholeNumber(0, 1_000))
    .option('--in <limit>', 'transfers into a node', wholeNumber(0, 1_000))
    .option('--bandwidth <rate>', 'bytes a second that a node sends: 10MB, 500kB, off', bandwidth)
    .option(...one)
    .action((limit: number | undefined, _flags, command: Command) =>
      limitTo(new Invocation(command, terminal), limit),
    );
  program
    .command('repair')
    .summary("merge all other copies of a partition's keys into it")
    .argument('<partition>', 'its number', partition)
    .action((number: number, _flags, command: Command) => repair(new Invocation(command, terminal), number));
  const exchange = program
    .command('exchange')
    .summary('since when the copies of each partition are known to be alike, and what was mended')
    .action((_flags, command: Command) => listExchange(new Invocation(command, terminal)));
  for (const what of ['pause', 'resume'] as const)
    exchange
      .command(what)
      .summary(what === 'pause' ? 'compare no copies until that is resumed' : 'compare copies again')
      .option(...one)
      .action((_flags, command: Command) => controlExchange(new Invocation(command, terminal), what));
}

interface OneNode {
  readonly nodeName?: string;
}

async function list(invocation: Invocation): Promise<void> {
  const client = invocation.client();
  const transfers = await client.get<TransfersView>('/api/transfers');
  const exchange = await client.get<ExchangeView>('/api/exchange');
  invocation.tell(
    { ...transfers, exchange },
    () => `${describeTransfers(transfers)}\n\n${describeExchange(exchange)}`,
  );
}

async function listExchange(invocation: Invocation): Promise<void> {
  const view = await invocation.client().get<ExchangeView>('/api/exchange');
  invocation.tell(view, () => describeComparisons(view));
}

async function controlExchange(invocation: Invocation<OneNode>, what: 'pause' | 'resume'): Promise<void> {
  const body = { node: invocation.flags.nodeName };
  const view = await invocation.client().post<ControlView>(`/api/exchange/${what}`, { body });
  invocation.tell(view, () => describeControl('Comparisons of copies', what, view));
}

async function control(
  invocation: Invocation<OneNode>,
  what: 'pause' | 'resume' | 'cancel',
  partition: number | undefined,
): Promise<void> {
  const body = { partition, node: invocation.flags.nodeName };
  const view = await invocation.client().post<ControlView>(`/api/transfers/${what}`, { body });
  const which = partition === undefined ? 'Transfers' : `Transfers of partition ${partition}`;
  invocation.tell(view, () => describeControl(which, what, view));
}

const DONE = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' } as const;

function describeControl(which: string, what: keyof typeof DONE, { nodes, failed }: ControlView): string {
  const names = nodes.map(({ node }) => `'${node}'`).join(', ');
  const cancelled = nodes.reduce((sum, node) => sum + (node.cancelled ?? 0), 0);
  const done =
    what === 'cancel'
      ? `${which} that were cancelled: ${cancelled}`
      : `${which} are ${DONE[what]} at ${names}.`;
  return [done, ...failed.map(({ node, reason }) => `Not at '${node}': ${reason}`)].join('\n');
}

interface LimitFlags extends OneNode {
  readonly out?: number;
  readonly in?: number;
  readonly bandwidth?: number | 'off';
}

async function limitTo(invocation: Invocation<LimitFlags>, limit: number | undefined): Promise<void> {
  const { out = limit, in: into = limit, bandwidth, nodeName } = invocation.flags;
  const bytesPerSecond = bandwidth === 'off' ? null : bandwidth;
  const body = { out, in: into, bytesPerSecond, node: nodeName };
  const view = await invocation.client().post<LimitsView>('/api/transfers/limit', { body });
  invocation.tell(view, () => describeLimits(view));
}

async function repair(invocation: Invocation, partition: number): Promise<void> {
  const view = await invocation.client().post<RepairView>('/api/repair', { body: { partition } });
  invocation.tell(view, () =>
    view.begun
      ? `'${view.node}' repairs partition ${partition}; rkv transfers tells how far it is.`
      : `'${view.node}' is repairing partition ${partition} already.`,
  );
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** Bytes a second. */
function bandwidth(text: string): number | 'off' {
  if (text === 'off') return text;
  const [, amount = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([kMG]?)B?(?:\/s)?$/.exec(text) ?? [];
  const bytes = Math.round(Number(amount) * (UNITS[unit] ?? Number.NaN));
  if (bytes >= 1_000) return bytes;
  throw new InvalidArgumentError('It must be at least 1kB a second, like 10MB or 500kB, or off.');
}
