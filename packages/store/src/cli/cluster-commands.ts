/**
 * `rkv cluster ...`, `ring`: who is in, who owns what, what moves - and how that changes: stage, plan, commit.
 */
import type { Command } from 'commander';
import type { PlanView, RingView, StatusView } from '../admin/api.ts';
import { describePlan, describeRingView, describeStatus } from './describe.ts';
import { Invocation } from './invocation.ts';
import { settle } from './settle.ts';
import type { Terminal } from './terminal.ts';

export function addClusterCommands(program: Command, terminal: Terminal): void {
  const cluster = program.command('cluster').summary('members: who joins, who leaves, what that would move');
  const wait = 'wait until no transfer is active or waiting; 120 s at most';
  cluster
    .command('join')
    .summary('stage that this node joins another cluster')
    .argument('<address>', 'the cluster port of any of its members, HOST:PORT')
    .option('--wait', wait)
    .action((address: string, _flags, command: Command) => join(new Invocation(command, terminal), address));
  cluster
    .command('leave')
    .summary('stage that a member leaves')
    .argument('[name]', 'this node when left out')
    .option('--wait', wait)
    .action((name: string | undefined, _flags, command: Command) =>
      leave(new Invocation(command, terminal), name),
    );
  cluster
    .command('plan')
    .summary('show what a commit of the staged changes would do')
    .option('--wait', `first ${wait}`)
    .action((_flags, command: Command) => plan(new Invocation(command, terminal)));
  cluster
    .command('commit')
    .summary('carry out the plan that was shown')
    .option('--plan <id>', 'only if this is still the plan')
    .option('--wait', wait)
    .action((_flags, command: Command) => commit(new Invocation(command, terminal)));
  cluster
    .command('clear')
    .summary('drop the staged changes')
    .option('--wait', wait)
    .action((_flags, command: Command) => clear(new Invocation(command, terminal)));
  cluster
    .command('status')
    .summary('the members, what they own and what they will own')
    .option('--wait', `first ${wait}`)
    .action((_flags, command: Command) => status(new Invocation(command, terminal)));
  program
    .command('ring')
    .summary('who owns which partition')
    .action((_flags, command: Command) => ring(new Invocation(command, terminal)));
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

async function leave(invocation: Invocation<WaitFlags>, name: string | undefined): Promise<void> {
  const staged = await invocation
    .client()
    .post<{ claimant: string }>('/api/cluster/leave', { body: { name } });
  invocation.tell(
    staged,
    () => `The leave is staged at the claimant '${staged.claimant}'; plan and commit come next.`,
  );
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
  if (settled.kind === 'left') {
    invocation.terminal.err(`'${settled.node}', which was asked, has left the cluster and tells no more.\n`);
  }
}
