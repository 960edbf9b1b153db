/**
 * The command `rkv-history FILE`: judge a history that was kept in a file (history-file.ts).
 *
 *     rkv-history FILE                   is what an eventual store promises true of it?
 *     rkv-history FILE --linearizable    is it linearizable, key by key?
 *     rkv-history FILE --key K           all that was done to one key, drawn, and this key judged alone
 *     rkv-history FILE --places N        remember more places of a search before it is given up
 *
 * Exit 0: nothing is wrong. 1: something is. 2: it was not found out, or there is nothing to judge.
 */
import { parseArgs } from 'node:util';
import {
  checkLinearizable,
  describeLinearizability,
  isLinearizable,
  type LinearizableInit,
} from '../check/linearizable.ts';
import { checkSettled, describeSettled, isSettled } from '../check/settled.ts';
import { drawTimeLines } from '../check/time-lines.ts';
import { readHistory } from '../history/history-file.ts';
import type { Operations } from '../history/operation.ts';

const USAGE = 'rkv-history FILE [--linearizable] [--key K] [--places N]';

export function checkCommand(args: readonly string[], print: (text: string) => void): 0 | 1 | 2 {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        linearizable: { type: 'boolean', default: false },
        key: { type: 'string' },
        places: { type: 'string' },
      },
    });
    const [path] = positionals;
    if (path === undefined || positionals.length > 1) throw new Error(USAGE);
    const history = ofKey(readHistory(path), values.key);
    if (history.operations.length === 0) throw new Error('there are no operations');
    if (values.key !== undefined) print(drawTimeLines(history.operations));
    return values.linearizable
      ? judgeOrder(history, placesOf(values.places), print)
      : judgeRest(history, print);
  } catch (error) {
    print((error as Error).message);
    return 2;
  }
}

function ofKey(history: Operations, key: string | undefined): Operations {
  if (key === undefined) return history;
  const [operations, copies] = [history.operations, history.copies];
  const isOfKey = (thing: { readonly key: string }): boolean => thing.key === key;
  return { ...history, operations: operations.filter(isOfKey), copies: copies.filter(isOfKey) };
}

function placesOf(text: string | undefined): LinearizableInit {
  if (text === undefined) return {};
  const placesMax = Number(text);
  if (!Number.isSafeInteger(placesMax) || placesMax < 1) throw new Error(`--places ${text} is no number`);
  return { placesMax };
}

function judgeOrder(history: Operations, init: LinearizableInit, print: (text: string) => void): 0 | 1 | 2 {
  const verdict = checkLinearizable(history, init);
  print(describeLinearizability(verdict));
  if (verdict.impossible.length > 0) return 1;
  return isLinearizable(verdict) ? 0 : 2;
}

function judgeRest(history: Operations, print: (text: string) => void): 0 | 1 {
  const verdict = checkSettled(history);
  print(describeSettled(verdict));
  return isSettled(verdict) ? 0 : 1;
}
