/**
 * Where the nanoseconds of a GET and a SET go, stage by stage, on the built code of one node.
 *
 *     node bench/stages/run.mjs [--build DIR: another clone that is built]
 *
 * Each stage is timed by itself over random keys of 100,000, with values of 100 bytes; the whole request, from the
 * socket's bytes to the reply's, beside them. A stage by itself has the processor's caches to itself, and what looks at
 * a record is timed on few of them, since looking up has just brought it into the caches. So the whole costs more
 * than the sum of its stages; the rest is that, and the objects and calls between the stages. The write to the socket
 * is shared by the replies of one turn: one at pipeline 1, sixteen at pipeline 16.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { command, KEYS, VALUE_BYTES } from '../redis/load.mjs';
import { table } from '../redis/rounds.mjs';
import { timeStages } from './timing.mjs';
import { timeWrites } from './writes.mjs';

const { values: flags } = parseArgs({ options: { build: { type: 'string' } } });
const BUILD = resolve(flags.build ?? fileURLToPath(new URL('../..', import.meta.url)));
const PIPELINE = 16;
const RING_SIZE = 16;
const GET_REPLY_BYTES = '$100\r\n'.length + VALUE_BYTES + 2;
const SET_REPLY_BYTES = '+OK\r\n'.length;

/** Keys of the iterations: a power of two, so that a mask picks one. */
const DRAWN = 1 << 17;
/** So many records stay in the caches. */
const WARM = 1 << 10;

const WHOLE = 'whole';

const waiting = { onReply() {}, onRefused() {}, onFailed() {}, onAlarm() {}, onRingChanged() {} };

await main();

async function main() {
  const core = await load('core/dist/index.js');
  const store = await load('store/dist/index.js');
  const inside = {
    ...(await load('core/dist/node/data-plane.js')),
    ...(await load('core/dist/node/ring-view.js')),
    ...(await load('core/dist/net/send-queue.js')),
    ...(await load('store/dist/entry/layout.js')),
    ...(await load('store/dist/kv/range-tally.js')),
    ...(await load('store/dist/redis/parser.js')),
    ...(await load('store/dist/redis/writer.js')),
    ...(await load('store/dist/redis/limits.js')),
    ...(await load('store/dist/redis/commands/table.js')),
  };
  const node = loneNode({ ...core, ...store, ...inside });
  const keys = drawKeys();
  const get = timeStages(getStages(node, keys));
  const set = timeStages(setStages(node, keys));
  const peer = timeStages(peerStages(node, keys));
  const replies = [1, PIPELINE].flatMap((count) =>
    [GET_REPLY_BYTES, SET_REPLY_BYTES].map((bytes) => ({ count, bytes: count * bytes })),
  );
  const writes = await timeWrites(replies.map(({ bytes }) => bytes));
  say(`ns per request, one node, n=1, memory engine, ${KEYS} keys; Node.js ${process.versions.node}\n`);
  say(table(['stage', 'GET', 'SET'], toRows(get, set)));
  say('\nAnd for each replica that is elsewhere (n=3: two for a SET, one or none for a GET):\n');
  say(
    table(
      ['stage', 'ns'],
      Object.entries(peer).map(([name, ns]) => [name, ns.toFixed(0)]),
    ),
  );
  say('\nSending replies, ns of a system call and of its share per request:\n');
  const sent = replies.map(({ count, bytes }, i) => [
    `${count}, ${bytes} bytes`,
    writes[i].toFixed(0),
    (writes[i] / count).toFixed(0),
  ]);
  say(table(['replies in one write', 'a write', 'per request'], sent));
}

function load(path) {
  return import(pathToFileURL(join(BUILD, 'packages', path)).href);
}

