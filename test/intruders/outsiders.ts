/**
 * Those who know the secret and yet do not belong here: another cluster's nodes, a copied disk; and a node with a
 * wrong secret.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { NodeId } from '../../packages/core/src/contracts/ids.ts';
import type { TestNode } from '../cluster/nodes.ts';
import { crowd } from './crowd.ts';
import { Knock } from './knock.ts';
import { Member } from './member.ts';
import { MISLED_MS, secretFile, until, wireStands, type Scene } from './scene.ts';
import { Tally } from './tally.ts';
import { messageEnd, PREAMBLE_BYTES, READY, saidByDialer } from './wire.ts';

const COPY_MS = 2_500;

/** b1 dials its fellow b2, and the wire leads to n1. */
export async function strayNode({ strayWire, n1, b1 }: Scene): Promise<Tally> {
  const tally = new Tally('a real node of another cluster');
  const before = strayWire.passages.length;
  strayWire.lead({ port: n1.ports.cluster });
  await pause(MISLED_MS);
  await until('b1 has dialled', () => strayWire.passages.length > before);
  for (const passage of strayWire.passages.slice(before)) {
    const heard = Buffer.concat(passage.fromAcceptor);
    const said = saidByDialer(passage);
    const accepted = heard[messageEnd(heard, PREAMBLE_BYTES) + 2] === READY;
    const answer = 'its hello; b1 sees who is there, proves nothing and hangs up';
    tally.add({ answer: said === undefined ? answer : 'B1 PROVED THE SECRET TO IT', accepted });
  }
  tally.must(/n1 \([0-9a-f]+\) answers there, not /.test(b1.log), 'b1 does not say who answers');
  return tally;
}

/** The same, a hundred times on each lane, by a hello that is sound in all else. */
export async function strangersWithSecret(scene: Scene): Promise<Tally> {
  const tally = new Tally('hello of another cluster, each lane');
  const hello = {
    ...scene.hello,
    nodeId: 'f'.repeat(32) as NodeId,
    name: 'f',
    clusterId: 'f'.repeat(32),
    purpose: 'member',
  } as const;
  for (const lane of ['data', 'control', 'bulk'] as const) {
    await crowd(100, 20, async () => {
      const { knock } = new Member(scene.n1.ports.cluster, { hello, secret: scene.secret, lane });
      tally.add(await knock.outcome());
    });
  }
  tally.must(/refused f: it is of another cluster/.test(scene.n1.log), 'n1 does not say whom it refused');
  return tally;
}

/** n1's own id and n2's with other start numbers: what a copied disk would say. */
export async function copiedIds(scene: Scene): Promise<Tally> {
  const tally = new Tally('the id of a living node, another start');
  const { n1, hello, secret } = scene;
  const own = new Knock(n1.ports.cluster);
  own.say((scene.recorded[0] as { hello: Buffer }).hello);
  const welcome = await own.welcome();
  own.hangUp();
  const ownHello = JSON.parse((welcome as Buffer).subarray(32, -32).toString()) as typeof hello;
  for (const living of [hello, ownHello]) {
    const copied = { ...living, start: (living.start + 1) as typeof hello.start, purpose: 'member' } as const;
    for (const lane of ['data', 'control', 'bulk'] as const) {
      await crowd(20, 10, async () => {
        tally.add(await new Member(n1.ports.cluster, { hello: copied, secret, lane }).knock.outcome());
      });
    }
  }
  return tally;
}

/** n2's directory is copied while it lives, and a process is started on the copy; once with the lock as it lay there, once without. */
export async function copiedDisk({ nodes, n1, n2, secret, wire }: Scene): Promise<Tally> {
  const tally = new Tally('a copied disk, started as a node');
  const flags = ['--secret-file', secretFile(nodes, 'secret', secret), '--name', 'n2'];
  const copy = await nodes.create('n2-copy', { flags });
  cpSync(n2.dataDir, copy.dataDir, { recursive: true });
  copy.spawn();
  const { code } = await copy.exited;
  tally.add({
    answer: `exit ${code}: ${code === 1 ? 'the lock names the process that lives' : copy.lastWords(1)}`,
    accepted: code !== 1,
  });

  for (const file of readdirSync(copy.dataDir)) if (file.startsWith('lock')) rmSync(join(copy.dataDir, file));
  const links = wire.passages.length;
  copy.spawn();
  await until('the copy has been refused', () => /data directory (was copied|is a copy)/.test(copy.log));
  await until('n1 names it', () => /refused n2: node id [0-9a-f]+ is in use/.test(n1.log));
  await pause(COPY_MS);
  const isReady = await copy.isReady();
  tally.add({
    answer: `refused and named by n1 and by itself${isReady ? '' : ', never ready'}`,
    accepted: false,
  });
  tally.must(wire.passages.length === links, 'the first life lost its link');
  await copy.kill9();
  await wireStands(wire);
  return tally;
}

/** A real node with another secret asks to be let in. */
export async function wrongSecretNode({ nodes, n1 }: Scene): Promise<Tally> {
  const tally = new Tally('a real node with another secret joins');
  const flags = ['--secret-file', secretFile(nodes, 'other-secret', 'a secret of another house')];
  const stranger = await nodes.create('x1', { flags });
  await stranger.start();
  const asked: [TestNode, TestNode][] = [
    [stranger, n1],
    [n1, stranger],
  ];
  for (const [who, whom] of asked) {
    const { code, err } = await who.rkv('cluster', 'join', whom.clusterAddress);
    const answer = err
      .trim()
      .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDR')
      .replace(/^rkv: /, '');
    tally.add({ answer: `exit ${code}: ${answer}`, accepted: code === 0 });
  }
  await stranger.kill9();
  return tally;
}
