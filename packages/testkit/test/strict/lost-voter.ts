/**
 * Faults by which a majority could forget what it has accepted: one node misses what is written, another loses its store, and at
 * that moment whoever else has it is cut off.
 *
 * The vote of the one that came back with nothing must not count until it has merged what the others have.
 */
import type { Fault } from '@rkv/testkit';
import type { Scene } from './strict-play.ts';

export function drawLostVoter({ dice, founders, fromMs }: Scene): Fault[] {
  const [missing, voter, ...others] = dice.shuffled(founders) as [string, string, ...string[]];
  const at = fromMs + dice.between(2_000, 5_000);
  const rest = [voter, ...others];
  return [
    { at: fromMs + dice.between(100, 1_000), until: at + 50, kind: 'cut', sides: [[missing], rest] },
    { at, until: at + dice.between(100, 1_000), kind: 'lostStore', node: voter },
    { at, until: at + dice.between(5_000, 10_000), kind: 'cut', sides: [others, [missing, voter]] },
  ];
}
