/** Intruders without the secret, and what they try with handshakes: made up, recorded, mirrored or spoilt. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DialerHandshake } from '../../packages/core/src/net/handshake.ts';
import { Keyring, SharedKey } from '../../packages/core/src/net/keyring.ts';
import { crowd } from './crowd.ts';
import { Knock, type Outcome } from './knock.ts';
import { Member } from './member.ts';
import { MISLED_MS, until, wireStands, type Scene } from './scene.ts';
import { Tally } from './tally.ts';
import { saidByDialer, type Course, type Passage, type SaidByDialer } from './wire.ts';

const JOINS = 1000;
const AT_ONCE = 50;
const PROOF_BYTES = 32;
/** Both sign all that was said, so the one whose words were spoilt does not recognise the other's proof. */
const DISBELIEF = 'its hello, which its dialer does not believe';

/** A thousand joins that go on with a proof of the wrong secret, though they could tell from the welcome that it is wrong. */
export async function joinsWithout(scene: Scene, what: string, secret: string | undefined): Promise<Tally> {
  const tally = new Tally(`join with ${what}`);
  const key = new SharedKey(secret);
  const hello = {
    ...scene.hello,
    nodeId: scene.hello.nodeId.replaceAll(/./g, 'e') as typeof scene.hello.nodeId,
  };
  const init = { lane: 'control', hello: { ...hello, purpose: 'join' }, keyring: new Keyring([]) } as const;
  await crowd(JOINS, AT_ONCE, async () => {
    const { opening } = new DialerHandshake(init);
    const knock = new Knock(scene.n1.ports.cluster);
    knock.say(opening);
    const welcome = await knock.welcome();
    if (welcome !== undefined) {
      const signed = welcome.subarray(0, -PROOF_BYTES);
      const transcript = createHash('sha256').update(opening).update(signed).digest();
      knock.say(proofMessage(key.prove('dialer', transcript)));
    }
    tally.add(await knock.outcome());
  });
  return tally;
}

function proofMessage(proof: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(0, 1 + PROOF_BYTES, 3), proof]);
}

/** Each recorded handshake step by step and all at once, with the records that followed it, at this node and at another. */
export async function replays(scene: Scene, when: string): Promise<Tally> {
  const tally = new Tally(`recorded handshake replayed ${when}`);
  const ports = [scene.n1, scene.n3].map(({ ports }) => ports.cluster);
  for (const said of scene.recorded) {
    for (const port of ports) {
      await crowd(20, 10, async (number) => tally.add(await replay(port, said, number % 2 === 0)));
    }
  }
  return tally;
}

async function replay(
  port: number,
  { hello, proof, rest }: SaidByDialer,
  stepwise: boolean,
): Promise<Outcome> {
  const knock = new Knock(port);
  knock.say(hello);
  if (stepwise) await knock.welcome();
  knock.say(Buffer.concat([proof, rest]));
  return knock.outcome();
}

/** What the node says itself, shown to it as if another had said it. */
export async function reflections(scene: Scene): Promise<Tally> {
  const tally = new Tally('its own messages shown back to it');
  const [{ hello }] = scene.recorded as [SaidByDialer];
  const answers = [
    (welcome: Buffer) =>
      Buffer.concat([Uint8Array.of((welcome.length + 1) >> 8, (welcome.length + 1) & 255, 2), welcome]),
    (welcome: Buffer) => proofMessage(welcome.subarray(-PROOF_BYTES)),
  ];
  await crowd(100, 10, async (number) => {
    const knock = new Knock(scene.n1.ports.cluster);
    knock.say(hello);
    const welcome = await knock.welcome();
    if (welcome !== undefined) knock.say((answers[number % 2] as (typeof answers)[0])(welcome));
    tally.add(await knock.outcome());
  });
  return tally;
}

/** The node under attack dials a member, and gets somebody else. It must not send that one a single frame. */
export async function misled(scene: Scene, intruder: string, course: Course): Promise<Tally> {
  const tally = new Tally(intruder);
  const { backWire } = scene;
  const before = backWire.passages.length;
  backWire.lead(course);
  await pause(MISLED_MS);
  await until('it has dialled', () => backWire.passages.length > before);
  const passages = backWire.passages.slice(before);
  backWire.lead({ port: scene.n2.ports.cluster });
  for (const passage of passages) tally.add(outcomeOf(passage));
  await wireStands(backWire);
  await wireStands(scene.wire);
  return tally;
}

function outcomeOf(passage: Passage): Outcome {
  const said = saidByDialer(passage);
  if (said === undefined)
    return { answer: 'it says its hello, sees that something is wrong and hangs up', accepted: false };
  return said.rest.length === 0
    ? { answer: 'it shakes hands, sees who is there and hangs up', accepted: false }
    : { answer: 'IT SENT FRAMES', accepted: true };
}

/**
 * Every byte of a handshake between two who know the secret, flipped once. Whoever got the spoilt byte must not go on.
 * While n2 is cut off: where the node is content and only the other side sees the spoilt byte, we have taken n2's place.
 */
export async function flippedHandshakes(scene: Scene): Promise<Tally> {
  const tally = new Tally('each byte of a handshake flipped');
  const port = scene.n1.ports.cluster;
  const init = { hello: scene.hello, secret: scene.secret, lane: 'bulk' } as const;
  const { said, heard } = await lengths(port, init);
  await crowd(said, AT_ONCE, async (at) => {
    const member = new Member(port, init, { stream: 'said', at });
    const disbelieves = member.disbelieves.then(() => ({ answer: DISBELIEF, accepted: false }));
    tally.add(await Promise.race([member.knock.outcome(), disbelieves]));
    member.knock.hangUp();
  });
  await crowd(heard, AT_ONCE, async (at) => {
    const member = new Member(port, init, { stream: 'heard', at });
    const met = await Promise.race([member.met, pause(1_000, false)]);
    member.knock.hangUp();
    tally.add({
      answer: met ? 'IT WENT ON' : 'spoilt towards the dialer, which does not go on',
      accepted: met,
    });
  });
  return tally;
}

/** Of the two streams of a handshake that succeeds. */
async function lengths(
  port: number,
  init: ConstructorParameters<typeof Member>[1],
): Promise<{ said: number; heard: number }> {
  const member = await Member.in(port, init);
  const { bytesRead, bytesWritten } = member.knock.socket;
  member.knock.hangUp();
  return { said: bytesWritten, heard: bytesRead };
}
