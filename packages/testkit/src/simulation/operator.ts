/** Who carries out joins and leaves in a simulated ring, and tries again until they are done. */
import type { Prng } from '@rkv/core';
import type { World } from '../world/world.ts';
import type { MemberChange } from './sim-event.ts';
import type { Door, SimRing } from './sim-ring.ts';

const STEP_MS = [300, 900] as const;

export class Operator {
  readonly #world: World;
  readonly #ring: SimRing;
  readonly #dice: Prng;
  #wanted: MemberChange[] = [];

  constructor(world: World, ring: SimRing) {
    this.#world = world;
    this.#ring = ring;
    this.#dice = world.prng('operator');
    world.schedule(STEP_MS[0], this.#step, 'operator');
  }

  want(change: MemberChange): void {
    if (change.kind === 'join') this.#ring.machines.restart(change.node);
    this.#wanted.push(change);
  }

  /** What is not done yet, or undefined. */
  unfinished(): string | undefined {
    const [change] = this.#wanted.filter((one) => !this.#isDone(one));
    return change && `${change.node} has yet to ${change.kind}`;
  }

  readonly #step = (): void => {
    this.#world.schedule(this.#dice.between(...STEP_MS), this.#step, 'operator');
    const doors = this.#ring.doors();
    const document = this.#ring.document;
    if (doors.length === 0 || document === undefined) return;
    this.#wanted = this.#wanted.filter((change) => !this.#isDone(change));
    const door = this.#dice.pick(doors);
    for (const change of this.#wanted) this.#ask(change, door);
    if (document.staged.length > 0 || document.members.some(({ status }) => status === 'joining'))
      this.#carryOut(door);
  };

  #ask({ kind, node: name }: MemberChange, door: Door): void {
    const { machines } = this.#ring;
    if (kind === 'leave') {
      const member = door.node.document.members.find((one) => one.name === name);
      if (member?.status !== 'valid') return;
      return within(door, () => door.node.request({ kind: 'leave', node: member.id }, () => {}));
    }
    const newcomer = machines.node(name);
    if (newcomer?.node.ready !== true || newcomer.node.prospect !== undefined) return;
    within(newcomer, () => newcomer.node.join(machines.addressOf(door.name), () => {}));
  }

  #carryOut(door: Door): void {
    within(door, () =>
      door.node.request({ kind: 'plan' }, (planned) => {
        if (planned.kind === 'planned')
          door.node.request({ kind: 'commit', planId: planned.plan.planId }, () => {});
      }),
    );
  }

  #isDone({ kind, node: name }: MemberChange): boolean {
    if (kind === 'leave') return this.#ring.left.has(name);
    return this.#ring.document?.members.find((one) => one.name === name)?.status === 'valid';
  }
}

/** What is asked of a process that stands still reaches it when that goes on; of one that has died, never. */
function within({ host }: Door, ask: () => void): void {
  host.setTimer(0, ask);
}
