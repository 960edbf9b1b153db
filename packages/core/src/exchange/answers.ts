/**
 * Answers what other nodes ask about the copies of this one. It remembers nothing between two questions, so whoever asks
 * may stop at any time, and be asked itself meanwhile.
 *
 * Every answer is about one page; what is asked beyond that is not given.
 */
import type { HashRange } from '../contracts/store.ts';
import type { ItemTrees } from '../contracts/vnode.ts';
import { partitionOf, ringBits } from '../ring/hash-space.ts';
import { rangeOf } from '../ring/ranges.ts';
import { ITEMS_BYTES, POSITIONS_MAX, STATES_MAX } from './comparison.ts';
import { leafWidth } from './leaves.ts';
import type { Answer, Question, RootName } from './exchange-wire.ts';
import { mergeAll } from './merge-all.ts';
import type { ComparableVnode, ExchangePort } from './port.ts';
import { sharedItems } from './shared-items.ts';

/** Roots in one question: those of a node that shares a large ring with one other. */
export const ROOTS_MAX = 1_024;
const PARTS_MAX = 1_024;

/** The vnode that may be compared, or why it is not. It is the later one of the two, for the earlier one asks. */
function copyOf(
  port: ExchangePort,
  service: string,
  { partition, range }: RootName,
): { readonly vnode: ComparableVnode; readonly trees: ItemTrees } | { readonly refused: string } {
  const me = port.nameOf(port.self);
  if (port.document.owners[partition] !== port.self)
    return { refused: `${me} does not own partition ${partition}` };
  const vnode = port.find(service, partition);
  if (vnode?.trees === undefined) return { refused: `${me} cannot compare what ${service} holds` };
  if (!vnode.comparable)
    return { refused: `${me} is still bringing partition ${partition} together from the other copies` };
  return { vnode, trees: sharedItems(vnode.trees, port.document, { range, later: partition }) };
}

/** `epoch`: the ring that it is asked under. */
export function answerTo(
  port: ExchangePort,
  service: string,
  epoch: number,
  question: Question,
  done: (answer: Answer) => void,
): void {
  const { document } = port;
  if (epoch !== document.epoch)
    return done(refused(`${port.nameOf(port.self)} has the ring of epoch ${document.epoch}, not ${epoch}`));
  if (question.kind === 'roots') return done({ kind: 'roots', sums: rootsOf(port, service, question.roots) });
  const { partition } = question;
  // What is said at a position, or given, is not of a range.
  const range =
    'within' in question ? partitionOf(question.within.start, ringBits(document.ringSize)) : partition;
  const copy = copyOf(port, service, { partition, range });
  if ('refused' in copy) return done(refused(copy.refused));
  const { vnode, trees } = copy;
  switch (question.kind) {
    case 'sums': {
      const { within, parts } = question;
      if (!isCut(within, parts, ringBits(document.ringSize)))
        return done(refused('the two cut their ranges differently'));
      return done({ kind: 'sums', sums: trees.sums(within, parts) });
    }
    case 'states': {
      const { within, after, limit } = question;
      return done({ kind: 'states', ...trees.states(within, after, Math.min(limit, STATES_MAX)) });
    }
    case 'items':
      return done({ kind: 'items', ...itemsAt(trees, question.positions) });
    case 'give':
      return mergeAll(vnode, question.items, question.asOf, (changed, failed) =>
        done({ kind: 'given', changed, failed }),
      );
  }
}

function rootsOf(
  port: ExchangePort,
  service: string,
  roots: Extract<Question, { kind: 'roots' }>['roots'],
): (Uint32Array | undefined)[] {
  const { ringSize } = port.document;
  return roots.slice(0, ROOTS_MAX).map(({ partition, range }) => {
    const copy = range < ringSize ? copyOf(port, service, { partition, range }) : { refused: '' };
    return 'refused' in copy ? undefined : copy.trees.sums(rangeOf(range, ringBits(ringSize)), 1);
  });
}

function itemsAt(
  trees: ItemTrees,
  positions: Uint32Array,
): { readonly answered: number; readonly items: Uint8Array[] } {
  const items: Uint8Array[] = [];
  let bytes = 0;
  let at = 0;
  for (; at + 1 < Math.min(positions.length, 2 * POSITIONS_MAX) && bytes < ITEMS_BYTES; at += 2) {
    for (const item of trees.itemsAt(positions[at] as number, positions[at + 1] as number)) {
      items.push(item);
      bytes += item.length;
    }
  }
  return { answered: at / 2, items };
}

/** Whole leaves, all in the range of one partition. */
function isCut({ start, end }: HashRange, parts: number, bits: number): boolean {
  const width = end - start;
  const leaf = leafWidth(bits);
  const isPower = Number.isInteger(Math.log2(width)) && Number.isInteger(Math.log2(parts));
  return (
    isPower && width <= 2 ** (32 - bits) && start % width === 0 && parts <= PARTS_MAX && width / parts >= leaf
  );
}

function refused(reason: string): Answer {
  return { kind: 'refused', reason };
}
