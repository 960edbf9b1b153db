/** Strangers who speak something else, or nothing, or random bytes: what they cost, and that they leave with nothing. */
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { Prng } from '../../packages/core/src/base/prng.ts';
import { crowd } from './crowd.ts';
import { Knock } from './knock.ts';
import { wireStands, type Scene } from './scene.ts';
import { Tally } from './tally.ts';
import type { SaidByDialer } from './wire.ts';

const SLOW_CONNECTIONS = 1000;
const SLOW_MS = 5_000;
/** Of `defaultTcpLimits`: so many strangers at one time, and none for longer. */
const STRANGERS_MAX = 256;
const HANDSHAKE_MS = 5_000;

/** A valid handshake, a byte at a time or stopped half-way; meanwhile a member has to come back through the crowd. */
export async function slow(scene: Scene): Promise<Tally> {
  const tally = new Tally(`${SLOW_CONNECTIONS} slow handshakes at once`);
  const [{ hello }] = scene.recorded as [SaidByDialer];
  const knocks = Array.from({ length: SLOW_CONNECTIONS }, () => new Knock(scene.n1.ports.cluster));
  for (const [index, knock] of knocks.entries()) if (index % 4 === 0) knock.say(hello);
  // Of a thousand at once the system lets some wait before it connects them: those are nobody's guests yet.
  const open = (): number => knocks.filter(({ isClosed, socket }) => !isClosed && !socket.connecting).length;
  const began = performance.now();
  let fewest = Number.POSITIVE_INFINITY;
  let isBack: Promise<void> | undefined;
  for (let at = 0; performance.now() - began < SLOW_MS - 500; at++) {
    for (const [index, knock] of knocks.entries()) {
      if (index % 4 !== 0 && !knock.isClosed) knock.say(hello.subarray(at, at + 1));
    }
    const ms = performance.now() - began;
    if (ms > 2_000 && ms < HANDSHAKE_MS - 1_000) fewest = Math.min(fewest, open());
    if (at === 8) {
      scene.wire.lead({ port: scene.n1.ports.cluster }); // cuts n2 off for a moment
      isBack = wireStands(scene.wire);
    }
    await pause(100);
  }
  await isBack;
  await Promise.all(knocks.map(async (knock) => tally.add(await knock.outcome())));
  const tookMs = performance.now() - began;
  // Long before any of them had to go for its slowness; we hear of it with some delay.
  tally.must(fewest <= STRANGERS_MAX, `${fewest} strangers were held at one time`);
  tally.must(tookMs < HANDSHAKE_MS + 2_000, `the last slow stranger was there for ${Math.round(tookMs)} ms`);
  await wireStands(scene.wire);
  return tally;
}

export interface Noise {
  readonly payloads: number;
  readonly bytes: number;
}

const NOISE_MS = 20_000;
const NOISE_AT_ONCE = 32;
/** Whoever has not been hung up on by then has not said enough to be judged, and leaves. */
const NOISE_PATIENCE_MS = 30;
/** A pace at which this machine's ports do not run out. */
const KNOCKS_PER_SECOND = 400;

/** Seeded garbage: from the first byte on, or after a sound preamble, hello or recorded handshake. */
export async function noise(scene: Scene, seed: number): Promise<{ tally: Tally; noise: Noise }> {
  const tally = new Tally('random bytes for 20 s');
  const prng = new Prng(seed);
  const [{ hello, proof }] = scene.recorded as [SaidByDialer];
  const openings = [
    Buffer.alloc(0),
    hello.subarray(0, 6),
    hello.subarray(0, 10),
    hello,
    Buffer.concat([hello, proof]),
  ];
  const pool = randomBytes(prng, 1024 * 1024);
  const began = performance.now();
  const left = (): number => NOISE_MS - (performance.now() - began);
  let payloads = 0;
  let bytes = 0;
  let knocks = 0;
  await crowd(
    Number.POSITIVE_INFINITY,
    NOISE_AT_ONCE,
    async () => {
      knocks++;
      const knock = new Knock(scene.n1.ports.cluster);
      const opening = openings[prng.u32() % openings.length] as Buffer;
      knock.say(opening);
      if (opening.length >= hello.length) await knock.welcome();
      for (let number = 1 + (prng.u32() % 20); number > 0 && !knock.isClosed; number--) {
        const size = 1 + (prng.u32() % (1 << (1 + (prng.u32() % 16))));
        const from = prng.u32() % (pool.length - size);
        knock.say(pool.subarray(from, from + size));
        payloads++;
        bytes += size;
        await pause(0);
      }
      const outcome = await knock.outcome(NOISE_PATIENCE_MS);
      tally.add(knock.isClosed ? outcome : { ...outcome, answer: 'had not said enough, and left by itself' });
      const due = (knocks / KNOCKS_PER_SECOND) * 1000 - (performance.now() - began);
      if (due > 0) await pause(due);
    },
    () => left() > 0,
  );
  return { tally, noise: { payloads, bytes } };
}

function randomBytes(prng: Prng, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(prng.u32(), at);
  return bytes;
}

/** Those who came to the wrong door. */
export async function otherProtocols({ n1 }: Scene): Promise<Tally[]> {
  const tls = new Tally('TLS ClientHello');
  const http = new Tally('HTTP request');
  const redis = new Tally('Redis command');
  const port = n1.ports.cluster;
  await crowd(20, 5, async () => {
    tls.add({ answer: await tlsAnswer(port), accepted: false });
    http.add({ answer: await httpAnswer(port), accepted: false });
    const knock = new Knock(port);
    knock.say(Buffer.from('*1\r\n$4\r\nPING\r\n'));
    redis.add(await knock.outcome());
  });
  return [tls, http, redis];
}

function tlsAnswer(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.on('secureConnect', () => resolve('IT SPOKE TLS'));
    socket.on('error', () => resolve(describeSilence(socket.bytesRead)));
    socket.on('close', () => resolve(describeSilence(socket.bytesRead)));
  });
}

function httpAnswer(port: number): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/', agent: false }, () =>
      resolve('IT SPOKE HTTP'),
    );
    asked.on('error', () => resolve(describeSilence(asked.socket?.bytesRead ?? 0)));
    asked.end();
  });
}

function describeSilence(bytes: number): string {
  return bytes === 0 ? 'hung up on without a word' : `${bytes} BYTES, then hung up on`;
}