/** One node without doors and peers, made of the shipped parts, holding all keys. */
function loneNode(parts) {
  const { SystemHost, HybridClock, birthDocument, RingView, VnodeManager, RequestTable, DataPlane, Writer } =
    parts;
  const { silentLogger, memoryStore, kvModule, QuorumStore, encodeString } = parts;
  const host = new SystemHost();
  const clock = new HybridClock({ now: () => host.now(), random: () => host.random(), driftLimitMs: 60_000 });
  const self = '0'.repeat(32);
  const member = { id: self, name: 'n1', address: '127.0.0.1:1', location: '' };
  const document = birthDocument({
    clusterId: 'c',
    ringSize: RING_SIZE,
    self: member,
    n: 1,
    level: 'eventual',
  });
  const engine = memoryStore();
  const module = kvModule(clock);
  const view = new RingView(self, document, () => true);
  const vnodes = new VnodeManager({
    self,
    host,
    store: engine,
    logger: silentLogger,
    durability: 'process',
    modules: [module],
  });
  const requests = new RequestTable(host);
  const out = new Writer();
  const transport = { send: () => true };
  const data = new DataPlane({
    ...{ self, host, transport, logger: silentLogger, modules: [module], view, vnodes, table: requests, out },
  });
  engine.start({ onProgress() {}, onFailure() {} });
  vnodes.start(document, { firstLife: true, intact: true });
  const defaults = { timeoutMs: 1000, valueBytesMax: 1 << 24 };
  const coordinator = { host, clock, port: data.port(module), defaults };
  const kv = new QuorumStore(coordinator);
  const stamp = new Uint8Array(16);
  const value = new Uint8Array(VALUE_BYTES).fill(120);
  const sink = { onWritten() {}, onFailure: fail };
  for (let i = 0; i < KEYS; i++) kv.put(keyNamed(i), value, undefined, sink);
  clock.write(stamp, 0);
  const entryOf = (key) => encodeString(key, stamp, value);
  return {
    ...parts,
    host,
    clock,
    engine,
    module,
    view,
    vnodes,
    requests,
    out,
    kv,
    coordinator,
    value,
    self,
    entryOf,
  };
}

function keyNamed(i) {
  return `key:${String(i).padStart(12, '0')}`;
}

/** Every iteration's key as a string of its own, as they come from a parser, and where it lies. */
function drawKeys() {
  return Array.from({ length: DRAWN }, () =>
    Buffer.from(keyNamed(Math.floor(Math.random() * KEYS))).toString('latin1'),
  );
}

/** Requests as they lie in a socket's buffer: PIPELINE at once, another buffer each time. */
function batches(keys, make) {
  return Array.from({ length: DRAWN / PIPELINE }, (_, b) =>
    Buffer.concat(Array.from({ length: PIPELINE }, (_, i) => make(keys[b * PIPELINE + i]))),
  );
}

/** A call per request; every PIPELINE calls another batch is fed. */
function parseStage({ RequestParser, defaultLimits, commands }, requests, take) {
  const parser = new RequestParser(defaultLimits);
  let count = 0;
  return () => {
    if (count % PIPELINE === 0) {
      const batch = requests[(count / PIPELINE) % requests.length];
      parser.feed(batch, batch.length);
    }
    parser.next();
    if (commands.find(parser) === undefined) fail();
    const taken = take(parser);
    if (++count % PIPELINE === 0) parser.keep();
    return taken;
  };
}

function getStages(node, keys) {
  const { placeKey, listOf, quorumFor, coordinator, kv } = node;
  const placed = keys.map(placeKey);
  const held = placed.slice(0, WARM).map((at) => lookUp(node, at).slice());
  const replies = new node.ReplyWriter();
  const requests = batches(keys, (key) => command('GET', key));
  const reply = (entry) => {
    if (replies.length > 8192) replies.clear();
    if (node.isLive(entry, 0)) replies.bulk(entry, node.payloadStart(entry), entry.length);
  };
  const sink = {
    onValue: (bytes, start, end) => {
      if (replies.length > 8192) replies.clear();
      replies.bulk(bytes, start, end);
    },
    onMissing: fail,
    onFailure: fail,
  };
  return {
    parse: parseStage(node, requests, (parser) => parser.text(1)),
    hash: (i) => placeKey(keys[i % DRAWN]),
    'preference list and quorum': (i) =>
      quorumFor(listOf(coordinator, placed[i % DRAWN], 1), 1, undefined, undefined, undefined),
    'request table and vnode': (i) => route(node, placed[i % DRAWN]),
    'look up': (i) => lookUp(node, placed[i % DRAWN]),
    reply: (i) => reply(held[i % WARM]),
    [WHOLE]: parseStage(node, requests, (parser) => kv.get(parser.text(1), undefined, sink)),
  };
}

