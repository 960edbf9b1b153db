/**
 * `npm run intruders`: what can be tried at the cluster port of a real node by those who should not get in, while a real
 * member and a Redis client go on working. Prints a row for each kind of intruder: tries, the answers it got, how many
 * were accepted.
 *
 * It fails (exit 1) when anything is accepted, when ring or members have changed, when the client got a wrong answer or
 * waited too long, when the memory of the node grew or its log was flooded, or when the secret shows anywhere. At the end
 * one good frame is let through, to prove that a frame that was obeyed would have been seen.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Nodes } from '../cluster/nodes.ts';
import { withRedis } from '../cluster/redis-client.ts';
import { flippedHandshakes, joinsWithout, misled, reflections, replays } from './handshakes.ts';
import { leaveFrame, Member } from './member.ts';
import { noise, otherProtocols, slow } from './noise.ts';
import { copiedDisk, copiedIds, strangersWithSecret, strayNode, wrongSecretNode } from './outsiders.ts';
import { disorderedRecords, flippedRecords, liveFlips, longPromises, tooLong } from './records.ts';
import { ringOf, setScene, until, wireStands, type Scene } from './scene.ts';
import type { Tally } from './tally.ts';
import { Vitals } from './vitals.ts';
import { Wire } from './wire.ts';

/** Twice what it takes on two cores with other work. */
const LIMIT_MS = 170_000;
const SEED = 8099;
/** What a request may take at most: no client is made to wait by strangers. */
const SLOWEST_MS = 1_000;
const GROWTH_MIB = 64;
/** Of the node under attack, all kinds of lines together. */
const LINES_PER_SECOND = 2;

class Report {
  readonly #vitals: Vitals;
  readonly #tallies: Tally[] = [];
  readonly problems: string[] = [];
  slowestMs = 0;
  rounds = 0;

  constructor(vitals: Vitals) {
    this.#vitals = vitals;
    console.log(row('intruder', 'tries', 'accepted', 's', 'client max', 'MiB'));
  }

  async play(work: Promise<Tally | Tally[]>): Promise<void> {
    const began = performance.now();
    const tallies = [await work].flat();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const { rounds, slowestMs, failures, firstFailure } = await this.#vitals.watched();
    this.rounds += rounds;
    this.slowestMs = Math.max(this.slowestMs, slowestMs);
    const peak = Math.round(this.#vitals.takePeakMib());
    for (const [index, tally] of tallies.entries()) {
      this.#tallies.push(tally);
      const { intruder, tries, accepted, faults } = tally;
      const rest = index < tallies.length - 1 ? [] : [seconds, `${Math.ceil(slowestMs)} ms`, String(peak)];
      console.log(row(intruder, String(tries), String(accepted), ...rest));
      for (const answer of tally.describeAnswers()) console.log(`    ${answer}`);
      if (accepted > 0) this.problems.push(`${intruder}: ${accepted} of ${tries} were accepted`);
      if (tries === 0) this.problems.push(`${intruder}: nothing was tried`);
      this.problems.push(...faults.map((fault) => `${intruder}: ${fault}`));
      if (tally.describeAnswers().some((answer) => answer.includes('HELD OPEN')))
        this.problems.push(`${intruder}: was not hung up on`);
    }
    if (failures > 0)
      this.problems.push(
        `${tallies[0]?.intruder}: ${failures} of ${rounds} rounds of the client failed: ${firstFailure}`,
      );
  }

  get tries(): number {
    return this.#tallies.reduce((sum, { tries }) => sum + tries, 0);
  }

  get accepted(): number {
    return this.#tallies.reduce((sum, { accepted }) => sum + accepted, 0);
  }
}

function row(
  intruder: string,
  tries: string,
  accepted: string,
  seconds = '',
  slowest = '',
  mib = '',
): string {
  const cells = [
    tries.padStart(7),
    accepted.padStart(9),
    seconds.padStart(6),
    slowest.padStart(11),
    mib.padStart(5),
  ];
  return `${intruder.padEnd(48)}${cells.join('')}`.trimEnd();
}

await run();

async function run(): Promise<void> {
  // Leaving by the exit ends the nodes and removes their folder, however we come to it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(130));
  setTimeout(() => {
    fail(`intruders: not done after ${LIMIT_MS / 1000} s`);
    process.exit();
  }, LIMIT_MS).unref();
  const nodes = new Nodes({ ringSize: 16, storage: 'memory' });
  let vitals: Vitals | undefined;
  try {
    const scene = await setScene(nodes);
    vitals = await Vitals.begin(scene.n1, scene.n3);
    await attack(scene, vitals);
  } catch (error) {
    fail(`intruders: ${(error as Error).stack}\n${nodes.describeLogs()}`);
  } finally {
    vitals?.end();
    Wire.closeAll();
    await nodes.end();
  }
}

async function attack(scene: Scene, vitals: Vitals): Promise<void> {
  const { n1 } = scene;
  const before = await ringOf(n1);
  const linesBefore = n1.linesLogged;
  const began = performance.now();
  const report = new Report(vitals);

  await report.play(joinsWithout(scene, 'a wrong secret', 'wrong'));
  await report.play(joinsWithout(scene, 'no secret', undefined));
  await report.play(wrongSecretNode(scene));
  await report.play(replays(scene, 'while its maker lives'));
  await report.play(reflections(scene));
  await report.play(otherProtocols(scene));
  await report.play(strayNode(scene));
  await report.play(strangersWithSecret(scene));
  await report.play(copiedIds(scene));
  await report.play(copiedDisk(scene));
  await report.play(misled(scene, 'its own dials led to an echo', 'echo'));
  await report.play(misled(scene, 'its own dials led to itself', { port: n1.ports.cluster }));
  await report.play(misled(scene, 'its own dials led to another member', { port: scene.n3.ports.cluster }));
  await report.play(liveFlips(scene));
  await cutOff(scene);
  await report.play(flippedHandshakes(scene));
  await report.play(flippedRecords(scene));
  await report.play(disorderedRecords(scene));
  await report.play(tooLong(scene));
  await report.play(longPromises(scene));
  await report.play(replays(scene, 'while its maker is away'));
  await comeBack(scene);
  await report.play(slow(scene));
  const { tally, noise: made } = await (async () => {
    const playing = noise(scene, SEED);
    await report.play(playing.then((done) => done.tally));
    return playing;
  })();

  const seconds = (performance.now() - began) / 1000;
  const after = await ringOf(n1);
  const written = n1.linesLogged - linesBefore;
  const { startMib, maxMib, endMib } = vitals.memory;
  const { problems } = report;
  if (after !== before) problems.push(`the ring has changed, from ${before} to ${after}`);
  if (written > LINES_PER_SECOND * seconds)
    problems.push(`${written} lines of log in ${seconds.toFixed(0)} s`);
  if (report.slowestMs > SLOWEST_MS) problems.push(`a client waited for ${Math.round(report.slowestMs)} ms`);
  if (maxMib - startMib > GROWTH_MIB) problems.push(`memory grew by ${Math.round(maxMib - startMib)} MiB`);
  problems.push(...(await leaks(scene)));
  problems.push(...(await blindness(scene)));

  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  console.log(
    `noise: seed ${SEED}, ${tally.tries} connections, ${made.payloads} payloads, ${mib(made.bytes)}`,
  );
  console.log(`ring before and after: ${before}`);
  console.log(
    `client at n1 and n3: ${report.rounds} rounds of PING SET GET GET, slowest answer ${Math.ceil(report.slowestMs)} ms`,
  );
  console.log(
    `memory of n1: ${Math.round(startMib)} MiB at the start, ${Math.round(maxMib)} MiB at most, ${Math.round(endMib)} MiB at the end`,
  );
  console.log(`log of n1: ${written} lines in ${seconds.toFixed(0)} s`);
  if (problems.length > 0) console.error(scene.nodes.describeLogs());
  for (const problem of problems) fail(`intruders: ${problem}`);
  console.log(
    `intruders: ${report.tries} tries, ${report.accepted} accepted, ring unchanged: ${after === before}, ` +
      `memory +${Math.round(maxMib - startMib)} MiB at most, ${written} lines of log, ${problems.length} problems`,
  );
}

/** n2's wires are cut; to n1 it is down, and n1 and n3 serve alone. */
async function cutOff({ wire, backWire, n1 }: Scene): Promise<void> {
  wire.lead('cut');
  backWire.lead('cut');
  await until('n1 has noticed', async () =>
    /"name":"n2"[^}]*"up":false/.test(await textOf(`${n1.url}/api/status`)),
  );
}

