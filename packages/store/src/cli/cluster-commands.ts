/**
 * `rkv cluster ...`, `ring`: who is in, who owns what, what moves - and how that changes: stage, plan, commit.
 */
import { ringSizeProblem } from '@rkv/core';
import { type Command, InvalidArgumentError } from 'commander';
import type { PlanView, RingView, StatusView } from '../admin/api.ts';
import { apply, readWanted } from './apply.ts';
import { describePlan, describeRingView, describeStatus } from './describe.ts';
import { wholeNumber } from './arguments.ts';
import { Invocation } from './invocation.ts';
import { settle } from './settle.ts';
import type { Terminal } from './terminal.ts';

const WAIT = 'wait until no transfer is active or waiting; 120 s at most';

export function addClusterCommands(program: Command, terminal: Terminal): void {
  const cluster = program.command('cluster').summary('members: who joins, who leaves, what that would move');
  cluster
    .command('join')
    .summary('stage that this node joins another cluster')
    .argument('<address>', 'the cluster port of any of its members, HOST:PORT')
    .option('--wait', WAIT)
    .action((address: string, _flags, command: Command) => join(new Invocation(command, terminal), address));
  cluster
    .command('leave')
    .summary('stage that a member leaves')
    .argument('[name]', 'this node when left out')
    .option('--wait', WAIT)
    .action((name: string | undefined, _flags, command: Command) =>
      stage(new Invocation(command, terminal), 'leave', { name }),
    );
  addStagedCommands(cluster, terminal);
  cluster
    .command('down')
    .summary('say that members are away and not to be waited for; they come back by themselves')
    .argument('<names...>')
    .option('--force', 'though no majority is there to agree; what the others know may be lost')
    .option('--wait', WAIT)
    .action((names: string[], _flags, command: Command) => down(new Invocation(command, terminal), names));
  cluster
    .command('apply')
    .summary('stage, plan and commit until the members are those of a file')
    .argument('<file>', 'YAML or JSON: members, each a name or {name, address, replaces}')
    .option('--wait', WAIT)
    .action((file: string, _flags, command: Command) => applyFile(new Invocation(command, terminal), file));
  cluster
    .command('plan')
    .summary('show what a commit of the staged changes would do')
    .option('--wait', `first ${WAIT}`)
    .action((_flags, command: Command) => plan(new Invocation(command, terminal)));
  cluster
    .command('commit')
    .summary('carry out the plan that was shown')
    .option('--plan <id>', 'only if this is still the plan')
    .option('--wait', WAIT)
    .action((_flags, command: Command) => commit(new Invocation(command, terminal)));
  cluster
    .command('clear')
    .summary('drop the staged changes')
    .option('--wait', WAIT)
    .action((_flags, command: Command) => clear(new Invocation(command, terminal)));
  cluster
    .command('status')
    .summary('the members, what they own and what they will own')
    .option('--wait', `first ${WAIT}`)
    .action((_flags, command: Command) => status(new Invocation(command, terminal)));
  const ringCommand = program
    .command('ring')
    .summary('who owns which partition')
    .action((_flags, command: Command) => ring(new Invocation(command, terminal)));
  ringCommand
    .command('resize')
    .summary('stage that the ring gets another number of partitions, or abort that')
    .argument('<size>', 'a power of two from 8 to 1024; or: abort', ringSizeOrAbort)
    .option('--wait', WAIT)
    .action((size: number | 'abort', _flags, command: Command) =>
      resize(new Invocation(command, terminal), size),
    );
}

/** What is staged about members other than oneself. */
function addStagedCommands(cluster: Command, terminal: Terminal): void {
  cluster
    .command('replace')
    .summary('stage that a node which has asked to join takes over all that a member owns')
    .argument('<old>')
    .argument('<new>')
    .option('--wait', WAIT)
    .action((old: string, by: string, _flags, command: Command) =>
      stage(new Invocation(command, terminal), 'replace', { name: old, by }),
    );
  cluster
    .command('force-replace')
    .summary('the same for a member that is lost: what only it holds is lost with it')
    .argument('<old>')
    .argument('<new>')
    .option('--wait', WAIT)
    .action((old: string, by: string, _flags, command: Command) =>
      stage(new Invocation(command, terminal), 'force-replace', { name: old, by }),
    );
  cluster
    .command('force-remove')
    .summary('stage that a lost member is removed; the others share out what it owned')
    .argument('<name>')
    .option('--wait', WAIT)
    .action((name: string, _flags, command: Command) =>
      stage(new Invocation(command, terminal), 'force-remove', { name }),
    );
}

