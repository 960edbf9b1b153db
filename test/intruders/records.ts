/**
 * Intruders on the wire of somebody who belongs here: what follows the handshake is spoilt, repeated, left out, moved
 * or cut short. The frames ask the claimant to stage a leave, so one that were obeyed would change the ring document.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { FRAME_BYTES_MAX } from '../../packages/core/src/contracts/transport.ts';
import type { Outcome } from './knock.ts';
import { crowd } from './crowd.ts';
import { flipped, idleFrame, leaveFrame, Member } from './member.ts';
import { until, wireStands, type Scene } from './scene.ts';
import { Tally } from './tally.ts';
import { saidByDialer, type Passage } from './wire.ts';

/** A length that was made longer is waited for; a wire with traffic fills it. */
const FILLER_BYTES = 60_000;
const ROUNDS = 20;
/** So many accepted show that the port is broken; each takes seconds. */
const ENOUGH = 2;

function memberOf({ n1, hello, secret }: Scene): Promise<Member> {
  return Member.in(n1.ports.cluster, { hello, secret });
}

/** Let in as it should be, then this; the port must hang up. */
async function saying(scene: Scene, words: (member: Member) => readonly Uint8Array[]): Promise<Outcome> {
  const member = await memberOf(scene);
  for (const bytes of words(member)) member.knock.say(bytes);
  return endOf(member);
}

async function endOf({ knock }: Member): Promise<Outcome> {
  const hungUp = await Promise.race([closed(knock.socket), pause(5_000, false)]);
  knock.hangUp();
  return hungUp ? { answer: 'hung up on', accepted: false } : { answer: 'HELD OPEN', accepted: true };
}

function closed(socket: Member['knock']['socket']): Promise<true> {
  return new Promise((resolve) => {
    if (socket.closed) resolve(true);
    else socket.once('close', () => resolve(true));
  });
}

export async function flippedRecords(scene: Scene): Promise<Tally> {
  const tally = new Tally('each byte of a record flipped');
  const { length } = (await memberOf(scene)).seal(leaveFrame(scene.hello));
  for (let at = 0; at < length && tally.accepted < ENOUGH; at++) {
    tally.add(
      await saying(scene, (member) => [
        flipped(member.seal(leaveFrame(scene.hello)), at),
        member.seal(idleFrame(FILLER_BYTES)),
        member.seal(idleFrame(FILLER_BYTES)),
      ]),
    );
  }
  return tally;
}

export async function disorderedRecords(scene: Scene): Promise<Tally[]> {
  const leave = leaveFrame(scene.hello);
  const idle = idleFrame();
  const elsewhere = (await memberOf(scene)).seal(leave);
  const twice = (record: Buffer): Buffer[] => [record, record];
  const tricks: [string, (member: Member) => Uint8Array[]][] = [
    ['a record repeated', (member) => [...twice(member.seal(idle)), member.seal(leave)]],
    ['a record left out', (member) => [member.seal(idle), member.seal(leave)].slice(1)],
    ['two records in the wrong order', (member) => [member.seal(idle), member.seal(leave)].toReversed()],
    ['a record cut short, then the next', (member) => [cutShort(member.seal(leave)), member.seal(leave)]],
    ['a record of another connection', () => [elsewhere]],
    [
      'frames in clear instead of records',
      () => [Buffer.concat([Uint8Array.of(0, 0, 0, leave.length), leave])],
    ],
    ['an empty record', () => [Uint8Array.of(0, 0, 0, 0)]],
  ];
  const tallies: Tally[] = [];
  for (const [what, words] of tricks) {
    const tally = new Tally(what);
    for (let round = 0; round < ROUNDS && tally.accepted < ENOUGH; round++) {
      tally.add(await saying(scene, words));
    }
    tallies.push(tally);
  }
  return [...tallies, await truncated(scene)];
}

/** Without its end, of which one byte at least is not zero: zeros begin the next record too, and would make it whole. */
function cutShort(record: Buffer): Buffer {
  return record.subarray(
    0,
    record.findLastIndex((byte) => byte !== 0),
  );
}

/** The end of the connection comes before the end of the record. */
async function truncated(scene: Scene): Promise<Tally> {
  const tally = new Tally('a record cut short, then the end');
  for (let round = 0; round < ROUNDS; round++) {
    const member = await memberOf(scene);
    member.knock.socket.end(member.seal(leaveFrame(scene.hello)).subarray(0, -1 - round));
    tally.add(await endOf(member));
  }
  return tally;
}

/** Lengths that nothing may have, from somebody who may speak: of a record, and of a frame within a sound record. */
export async function tooLong(scene: Scene): Promise<Tally> {
  const tally = new Tally('a length above the limit');
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  for (const length of [64 * 1024, FRAME_BYTES_MAX, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff]) {
    tally.add(await saying(scene, () => [u32(length)]));
  }
  for (const length of [FRAME_BYTES_MAX + 1, 0x7fff_ffff, 0xffff_fffe]) {
    tally.add(await saying(scene, (member) => [member.sealRaw(u32(length))]));
  }
  return tally;
}

/** The largest length that is allowed, and then hardly anything: memory follows what has come, not what was said. */
export async function longPromises(scene: Scene): Promise<Tally> {
  const tally = new Tally('17 MiB announced, 64 KiB sent');
  const head = Buffer.alloc(FILLER_BYTES);
  head.writeUInt32BE(FRAME_BYTES_MAX);
  await crowd(50, 1, async () => {
    const member = await memberOf(scene);
    member.knock.say(member.sealRaw(head));
    member.knock.socket.end();
    tally.add(await endOf(member));
  });
  return tally;
}

/** A byte of what n2 really sends, now on this lane, now on that; then n2 comes back by itself. */
export async function liveFlips(scene: Scene): Promise<Tally> {
  const tally = new Tally("a byte flipped on a live member's wire");
  const { wire } = scene;
  for (let round = 0; round < 6 && tally.accepted < ENOUGH; round++) {
    let spoilt: Passage | undefined;
    wire.tamper = (chunk, passage) => {
      if (spoilt !== undefined || (saidByDialer(passage)?.rest.length ?? 0) <= chunk.length) return chunk;
      spoilt = passage;
      return flipped(chunk, Math.floor((chunk.length - 1) * (round / 5)));
    };
    await until('something has passed', () => spoilt !== undefined);
    const passage = spoilt as unknown as Passage;
    await Promise.race([passage.ended, pause(8_000)]);
    const byPort = passage.endedBy === 'acceptor';
    tally.add({ answer: byPort ? 'hung up on' : 'HELD OPEN', accepted: !byPort });
    await wireStands(wire);
  }
  wire.tamper = (chunk) => chunk;
  return tally;
}