function setStages(node, keys) {
  const { placeKey, listOf, quorumFor, coordinator, kv, clock, value, engine } = node;
  const placed = keys.map(placeKey);
  const held = placed.slice(0, WARM).map((at) => lookUp(node, at).slice());
  const entries = keys.slice(0, WARM).map((key) => node.entryOf(key));
  const place = (at) => ({ ringBits: 4, partition: node.firstPartition(coordinator, at) });
  const places = placed.map(place);
  const tallies = Array.from(
    { length: RING_SIZE },
    (_, p) => new node.VnodeTallies({ ringBits: 4, partition: p }, undefined),
  );
  const replies = new node.ReplyWriter();
  const stamp = new Uint8Array(16);
  const sink = { onWritten: () => replies.ok(), onFailure: fail };
  const requests = batches(keys, (key) => command('SET', key, 'x'.repeat(VALUE_BYTES)));
  return {
    parse: parseStage(node, requests, (parser) => parser.text(1).length + parser.view(2).length),
    hash: (i) => placeKey(keys[i % DRAWN]),
    'preference list and quorum': (i) =>
      quorumFor(listOf(coordinator, placed[i % DRAWN], 1), 1, undefined, undefined, undefined),
    'request table and vnode': (i) => route(node, placed[i % DRAWN]),
    'look up': (i) => lookUp(node, placed[i % DRAWN]),
    stamp: () => clock.write(stamp, 0),
    'encode the entry': (i) => {
      const entry = node.carve(node.stringEntryBytes(VALUE_BYTES, false));
      node.writeString(entry, keys[i % DRAWN], stamp, 0, value, 0, VALUE_BYTES, 0);
      return entry;
    },
    'observe the stamp': (i) => clock.observe(entries[i % WARM], 8),
    merge: (i) =>
      node.counted(node.merge(keys[i % WARM], held[i % WARM], entries[i % WARM]), entries[i % WARM]),
    tally: (i) =>
      tallies[places[i % WARM].partition].changed(placed[i % WARM], held[i % WARM], entries[i % WARM]),
    store: (i) => {
      const { key, hashHi, hashLo } = placed[i % WARM];
      const at = places[i % WARM];
      engine.submit(
        [{ space: 0, place: at, hashHi, hashLo, key, value: entries[i % WARM] }],
        tallies[at.partition],
      );
    },
    reply: () => {
      if (replies.length > 8192) replies.clear();
      replies.ok();
    },
    [WHOLE]: parseStage(node, requests, (parser) => {
      if (replies.length > 8192) replies.clear();
      kv.put(parser.text(1), parser.view(2), undefined, sink);
    }),
  };
}

/** What a replica elsewhere costs: one frame there and one back, on both nodes together. */
function peerStages(node, keys) {
  const { placeKey, module, Writer, Reader, newHeader, writeHeader, readHeader } = node;
  const header = newHeader();
  const entry = node.entryOf(keys[0]);
  const merges = keys.slice(0, WARM).map((key) => ({ kind: 'merge', ...placeKey(key), entry }));
  const out = new Writer();
  const frame = new Writer();
  writeHeader(frame, header);
  module.codec.encodeCommand(merges[0], frame);
  const sent = frame.copy();
  const answer = new Writer();
  writeHeader(answer, header);
  answer.u8(0);
  module.codec.encodeReply({ kind: 'merged', existed: true, later: undefined }, answer);
  const answered = answer.copy();
  const queue = new node.SendQueue(new node.ChunkPool(64), { head: 0, tail: 0 });
  const reader = new Reader();
  return {
    'encode a SET': (i) => {
      out.reset();
      writeHeader(out, header);
      module.codec.encodeCommand(merges[i % WARM], out);
    },
    'queue a frame': (i) => {
      queue.add(sent, 0, sent.length);
      if (i % 256 === 255) for (const chunk of queue.take()) queue.release(chunk);
    },
    'decode a SET': () => {
      readHeader(reader.on(sent), header);
      return module.codec.decodeCommand(reader);
    },
    'encode its answer': () => {
      out.reset();
      writeHeader(out, header);
      out.u8(0);
      module.codec.encodeReply({ kind: 'merged', existed: true, later: undefined }, out);
    },
    'decode its answer': () => {
      readHeader(reader.on(answered), header);
      reader.u8();
      return module.codec.decodeReply(reader);
    },
  };
}

function lookUp({ engine, firstPartition, coordinator }, at) {
  return engine.get(0, { ringBits: 4, partition: firstPartition(coordinator, at) }, at);
}

/** What every request does besides its own work: a number, one expected answer, the vnode it goes to. */
function route({ coordinator, requests, vnodes, self, firstPartition }, at) {
  const id = coordinator.port.open(waiting);
  requests.expect(id, 0, self);
  const vnode = vnodes.find('rkv', firstPartition(coordinator, at));
  requests.take(id, 0, self);
  coordinator.port.close(id);
  return vnode;
}

function fail() {
  throw new Error('a request failed that cannot fail here');
}

function toRows(get, set) {
  const names = [...new Set([...Object.keys(set), ...Object.keys(get)])];
  const cell = (ns) => (ns === undefined ? '' : ns.toFixed(0));
  const stages = names.filter((name) => name !== WHOLE);
  const rest = (times) => times[WHOLE] - stages.reduce((sum, name) => sum + (times[name] ?? 0), 0);
  return [
    ...stages.map((name) => [name, cell(get[name]), cell(set[name])]),
    ['the rest', cell(rest(get)), cell(rest(set))],
    ['**all**', cell(get[WHOLE]), cell(set[WHOLE])],
  ];
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
