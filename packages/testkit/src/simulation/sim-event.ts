/**
 * What befalls a simulated ring, as data: faults, and the joins and leaves that an operator asks for meanwhile.
 *
 * A play is a list of them, so it can be printed, kept in a test, played again and shrunk.
 */
import type { Prng } from '@rkv/core';
import { drawFaults, FAULT_KINDS } from '../faults/draw-faults.ts';
import { describeFaults, type Fault, type FaultKind } from '../faults/fault.ts';
import { parseFaults } from '../faults/parse-faults.ts';

/** A node is started and let in, or sent away. Carried out as soon as it can be. */
export interface MemberChange {
  readonly at: number;
  readonly kind: 'join' | 'leave';
  readonly node: string;
}

/** What befalls a ring in a play. */
export type SimEvent = Fault | MemberChange;

export interface DrawInit {
  /** In the ring from the start. */
  readonly nodes: readonly string[];
  /** Not started yet. */
  readonly spares: readonly string[];
  readonly kinds?: readonly FaultKind[] | undefined;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly gapMs?: number | undefined;
  /** The fewest that are left when some leave. */
  readonly membersMin: number;
}

const CHANGE_SHARE = 0.7;

export function drawEvents(faultDice: Prng, changeDice: Prng, init: DrawInit): SimEvent[] {
  const { nodes, spares, fromMs, untilMs, kinds = FAULT_KINDS, gapMs } = init;
  const faults = drawFaults(faultDice, {
    nodes: [...nodes, ...spares],
    ...{ fromMs, untilMs, kinds },
    ...(gapMs !== undefined && { gapMs }),
  });
  return [...faults, ...drawChanges(changeDice, init)].toSorted((a, b) => a.at - b.at);
}

function drawChanges(dice: Prng, { nodes, spares, fromMs, untilMs, membersMin }: DrawInit): MemberChange[] {
  const at = (): number => dice.between(fromMs, Math.floor((fromMs + untilMs) / 2));
  const changes: MemberChange[] = [];
  for (const node of spares) if (dice.chance(CHANGE_SHARE)) changes.push({ at: at(), kind: 'join', node });
  // Who joins may come late: those who leave must be spared without.
  for (const node of dice.shuffled(nodes).slice(0, Math.max(0, nodes.length - membersMin)))
    if (dice.chance(CHANGE_SHARE)) changes.push({ at: at(), kind: 'leave', node });
  return changes;
}

export function isChange(event: SimEvent): event is MemberChange {
  return event.kind === 'join' || event.kind === 'leave';
}

/** A line each, in order of time. */
export function describeEvents(events: readonly SimEvent[]): string {
  return events
    .toSorted((a, b) => a.at - b.at)
    .map((event) =>
      isChange(event) ? `${event.at} ms  ${event.kind} ${event.node}` : describeFaults([event]),
    )
    .join('\n');
}

const CHANGE_LINE = /^\s*(\d+(?:\.\d+)?)\s+ms\s+(join|leave)\s+(\S+)\s*$/;

/** What `describeEvents` prints. Throws an error that names the line and what is wrong with it. */
export function parseEvents(text: string, nodes: readonly string[]): SimEvent[] {
  const changes: MemberChange[] = [];
  const lines = text.split('\n').map((line) => {
    const [, at, kind, node] = CHANGE_LINE.exec(line) ?? [];
    if (node === undefined) return line;
    changes.push({ at: Number(at), kind: kind as MemberChange['kind'], node });
    return '';
  });
  return [...parseFaults(lines.join('\n'), nodes), ...changes].toSorted((a, b) => a.at - b.at);
}
