/**
 * A cluster of real nodes under load: what an operator does to it and what befalls it, one after the other, and in the end
 * everything that was acknowledged is at every node; what clients of strict keys were told is linearizable. The longer story, drawn by a seed: `npm run cluster`.
 */
import { expect, it } from 'vitest';
import { atRest, copiesAgree, othersServe, served } from './story/claims.ts';
import { describeVerdict, isRight } from './story/judge.ts';
import { play } from './story/play.ts';
import {
  during,
  forget,
  join,
  killed,
  leave,
  quiet,
  replace,
  resize,
  restartOfAll,
  rollingRestart,
  stopped,
  suffers,
  whole,
  type Step,
} from './story/steps.ts';

const STORY: readonly Step[] = [
  quiet(3, served(1), atRest, copiesAgree),
  whole(join('n4'), served(0.999), atRest, copiesAgree),
  during(leave('n4'), 'sender', killed, atRest),
  during(join('n4'), 'receiver', killed, atRest),
  during(join('n5'), 'claimant', killed, atRest),
  suffers('n2', stopped(20), othersServe('n2', 0.95), atRest),
  whole(leave('n5'), othersServe('n5', 0.999), served(0.99), atRest, copiesAgree),
  rollingRestart(served(0.97), atRest),
  restartOfAll(atRest),
  during(replace('n4', 'n5'), 'receiver', killed, atRest),
  whole(resize(64), served(0.999), atRest, copiesAgree),
  during(resize(16), 'sender', killed, atRest),
  whole(forget('n2', 'n6'), atRest),
  whole(forget('n6'), atRest),
];

const STRICT_KINDS = [
  ...['read', 'write', 'delete', 'writeIfAbsent', 'compareAndSet'],
  ...['increment', 'total', 'append', 'text'],
];

it(
  'nothing acknowledged is lost, nothing deleted comes back, nothing is told that nobody wrote',
  async () => {
    const verdict = await play(
      { seed: 1, keys: 10_000, members: ['n1', 'n2', 'n3'], next: (_stage, number) => STORY[number] },
      (line) => process.stdout.write(`${line}\n`),
    );
    expect(isRight(verdict), describeVerdict(verdict)).toBe(true);
    expect(verdict.eventual.acknowledged).toBeGreaterThan(20_000);
    for (const kind of STRICT_KINDS) expect(verdict.strictDone[kind], kind).toBeGreaterThan(20);
  },
  10 * 60_000,
);