async function comeBack({ wire, backWire, n1, n2 }: Scene): Promise<void> {
  wire.lead({ port: n1.ports.cluster });
  backWire.lead({ port: n2.ports.cluster });
  await wireStands(wire);
  await wireStands(backWire);
}

/** Where the secret shows: it may be nowhere. */
async function leaks({ nodes, secret, n1, n2, n3, b1 }: Scene): Promise<string[]> {
  const pages = [
    '/',
    '/livez',
    '/readyz',
    '/metrics',
    '/api/status',
    '/api/ring',
    '/api/transfers',
    '/api/ping',
  ];
  const places: [string, string][] = [['a log', nodes.describeLogs()]];
  for (const node of [n1, n2, n3, b1]) {
    places.push([`the log of ${node.name}`, node.log]);
    for (const page of pages) places.push([`${node.name} ${page}`, await textOf(`${node.url}${page}`)]);
    const told = await withRedis(node, async (client) => [
      await client.info(),
      await client.call('CONFIG', 'GET', '*'),
    ]);
    places.push([`INFO and CONFIG of ${node.name}`, JSON.stringify(told)]);
  }
  const forms = [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64')];
  return places
    .filter(([, text]) => forms.some((form) => text.includes(form)))
    .map(([where]) => `the secret shows in ${where}`);
}

/** One frame of the kind that was spoilt in a hundred ways, sound this time: it must be obeyed, or we have seen nothing. */
async function blindness(scene: Scene): Promise<string[]> {
  const before = await ringOf(scene.n1);
  await cutOff(scene);
  const { hello, secret, n1 } = scene;
  const member = await Member.in(n1.ports.cluster, { hello, secret });
  member.knock.say(member.seal(leaveFrame(hello)));
  await Promise.race([until('the frame is obeyed', async () => (await ringOf(n1)) !== before), pause(5_000)]);
  member.knock.hangUp();
  return (await ringOf(n1)) === before ? ['a sound frame changed nothing: this test sees nothing'] : [];
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

function fail(why: string): void {
  process.exitCode = 1;
  console.error(why);
}
