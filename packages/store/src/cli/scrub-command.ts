/** `rkv scrub`: have every node look at all that it holds; `rkv scrub status`: what was found. */
import { describeTime } from '@rkv/core';
import type { Command } from 'commander';
import type { ScrubbedVnode, ScrubView } from '../admin/api.ts';
import { Invocation } from './invocation.ts';
import type { Terminal } from './terminal.ts';

interface ScrubFlags {
  readonly nodeName?: string;
}

export function addScrubCommand(program: Command, terminal: Terminal): void {
  const scrub = program
    .command('scrub')
    .summary('have the nodes read and check all that they hold, and mend what is damaged from other replicas')
    .option('--node-name <name>', 'at this member only; at all of them when left out')
    .action((_flags, command: Command) => begin(new Invocation<ScrubFlags>(command, terminal)));
  scrub
    .command('status')
    .summary('how far the scrubs are, and what they found, by vnode')
    .action((_flags, command: Command) => tell(new Invocation(command, terminal)));
}

async function begin(invocation: Invocation<ScrubFlags>): Promise<void> {
  const body = { node: invocation.flags.nodeName };
  const view = await invocation.client().post<ScrubView>('/api/scrub', { body });
  const running = view.vnodes.filter((vnode) => vnode.running).length;
  invocation.tell(view, () =>
    [
      `Vnodes that look at all they hold: ${running}. rkv scrub status tells what they find.`,
      ...failures(view),
    ].join('\n'),
  );
}

async function tell(invocation: Invocation): Promise<void> {
  const view = await invocation.client().get<ScrubView>('/api/scrub');
  invocation.tell(view, () => describeScrubs(view));
}

/** A table by vnode, and below it the sum. */
export function describeScrubs(view: ScrubView): string {
  const rows = [
    ['Partition', 'Node', 'Entries', 'Checked', 'Damaged', 'Healed', 'Last scrub'],
    ...view.vnodes.map(rowOf),
  ];
  const widths = (rows[0] as string[]).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] as number))
      .join('  ')
      .trimEnd(),
  );
  const sum = (of: (vnode: ScrubbedVnode) => number): number =>
    view.vnodes.reduce((total, vnode) => total + of(vnode), 0);
  const damaged = sum((vnode) => vnode.damaged);
  const found =
    damaged === 0 ? 'Nothing damaged is known.' : `Damaged, and waiting for another replica's: ${damaged}.`;
  const healed = sum((vnode) => vnode.healed);
  return [...table, '', `${found} ${healed} healed since the nodes started.`, ...failures(view)].join('\n');
}

function rowOf(vnode: ScrubbedVnode): string[] {
  const { partition, node, entries, checked, damaged, healed, running, endedAgoMs } = vnode;
  const last = running ? 'runs' : endedAgoMs === undefined ? 'not yet' : `${describeTime(endedAgoMs)} ago`;
  return [partition, node, entries, checked, damaged, healed, last].map(String);
}

function failures({ failed }: ScrubView): string[] {
  return failed.map(({ node, reason }) => `Not at '${node}': ${reason}`);
}
