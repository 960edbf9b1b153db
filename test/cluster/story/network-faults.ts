/** What goes wrong between nodes that all run on. Whoever is cut off can still be asked by clients, and cannot tell for the cluster. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Network, Way } from '../network.ts';
import type { Fault } from './steps.ts';

const TITLES: Readonly<Record<Way, string>> = { both: 'cut off', in: 'deaf', out: 'mute' };

export function cutOff(network: Network, way: Way, seconds: number): Fault {
  return between(network, `${TITLES[way]} for ${seconds} s`, seconds, (name) => network.cut(name, way));
}

export function losing(network: Network, percent: number, seconds: number): Fault {
  const title = `behind a wire that loses ${percent} % for ${seconds} s`;
  return between(network, title, seconds, (name) => network.lose(name, percent));
}

function between(network: Network, title: string, seconds: number, begin: (name: string) => void): Fault {
  return {
    title,
    async strike(stage, { name }) {
      begin(name);
      stage.cutOff.add(name);
    },
    async heal(stage, { name }) {
      await pause(seconds * 1000);
      network.heal(name);
      stage.cutOff.delete(name);
    },
  };
}
