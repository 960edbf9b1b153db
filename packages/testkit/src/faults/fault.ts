/**
 * A fault as data: what breaks, when, and when it is whole again.
 *
 * A schedule of faults is a plain list, so it can be printed, put into a test case, replayed and shrunk.
 */
import type { StableName } from '@rkv/core';
import type { Lossiness } from '../network/link.ts';

/** Nodes on either side. */
export type Sides = readonly [readonly string[], readonly string[]];

/** What may befall one node, with nothing more to say about it. */
export type NodeFaultKind =
  /** The process is killed, and started again. */
  | 'crash'
  /** The machine loses what it had not flushed, and its process is started again. */
  | 'powerCut'
  | 'pause'
  | 'fullDisk'
  | 'failingDisk'
  /** One write in three fails, and the next may succeed. */
  | 'flakyDisk'
  /** The machine goes dark and comes back with an empty store beside the documents it had. */
  | 'lostStore'
  /** The machine goes dark and comes back with an empty disk: whoever starts there is somebody new. */
  | 'lostDisk'
  /** The process is killed, and its machine comes back with the clock showing what it showed at the start before. */
  | 'clockRewind';

/** Whoever tells faults apart takes those with more to say first, and the compiler sees that only these are left. */
export type NodeBreakage = { readonly kind: NodeFaultKind; readonly node: string };

/** What breaks. */
export type Breakage =
  | NodeBreakage
  /** Nothing passes between the sides. */
  | { readonly kind: 'cut'; readonly sides: Sides }
  /** The same, and somebody has the first side go on without the second, if he can (`Breakable.goOnWithout`). */
  | { readonly kind: 'forcedCut'; readonly sides: Sides }
  /** Nothing passes from the first side to the second. */
  | { readonly kind: 'cutOneWay'; readonly sides: Sides }
  /** Every connection between the sides is reset, once. */
  | { readonly kind: 'reset'; readonly sides: Sides }
  /** Every packet takes this long, and up to the jitter longer: lanes and connections overtake each other. */
  | { readonly kind: 'slowLink'; readonly sides: Sides; readonly delayMs: number; readonly jitterMs: number }
  | { readonly kind: 'lossyLink'; readonly sides: Sides; readonly lossy: Lossiness }
  /** The process is killed when it next begins to save this document, and started again. */
  | { readonly kind: 'crashSaving'; readonly node: string; readonly document: StableName }
  | { readonly kind: 'slowDisk'; readonly node: string; readonly factor: number }
  | { readonly kind: 'clockJump'; readonly node: string; readonly byMs: number }
  | { readonly kind: 'clockDrift'; readonly node: string; readonly rate: number };

/** What breaks, by name. */
export type FaultKind = Breakage['kind'];

/** From `at` to `until`, virtual milliseconds. */
export type Fault = { readonly at: number; readonly until: number } & Breakage;

/** A line per fault, in order of time. */
export function describeFaults(schedule: readonly Fault[]): string {
  return schedule
    .toSorted((a, b) => a.at - b.at)
    .map((fault) => `${fault.at}..${fault.until} ms  ${describeBreakage(fault)}`)
    .join('\n');
}

function describeBreakage(fault: Breakage): string {
  switch (fault.kind) {
    case 'cut':
    case 'forcedCut':
    case 'reset':
      return `${fault.kind} ${describeSides(fault.sides, '|')}`;
    case 'cutOneWay':
      return `${fault.kind} ${describeSides(fault.sides, '>')}`;
    case 'slowLink':
      return `${fault.kind} ${describeSides(fault.sides, '|')} by ${fault.delayMs}..${fault.delayMs + fault.jitterMs} ms`;
    case 'lossyLink': {
      const { drop, duplicate, reorder } = fault.lossy;
      return `${fault.kind} ${describeSides(fault.sides, '|')} drop ${drop} duplicate ${duplicate} reorder ${reorder}`;
    }
    case 'slowDisk':
      return `${fault.kind} ${fault.node} ${fault.factor} times`;
    case 'crashSaving':
      return `${fault.kind} ${fault.node} the ${fault.document}`;
    case 'clockJump':
      return `${fault.kind} ${fault.node} by ${fault.byMs} ms`;
    case 'clockDrift':
      return `${fault.kind} ${fault.node} at rate ${fault.rate}`;
    default:
      return describeOfNode(fault);
  }
}

function describeOfNode({ kind, node }: NodeBreakage): string {
  return `${kind} ${node}`;
}

function describeSides([a, b]: Sides, between: string): string {
  return `${a.join(' ')} ${between} ${b.join(' ')}`;
}