interface WaitFlags {
  readonly wait?: boolean;
}

async function join(invocation: Invocation<WaitFlags>, address: string): Promise<void> {
  const staged = await invocation
    .client()
    .post<{ claimant: string }>('/api/cluster/join', { body: { address } });
  invocation.tell(
    staged,
    () => `The join is staged at the claimant '${staged.claimant}'; plan and commit come next.`,
  );
  await settleIfAsked(invocation);
}

async function stage(
  invocation: Invocation<WaitFlags>,
  change: 'leave' | 'replace' | 'force-replace' | 'force-remove',
  body: { readonly name: string | undefined; readonly by?: string },
): Promise<void> {
  const staged = await invocation.client().post<{ claimant: string }>(`/api/cluster/${change}`, { body });
  invocation.tell(
    staged,
    () => `The ${change} is staged at the claimant '${staged.claimant}'; plan and commit come next.`,
  );
  await settleIfAsked(invocation);
}

function ringSizeOrAbort(text: string): number | 'abort' {
  if (text === 'abort') return text;
  const size = wholeNumber(1)(text);
  const problem = ringSizeProblem(size);
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`);
  return size;
}

async function resize(invocation: Invocation<WaitFlags>, size: number | 'abort'): Promise<void> {
  const client = invocation.client();
  if (size === 'abort') {
    const aborted = await client.post<{ epoch: number }>('/api/ring/resize/abort');
    invocation.tell(aborted, () => 'The ring keeps its size.');
  } else {
    const staged = await client.post<{ claimant: string }>('/api/ring/resize', { body: { ringSize: size } });
    invocation.tell(
      staged,
      () => `The resize is staged at the claimant '${staged.claimant}'; plan and commit come next.`,
    );
  }
  await settleIfAsked(invocation);
}

async function down(
  invocation: Invocation<WaitFlags & { force?: boolean }>,
  names: readonly string[],
): Promise<void> {
  const body = { names, force: invocation.flags.force === true };
  type Done = { epoch: number; warnings: readonly string[] };
  const done = await invocation.client().post<Done>('/api/cluster/down', { body });
  const who = names.map((name) => `'${name}'`).join(', ');
  const taken = `${who} counted as down from epoch ${done.epoch} on, until heard again.`;
  invocation.tell(done, () => [taken, ...done.warnings.map((text) => `WARNING: ${text}`)].join('\n'));
  await settleIfAsked(invocation, done.epoch);
}

async function applyFile(invocation: Invocation<WaitFlags>, file: string): Promise<void> {
  const wanted = readWanted(file);
  const steps: string[] = [];
  const isJson = invocation.flags.json === true;
  await apply(invocation.client(), wanted, (step) => {
    steps.push(step);
    if (!isJson) invocation.terminal.out(`${step}\n`);
  });
  invocation.tell({ done: true, steps }, () => 'The members are the wanted ones.');
  await settleIfAsked(invocation);
}

async function plan(invocation: Invocation<WaitFlags>): Promise<void> {
  await settleIfAsked(invocation);
  const view = await invocation.client().post<PlanView>('/api/cluster/plan');
  invocation.tell(view, () => describePlan(view));
}

async function commit(invocation: Invocation<WaitFlags & { plan?: string }>): Promise<void> {
  const body = { planId: invocation.flags.plan };
  const done = await invocation.client().post<{ epoch: number }>('/api/cluster/commit', { body });
  invocation.tell(done, () => `The plan is committed as epoch ${done.epoch}.`);
  await settleIfAsked(invocation, done.epoch);
}

async function clear(invocation: Invocation<WaitFlags>): Promise<void> {
  const cleared = await invocation.client().post('/api/cluster/clear');
  invocation.tell(cleared, () => 'Nothing is staged any more.');
  await settleIfAsked(invocation);
}

async function status(invocation: Invocation<WaitFlags>): Promise<void> {
  await settleIfAsked(invocation);
  const view = await invocation.client().get<StatusView>('/api/status');
  invocation.tell(view, () => describeStatus(view));
}

async function ring(invocation: Invocation): Promise<void> {
  const view = await invocation.client().get<RingView>('/api/ring');
  invocation.tell(view, () => describeRingView(view));
}

async function settleIfAsked(invocation: Invocation<WaitFlags>, epoch = 0): Promise<void> {
  if (invocation.flags.wait !== true) return;
  const settled = await settle(invocation.client(), { epoch });
  if (settled === 'left')
    invocation.terminal.err('The node that was asked has left the cluster and tells no more.\n');
}
