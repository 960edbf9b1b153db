/**
 * What a play is judged by, once it is over and all is quiet.
 *
 *     settled        every acknowledged write is there, or something later is; nothing is there that nobody did. Registers, counters and sets
 *                    by settled.ts; other models by a search for an order of all that was done which ends in what was read
 *     linearizable   one client after the other could have been told the same, reads amid faults too: what a vnode without
 *                    a majority for each of its answers does not keep
 */
import { checkLinearizable, describeLinearizability, isLinearizable } from '../check/linearizable.ts';
import type { Model } from '../check/model.ts';
import { checkSettled, describeSettled, isSettled, SETTLED_MODELS } from '../check/settled.ts';
import type { Operation, Operations } from '../history/operation.ts';

/** What a service is held to. */
export type Promised = 'settled' | 'linearizable';

/** A model of whatever state. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyModel = Model<any>;

export function judge(all: Operations, model: AnyModel, promised: Promised): string[] {
  const history = { ...all, operations: all.operations.filter(({ kind }) => model.kinds.includes(kind)) };
  if (promised === 'settled' && SETTLED_MODELS.includes(model)) {
    const verdict = checkSettled(history);
    return isSettled(verdict) ? [] : [describeSettled(verdict)];
  }
  const operations = promised === 'settled' ? onceQuiet(history, model) : history.operations;
  const verdict = checkLinearizable({ operations }, { models: [model] });
  return isLinearizable(verdict) ? [] : [describeLinearizability(verdict)];
}

/** What was done, without what was answered before all was quiet; and what was read then. */
function onceQuiet({ operations, quiet }: Operations, model: AnyModel): Operation[] {
  const from = Math.min(...quiet.map((time) => time.from));
  return operations.flatMap((operation) => {
    if (operation.begin >= from) return [operation];
    if (model.isRead(operation)) return [];
    const { output: _, ...told } = operation;
    return [told];
  });
}
