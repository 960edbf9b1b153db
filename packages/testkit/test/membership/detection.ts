/** How soon three nodes on a simulated network notice what befalls one of them, and what they take for it wrongly. */
import type { NodeId, PresetName } from '@rkv/core';
import type { LinkProperties } from '@rkv/testkit';
import { MemberCluster } from './member-cluster.ts';

const NAMES = ['n1', 'n2', 'n3'] as const;

export const MISHAPS = ['kill', 'power', 'cut', 'one way, deaf', 'one way, mute', 'stopped 20 s'] as const;
export type Mishap = (typeof MISHAPS)[number];

/** What a network is like while it is well. */
export const NETWORKS: Readonly<Record<PresetName, Partial<LinkProperties>>> = {
  local: {},
  lan: { delayMs: 0.5, jitterMs: 2 },
  wan: { delayMs: 100, jitterMs: 100 },
};

export interface Detection {
  /** Until n1 takes n3 for down, and the other way, ms; undefined: it never did. */
  readonly there: number | undefined;
  readonly back: number | undefined;
  /** Until all take all for up again once it is over, ms. */
  readonly again: number;
}

export class Stage {
  readonly names = NAMES;
  readonly cluster: MemberCluster;
  readonly #ids: Readonly<Record<string, NodeId>>;

  constructor(preset: PresetName, seed: number, link: Partial<LinkProperties> = NETWORKS[preset]) {
    this.cluster = new MemberCluster({ seed, preset });
    const [first, ...others] = NAMES;
    this.cluster.machines.network.setLinks(NAMES, NAMES, link);
    this.cluster.form(first, ...others);
    this.#ids = Object.fromEntries(NAMES.map((name) => [name, this.cluster.node(name).id]));
  }

  sees(a: string, b: string): boolean {
    return this.cluster.node(a).isUp(this.#ids[b] as NodeId);
  }

  allUp(): boolean {
    return NAMES.every((a) => NAMES.every((b) => this.sees(a, b)));
  }

  /** Something befalls n3, for 30 s. The other two stay in sight of each other. */
  detect(mishap: Mishap): Detection {
    const { world, machines } = this.cluster;
    world.runFor(60_000 + world.prng('moment').below(1_000));
    const lasts = mishap === 'stopped 20 s' ? 20_000 : 30_000;
    const at = world.now();
    const heal = this.#strike(mishap);
    let there: number | undefined;
    let back: number | undefined;
    while (world.now() < at + lasts) {
      world.runFor(10);
      if (!this.sees('n1', 'n3')) there ??= world.now() - at;
      if (machines.node('n3') !== undefined && !this.sees('n3', 'n1')) back ??= world.now() - at;
    }
    const healedAt = world.now();
    heal();
    // What it was told while it stood still is read now: nobody may be called down for that.
    if (mishap === 'stopped 20 s') {
      world.runFor(0);
      if (!this.sees('n3', 'n1')) back = world.now() - at;
    }
    this.cluster.until('all are up again', () => this.allUp());
    return { there, back, again: world.now() - healedAt };
  }

  /** How often somebody was taken for down who was not, in this much time. */
  countFalse(ms: number): number {
    const { world } = this.cluster;
    let count = 0;
    const up = new Map<string, boolean>();
    for (const end = world.now() + ms; world.now() < end;) {
      world.runFor(50);
      for (const a of NAMES) {
        for (const b of NAMES) {
          const sees = this.sees(a, b);
          if (!sees && up.get(a + b) !== false) count++;
          up.set(a + b, sees);
        }
      }
    }
    return count;
  }

  #strike(mishap: Mishap): () => void {
    const { machines } = this.cluster;
    const { network } = machines;
    const others = ['n1', 'n2'];
    switch (mishap) {
      case 'kill':
        machines.crash('n3');
        return () => machines.restart('n3');
      case 'power':
        machines.powerCut('n3');
        return () => machines.restart('n3');
      case 'cut':
        network.cut(others, ['n3']);
        return () => network.heal(others, ['n3']);
      case 'one way, deaf':
        network.cutOneWay(others, ['n3']);
        return () => network.healOneWay(others, ['n3']);
      case 'one way, mute':
        network.cutOneWay(['n3'], others);
        return () => network.healOneWay(['n3'], others);
      case 'stopped 20 s':
        machines.pause('n3');
        return () => machines.resume('n3');
    }
  }
}
