/**
 * The nemesis: carries a schedule of faults out, and heals every one of them.
 *
 * Faults may overlap. Cuts add up; of others that meet on one node, the first healing heals both. Breaking what
 * is broken already, or healing what is whole, does nothing, so any part of a schedule is a schedule.
 */
import { unreachable } from '@rkv/core';
import type { SimDisk } from '../disk/disk.ts';
import type { SimClock } from '../life/clock.ts';
import type { SimNetwork } from '../network/network.ts';
import type { World } from '../world/world.ts';
import type { Fault } from './fault.ts';

/** What can be broken. `SimCluster` is one. */
export interface Breakable {
  readonly world: World;
  readonly network: SimNetwork;
  crash(node: string): void;
  powerCut(node: string): void;
  /** Start a node that is down. */
  restart(node: string): void;
  pause(node: string): void;
  resume(node: string): void;
  /** Its machine goes dark and stays so until `restart`; by then its store, or all that it had, is gone. */
  loseDisk(node: string, lost: 'store' | 'everything'): void;
  disk(node: string): SimDisk;
  clock(node: string): SimClock;
  /** Have the first of two sides that are cut off from each other go on without the second, as soon as it can. */
  goOnWithout?(few: readonly string[], others: readonly string[]): void;
}

/** Plan every fault of the schedule and its healing. */
export function unleash(target: Breakable, schedule: readonly Fault[]): void {
  const { world } = target;
  for (const fault of schedule) {
    world.schedule(
      Math.max(0, fault.at - world.now()),
      () => inflict(target, fault),
      `nemesis ${fault.kind}`,
    );
    world.schedule(
      Math.max(0, fault.until - world.now()),
      () => heal(target, fault),
      `healing ${fault.kind}`,
    );
  }
}

function inflict(target: Breakable, fault: Fault): void {
  const { network } = target;
  switch (fault.kind) {
    case 'cut':
      return network.cut(...fault.sides);
    case 'forcedCut':
      network.cut(...fault.sides);
      return target.goOnWithout?.(...fault.sides);
    case 'cutOneWay':
      return network.cutOneWay(...fault.sides);
    case 'reset':
      return network.reset(...fault.sides);
    case 'slowLink':
      return network.setLinks(...fault.sides, { delayMs: fault.delayMs, jitterMs: fault.jitterMs });
    case 'lossyLink':
      return network.setLinks(...fault.sides, { lossy: fault.lossy });
    case 'crash':
    case 'clockRewind':
      return target.crash(fault.node);
    case 'crashSaving':
      return target.disk(fault.node).whenSaving(fault.document, () => target.crash(fault.node));
    case 'powerCut':
      return target.powerCut(fault.node);
    case 'pause':
      return target.pause(fault.node);
    case 'slowDisk':
      return target.disk(fault.node).slowDown(fault.factor);
    case 'fullDisk':
      return target.disk(fault.node).fall('full');
    case 'failingDisk':
      return target.disk(fault.node).fall('failing');
    case 'flakyDisk':
      return target.disk(fault.node).fall('flaky');
    case 'lostStore':
      return target.loseDisk(fault.node, 'store');
    case 'lostDisk':
      return target.loseDisk(fault.node, 'everything');
    case 'clockJump':
      return target.clock(fault.node).jump(fault.byMs);
    case 'clockDrift':
      return target.clock(fault.node).drift(fault.rate);
    default:
      return unreachable(fault);
  }
}

function heal(target: Breakable, fault: Fault): void {
  const { network } = target;
  switch (fault.kind) {
    case 'cut':
    case 'forcedCut':
      return network.heal(...fault.sides);
    case 'cutOneWay':
      return network.healOneWay(...fault.sides);
    case 'reset':
      return undefined;
    case 'slowLink':
    case 'lossyLink':
      return network.setLinks(...fault.sides);
    case 'crash':
    case 'powerCut':
    case 'lostStore':
    case 'lostDisk':
      return target.restart(fault.node);
    case 'crashSaving':
      target.disk(fault.node).whenSaving(undefined);
      return target.restart(fault.node);
    case 'clockRewind':
      target.clock(fault.node).rewind();
      return target.restart(fault.node);
    case 'pause':
      return target.resume(fault.node);
    case 'slowDisk':
    case 'fullDisk':
    case 'failingDisk':
    case 'flakyDisk':
      return target.disk(fault.node).heal();
    case 'clockJump':
    case 'clockDrift':
      return target.clock(fault.node).correct();
    default:
      return unreachable(fault);
  }
}
