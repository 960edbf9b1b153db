/** One node with a vnode that answers, refuses, fails or waits as it is told, and what it logs of traced commands. */
import { noBounds } from '../../test/no-bounds.ts';
import { describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { ManualStore } from '../../test/manual-store.ts';
import { Reader, Writer } from '../base/bytes.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import { silentLogger, type Logger } from '../contracts/logger.ts';
import type { Transport } from '../contracts/transport.ts';
import type { Codec, ReplyToken, Vnode, VnodeModule } from '../contracts/vnode.ts';
import { newHeader, readHeader } from '../request/message.ts';
import type { ReplicaRequest } from '../request/port.ts';
import { RequestTable } from '../request/request-table.ts';
import { birthDocument } from '../ring/document.ts';
import type { Replica } from '../ring/preference-list.ts';
import { VnodeManager } from '../vnode/vnode-manager.ts';
import { DataPlane } from './data-plane.ts';
import { RingView } from './ring-view.ts';

const codec: Codec<string, string> = {
  encodeCommand: (command, out) => (out as Writer).string(command),
  decodeCommand: (input) => input.latin1(input.u32()),
  encodeReply: (reply, out) => (out as Writer).string(reply),
  decodeReply: (input) => input.latin1(input.u32()),
};
const silent: ReplicaRequest<string> = {
  onReply() {},
  onRefused() {},
  onFailed() {},
  onAlarm() {},
  onRingChanged() {},
};

function stage() {
  const self = 'a' as NodeId;
  const host = new ManualHost();
  const store = new ManualStore();
  store.immediate = true;
  store.start({ onProgress() {}, onFailure() {} });
  const logged: object[] = [];
  const logger: Logger = { ...silentLogger, info: (fields) => logged.push(fields) };
  const waiting: ReplyToken<string>[] = [];
  const handleCommand = (command: string, token: ReplyToken<string>): void => {
    if (command === 'refuse') token.refuse('overload');
    else if (command === 'fail') token.fail('as told');
    else if (command === 'later') waiting.push(token);
    else token.reply(command);
  };
  const open = (): Vnode<string, string> =>
    ({ handleCommand, onStoreProgress() {}, isEmpty: () => true }) as unknown as Vnode<string, string>;
  const module: VnodeModule<string, string> = { name: 'echo', codec, open };
  const member = { id: self, name: 'a', address: 'a:1', location: '' };
  const document = birthDocument({ clusterId: 'c', ringSize: 8, self: member, n: 3, level: 'eventual' });
  const modules = [module] as unknown as VnodeModule<unknown, unknown>[];
  const vnodes = new VnodeManager({
    self,
    host,
    store,
    logger: silentLogger,
    durability: 'process',
    modules,
    bounds: noBounds,
  });
  vnodes.start(document, { firstLife: true, intact: true });
  const frames: Uint8Array[] = [];
  const transport = {
    send: (_to, _lane, bytes, start, end) => frames.push(bytes.slice(start, end)) > 0,
  } as Transport;
  const view = new RingView(self, document, () => true);
  const table = new RequestTable(host);
  const out = new Writer(16);
  const plane = new DataPlane({ self, host, transport, logger, modules, view, vnodes, table, out });
  const port = plane.port(module);
  const id = port.open(silent);
  const ask = (node: string, command: string, trace?: string): void => {
    const partition = 1 as PartitionId;
    const replica: Replica = { partition, ringSize: 8, node: node as NodeId, role: 'primary' };
    port.send(id, 0, replica, command, 1_000, trace);
    // What is for another node comes back as if that one had sent it.
    if (node === 'a') return;
    const frame = frames.shift() as Uint8Array;
    plane.onFrame(node as NodeId, frame, 0, frame.length);
    traces.push(traceOf(frame));
  };
  const traces: (string | undefined)[] = [];
  return { host, logged, waiting, ask, traces, plane };
}

function traceOf(frame: Uint8Array): string | undefined {
  const header = newHeader();
  readHeader(new Reader(frame), header);
  return header.trace;
}

describe.each([
  ['here', 'a'],
  ['from another node', 'b'],
])('a traced command %s', (_, from) => {
  const line = { trace: 't1', partition: 1, from, command: 'command' };

  it.each([
    ['echo', 'answered'],
    ['refuse', 'refused: overload'],
    ['fail', 'failed'],
  ])('that does %s is logged once, as %s', (command, result) => {
    const { logged, ask } = stage();
    ask(from, command, 't1');
    expect(logged).toEqual([{ ...line, result, durationMs: 0 }]);
  });

  it('is logged when it is answered, with how long that took', () => {
    const { host, logged, waiting, ask } = stage();
    ask(from, 'later', 't1');
    host.advance(7);
    expect(logged).toEqual([]);
    waiting[0]?.reply('now');
    expect(logged).toEqual([{ ...line, result: 'answered', durationMs: 7 }]);
  });

  it('leaves no trace on the next', () => {
    const { logged, ask, traces } = stage();
    ask(from, 'echo', 't1');
    ask(from, 'echo');
    expect(logged).toHaveLength(1);
    expect(traces).toEqual(from === 'a' ? [] : ['t1', undefined]);
  });
});

describe('a traced command that is not brought to a vnode', () => {
  it('is logged too', () => {
    const { logged, ask, plane } = stage();
    plane.drain();
    ask('b', 'echo', 't1');
    expect(logged).toMatchObject([{ trace: 't1', result: 'refused: stopping' }]);
  });
});
