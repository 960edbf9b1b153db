/** `rkv doctor`: what is wrong with the cluster, or will be, and what to do about it. */
import { describeCount } from '@rkv/core';
import type { Command } from 'commander';
import type { DoctorView, Finding } from '../admin/api.ts';
import { Invocation } from './invocation.ts';
import { Refusal, type Terminal } from './terminal.ts';

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .summary('what is wrong with the cluster, and what to do about it; exit code 1 when something is')
    .action((_flags, command: Command) => examine(new Invocation(command, terminal)));
}

async function examine(invocation: Invocation): Promise<void> {
  const view = await invocation.client().get<DoctorView & { node: string }>('/api/doctor');
  invocation.tell(view, () => describeFindings(view));
  const wrong = view.findings.filter(({ severity }) => severity === 'wrong').length;
  if (wrong > 0)
    throw new Refusal('unwell', `${describeCount(wrong, 'thing')} ${wrong === 1 ? 'is' : 'are'} wrong`);
}

/** A paragraph for each finding. */
export function describeFindings({ node, findings }: DoctorView & { readonly node: string }): string {
  if (findings.length === 0) return `As ${node} sees it, nothing is wrong.`;
  return [`As ${node} sees it:`, ...findings.map(describeFinding)].join('\n\n');
}

function describeFinding({ severity, what, advice }: Finding): string {
  return `${severity === 'wrong' ? 'WRONG' : 'LOOK '}  ${what}\n       ${advice}`;
}
