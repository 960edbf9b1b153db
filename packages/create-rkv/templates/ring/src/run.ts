/** One node in this process, from its settings to its end: it is asked to end, or it is in its ring no more. */
import type { Host, Node, NodeInit } from '@rkv/core';
import { openDoor, type Routes } from './door.ts';
import { startNode } from './node.ts';
import { readSettings } from './settings.ts';

export async function run(
  name: string,
  modules: NodeInit['modules'],
  routes: (node: Node, host: Host) => Routes,
): Promise<void> {
  const asked = askedToEnd();
  const settings = readSettings(name);
  const running = await startNode(settings, modules).catch(giveUp);
  const { node, host } = running;
  try {
    const door = await openDoor(settings.http, node, routes(node, host));
    console.log(`${name} is up: cluster ${settings.cluster}, http://${settings.http}`);
    const ending = await Promise.race([asked, running.removed]);
    await Promise.all([door.close(), running.drain()]);
    await running.close({ forget: ending === 'left' });
    console.log(`${name} has ${ending === 'left' ? 'left its ring' : 'ended'}`);
    if (ending === 'stranded') {
      throw new Error(`${name} is in no ring any more and still held something; its data directory is kept`);
    }
  } catch (error) {
    await running.close({ forget: false });
    giveUp(error);
  }
}

/** What goes wrong in the world, as a port that is taken, has a code, and a sentence that says enough. What has none is a bug. */
function giveUp(error: unknown): never {
  if (!(error instanceof Error && 'code' in error)) throw error;
  console.error(error.message);
  process.exit(1);
}

/** npm passes on a Ctrl-C that the terminal has sent already, so a second signal is no reason to hurry. */
function askedToEnd(): Promise<'asked'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve('asked'));
  });
}
