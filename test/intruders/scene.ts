/**
 * The scene: a cluster of three real nodes, another cluster of two with the same secret, and the wires between some of
 * them in an intruder's hands.
 *
 *     n1 <- attacked        n2 -- wire --> n1       n1 -- back wire --> n2        n3: no wire of it is touched
 *     b1, b2: the other cluster                     b1 -- stray wire --> b2
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Hello } from '../../packages/core/src/contracts/transport.ts';
import { joinAll, type Nodes, type TestNode } from '../cluster/nodes.ts';
import { helloIn } from './member.ts';
import { saidByDialer, Wire, type Passage, type SaidByDialer } from './wire.ts';

const DETOUR = new URL('detour.mjs', import.meta.url).href;
const LANES = 3;
const PATIENCE_MS = 20_000;
/** How long a node is left to dial into a wire that leads elsewhere. */
export const MISLED_MS = 2_500;

export interface Scene {
  readonly nodes: Nodes;
  readonly secret: string;
  readonly n1: TestNode;
  readonly n2: TestNode;
  readonly n3: TestNode;
  readonly b1: TestNode;
  /** What n2 says to n1. */
  readonly wire: Wire;
  /** What n1 says to n2. */
  readonly backWire: Wire;
  /** What b1 says to b2. */
  readonly strayWire: Wire;
  /** Of n2's handshakes with n1. */
  readonly recorded: readonly SaidByDialer[];
  /** n2, as it introduced itself: as good as a copy of its papers. */
  readonly hello: Hello;
}

export async function setScene(nodes: Nodes): Promise<Scene> {
  const secret = randomBytes(24).toString('base64');
  const flags = ['--secret-file', secretFile(nodes, 'secret', secret)];
  const names = ['n1', 'n2', 'n3', 'b1', 'b2'] as const;
  const all: TestNode[] = [];
  for (const name of names) all.push(await nodes.create(name, { flags }));
  const [n1, n2, n3, b1, b2] = all as [TestNode, TestNode, TestNode, TestNode, TestNode];
  const wires = [await detour(n2, n1), await detour(n1, n2), await detour(b1, b2)];
  const [wire, backWire, strayWire] = wires as [Wire, Wire, Wire];
  await Promise.all(all.map((node) => node.start()));
  await Promise.all([joinAll([n1, n2, n3]), joinAll([b1, b2])]);
  await wireStands(wire);
  const recorded = wire.passages.map(saidByDialer).filter((said) => said !== undefined);
  const hello = helloIn((recorded.at(-1) as SaidByDialer).hello);
  return { nodes, secret, n1, n2, n3, b1, wire, backWire, strayWire, recorded, hello };
}

export function secretFile(nodes: Nodes, name: string, secret: string): string {
  const path = join(nodes.folder, name);
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return path;
}

async function detour(from: TestNode, to: TestNode): Promise<Wire> {
  const wire = await Wire.open({ port: to.ports.cluster });
  from.nodeFlags = ['--import', `${DETOUR}?${to.ports.cluster}=${wire.port}`];
  return wire;
}

/** The passages of a link that is up: past the handshake, one per lane. */
export function standing(wire: Wire): Passage[] {
  return wire.passages.filter((passage) => passage.isOpen && saidByDialer(passage) !== undefined);
}

export async function wireStands(wire: Wire): Promise<void> {
  await until('a wire is in use again', () => standing(wire).length === LANES);
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(20);
  }
}

/** What an attack must not change: who is in which ring. */
export async function ringOf(node: TestNode): Promise<string> {
  const { members, epoch, clusterId } = (await (await fetch(`${node.url}/api/status`)).json()) as {
    members: { name: string; id: string; status: string }[];
    epoch: number;
    clusterId: string;
  };
  const names = members.map(({ name, id, status }) => `${name} ${id} ${status}`);
  return `cluster ${clusterId}, epoch ${epoch}, members ${names.join(', ')}`;
}
