/**
 * Real nodes in network namespaces, and a network that is cut, deaf on one side or lossy under load: while it lasts the
 * others serve, afterwards all are one cluster again, no hint is left, and nothing that was acknowledged is lost. Strict keys are
 * linearizable all along.
 */
import { expect, it } from 'vitest';
import { Network, whyNoNetwork } from './network.ts';
import { atRest, copiesAgree, othersServe, served } from './story/claims.ts';
import { describeVerdict, isRight } from './story/judge.ts';
import { cutOff, losing } from './story/network-faults.ts';
import { play } from './story/play.ts';
import { during, join, killed, quiet, suffers, type Step } from './story/steps.ts';

const lacks = whyNoNetwork();
if (lacks !== undefined) console.log(`skipped: ${lacks}`);

const story = (network: Network): readonly Step[] => [
  quiet(2, served(1), atRest, copiesAgree),
  suffers('n2', cutOff(network, 'both', 10), othersServe('n2', 0.9), atRest),
  suffers('n3', cutOff(network, 'in', 10), othersServe('n3', 0.9), atRest),
  suffers('n1', cutOff(network, 'out', 10), othersServe('n1', 0.9), atRest),
  // Those who ask n2 itself may find its connections waiting for TCP all the while. And a connection answers in order: the
  // few requests elsewhere that wait for n2 hold up all that come after them.
  suffers('n2', losing(network, 20, 10), othersServe('n2', 0.6), served(0.6), atRest),
  during(join('n4'), 'receiver', cutOff(network, 'both', 10), atRest),
  suffers('n3', killed, atRest),
];

it.skipIf(lacks !== undefined)(
  'cuts, one-way cuts and loss: heals by itself, and no acknowledged write is lost',
  async () => {
    const network = new Network();
    try {
      const steps = story(network);
      const verdict = await play(
        {
          seed: 2,
          keys: 10_000,
          members: ['n1', 'n2', 'n3'],
          nodes: { flags: network.flags, placeOf: (name) => network.placeOf(name) },
          next: (_stage, number) => steps[number],
        },
        (line) => process.stdout.write(`${line}\n`),
      );
      expect(isRight(verdict), describeVerdict(verdict)).toBe(true);
      expect(verdict.strict.operations).toBeGreaterThan(1_000);
    } finally {
      await network.end();
    }
  },
  5 * 60_000,
);
