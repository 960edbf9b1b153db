/**
 * A node of the ring in this process: the framework's `Node`, and the real world that is given to it.
 *
 * The records that a node must never forget (its identity, the ring, what it has promised) are files in its data
 * directory, which it locks. The store given here is in memory: vnodes that keep their items in it, or in a map, begin
 * empty after a restart and are refilled by the other copies. For a store on disk take `lmdbStore({ path })` of @rkv/store; a vnode of one's own keeps its items in
 * `context.store` then, a keyed service does so by itself.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  FileStableStore,
  Node,
  openDataDirectory,
  parseAddress,
  SystemHost,
  TcpTransport,
  type Host,
  type HostPort,
  type Logger,
  type NodeInit,
} from '@rkv/core';
import { loadIdentity, memoryStore } from '@rkv/store';
import type { Settings } from './settings.ts';

export interface RunningNode {
  readonly node: Node;
  readonly host: Host;
  /** It is in its ring no more: it has left with nothing in hand, or was taken out and still holds something. */
  readonly removed: Promise<'left' | 'stranded'>;
  /** Others route round it, and what is under way is finished; five seconds at most. */
  drain(): Promise<void>;
  /** After that nothing of it is open. Who has left in good order forgets who it was. */
  close(how: { readonly forget: boolean }): Promise<void>;
}

/** Proven by the nodes to each other. Without one, nodes listen to this machine only. */
const SECRET = process.env['CLUSTER_SECRET'];

export async function startNode(settings: Settings, modules: NodeInit['modules']): Promise<RunningNode> {
  const directory = openDataDirectory(settings.dataDir);
  const records = join(directory.path, 'node');
  let transport: TcpTransport | undefined;
  try {
    const host = new SystemHost();
    const listen = addressOf(settings.cluster);
    transport = new TcpTransport({ listen, host, logger, ...(SECRET ? { secret: SECRET } : {}) });
    const { port } = await transport.listen();
    const stable = new FileStableStore({ directory: records, logger });
    let ready: () => void = () => {};
    const becameReady = new Promise<void>((resolve) => (ready = resolve));
    let leave: (why: 'left' | 'stranded') => void = () => {};
    const removed = new Promise<'left' | 'stranded'>((resolve) => (leave = resolve));
    const node = new Node({
      id: await loadIdentity(stable, host),
      name: settings.name,
      address: `${listen.host}:${port}`,
      location: '',
      birth: { ringSize: settings.ringSize, n: settings.n, level: 'eventual' },
      host,
      transport,
      store: memoryStore(),
      stable,
      logger,
      durability: 'process',
      // By another one at each start nothing is presumed of a disk after a crash.
      bootId: randomUUID(),
      modules,
      onReady: () => ready(),
      onRemoved: (why) => leave(why),
    });
    node.start();
    await becameReady;
    return {
      node,
      host,
      removed,
      drain: () => new Promise((resolve) => node.drain(resolve)),
      async close({ forget }) {
        await new Promise<void>((resolve) => node.stop(resolve));
        if (forget) rmSync(records, { recursive: true, force: true });
        directory.release();
      },
    };
  } catch (error) {
    transport?.stop();
    directory.release();
    throw error;
  }
}

export function addressOf(text: string): HostPort {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`an address looks like 127.0.0.1:8099, not "${text}"`);
  return address;
}

export const logger: Logger = {
  debug() {},
  info: (fields, message) => say('info', fields, message),
  warn: (fields, message) => say('warn', fields, message),
  error: (fields, message) => say('error', fields, message),
};

function say(level: string, fields: object, message: string): void {
  console.error(`${level}: ${message} ${JSON.stringify(fields)}`);
}
