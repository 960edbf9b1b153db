/**
 * Three real nodes, one of which is cut off while clients write on both sides, the same keys too, and delete on both.
 *
 * After the cut nobody reads. The sums of all copies of all partitions are equal within half a minute, every copy holds the
 * same version, and deletes stay deleted. Hints and comparing would both bring what was missed, and nobody could say how much of
 * it was whose. So it is played twice: hints are held back, and comparing mends each copy that was missed, once; or comparing
 * waits until all hints are handed over, and finds nothing to mend.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { copiesAt, isAlike, mendedAt } from './copies.ts';
import { Network, whyNoNetwork } from './network.ts';
import { Nodes, type TestNode } from './nodes.ts';
import { numbered, sendForEach } from './redis-client.ts';

const lacks = whyNoNetwork();
if (lacks !== undefined) console.log(`skipped: ${lacks}`);

const OLD = 250;
const WRITTEN = 500;
/** Written on both sides, each time with another value; the side of one comes later. */
const CONTESTED = 100;
const DELETED = 100;
/** Each side has noticed that the other is not there: from then on all is written at its stand-ins at once. */
const NOTICED_WITHIN_MS = 20_000;
const ALIKE_WITHIN_MS = 30_000;

interface Replicas {
  readonly replicas: readonly { readonly state: string; readonly version: string | null }[];
}

interface Transfers {
  readonly active: readonly { readonly to: string }[];
  readonly waiting: readonly { readonly to: string }[];
}

let network: Network;
let nodes: Nodes;
let all: [TestNode, TestNode, TestNode];
beforeAll(async () => {
  if (lacks !== undefined) return;
  network = new Network();
  // One acknowledgement is enough: the side of one goes on writing.
  nodes = new Nodes({
    placeOf: (name) => network.placeOf(name),
    flags: [...network.flags, '--w', '1', '--r', '1'],
  });
  all = await nodes.startCluster('n1', 'n2', 'n3');
}, 60_000);
// A test that failed in the middle leaves nothing of it to the next.
afterEach(async () => {
  if (lacks !== undefined) return;
  network.heal('n3');
  await letGo('transfers');
  await letGo('exchange');
});
afterAll(async () => {
  if (lacks !== undefined) return;
  await nodes.end();
  await network.end();
});

/** Over HTTP, which costs the machine less than a command line does, again and again. */
async function view<T>(node: TestNode, path: string): Promise<T> {
  const { status, text } = await node.ask(path);
  if (status !== 200) throw new Error(`${node.name} answers ${path} with ${status}: ${text}`);
  return JSON.parse(text) as T;
}

async function upAt(node: TestNode): Promise<number> {
  const { members } = await view<{ members: { up: boolean }[] }>(node, '/api/status');
  return members.filter(({ up }) => up).length;
}

/** To whom this node has something to hand over. */
async function owedBy(node: TestNode): Promise<string[]> {
  const { active, waiting } = await view<Transfers>(node, '/api/transfers');
  return [...new Set([...active, ...waiting].map(({ to }) => to))].toSorted();
}

/** What brings copies together is held back, each time at every node by itself. */
async function holdBack(what: 'transfers' | 'exchange'): Promise<void> {
  for (const node of all) await node.tell(what, 'pause', '--node-name', node.name);
}

async function letGo(what: 'transfers' | 'exchange'): Promise<void> {
  for (const node of all) await node.tell(what, 'resume', '--node-name', node.name);
}

/** Nobody has anything to hand over any more. */
async function untilHandedOver(timeout: number): Promise<void> {
  const owed = async (): Promise<string[]> => (await Promise.all(all.map(owedBy))).flat();
  await expect.poll(owed, { timeout, interval: 250 }).toEqual([]);
}

async function untilAlike(since: number, timeout: number): Promise<void> {
  await expect
    .poll(() => isAlike(all[0], since), { timeout, interval: 250 })
    .toBe(true)
    .catch(async (cause: unknown) => {
      throw new Error(`not alike:\n${(await all[0].rkv('exchange')).out}`, { cause });
    });
}

/**
 * A command for each key. One that got no answer in time, as on a disk that others keep busy, may have been done or not, and its
 * answer says so: then all are sent once more, which leaves as many copies as if they had been sent once.
 */
async function write(
  node: TestNode,
  keys: readonly string[],
  commandOf: (key: string) => string[],
): Promise<void> {
  await sendForEach(node, keys, commandOf).catch((error: Error) => {
    if (!error.message.startsWith('UNCERTAIN')) throw error;
    return sendForEach(node, keys, commandOf);
  });
}

interface Written {
  readonly sides: readonly { readonly name: string; readonly deleted: readonly string[] }[];
  readonly contested: readonly string[];
  /**
   * Copies that are missing or overruled on the other side, as far as an owner of the key wrote it. What n3 wrote in the place of
   * owners that are all on the other side, it has as hints only, and nobody compares those.
   */
  readonly missed: number;
}

/** With all alike n3 is cut off, and written on both sides, until each has all that its own nodes are to have. */
async function writeOnBothSides(round: string): Promise<Written> {
  const [n1, n2, n3] = all;
  const old = numbered(`${round} old`, OLD);
  await write(n1, old, (key) => ['set', key, 'before']);
  await untilAlike(Date.now(), 120_000);
  network.cut('n3', 'both');
  await expect.poll(() => upAt(n1), { timeout: NOTICED_WITHIN_MS, interval: 200 }).toBe(2);
  await expect.poll(() => upAt(n3), { timeout: NOTICED_WITHIN_MS, interval: 200 }).toBe(1);
  const contested = numbered(`${round} both`, CONTESTED);
  const sides = [
    { node: n1, name: `${round} many`, deleted: old.slice(0, DELETED) },
    { node: n3, name: `${round} one`, deleted: old.slice(DELETED, 2 * DELETED) },
  ];
  for (const { node, name, deleted } of sides) {
    await write(node, numbered(name, WRITTEN), (key) => ['set', key, name]);
    await write(node, contested, (key) => ['set', key, name]);
    await write(node, deleted, (key) => ['del', key]);
  }
  // A copy that was late within a side has come by then.
  await expect.poll(() => owedBy(n1), { timeout: 30_000 }).toEqual(['n3']);
  await expect.poll(() => owedBy(n2), { timeout: 30_000 }).toEqual(['n3']);
  await expect.poll(() => owedBy(n3), { timeout: 30_000 }).toEqual(['n1', 'n2']);

  const { owners } = await view<{ owners: string[] }>(n1, '/api/ring');
  const copies = (at: readonly string[], key: string): number =>
    at.reduce((sum, name) => sum + copiesAt(name, key, owners), 0);
  const missedAt = (others: readonly string[], writers: readonly string[], keys: readonly string[]): number =>
    keys.filter((key) => copies(writers, key) > 0).reduce((sum, key) => sum + copies(others, key), 0);
  const [many, one] = sides.map(({ name, deleted }) => [...numbered(name, WRITTEN), ...deleted]) as [
    string[],
    string[],
  ];
  const missed =
    missedAt(['n3'], ['n1', 'n2'], many) + missedAt(['n1', 'n2'], ['n3'], [...one, ...contested]);
  return { sides, contested, missed };
}

/** Every copy of some keys, the first and the last of each kind. A tombstone may have been removed by then, everywhere. */
async function lookAtCopies({ sides, contested }: Written): Promise<void> {
  const [n1, n2] = all;
  const stateOf = async (key: string): Promise<string | undefined> => {
    const { replicas } = await view<Replicas>(n2, `/api/key?key=${encodeURIComponent(key)}`);
    const states = new Set(replicas.map(({ state, version }) => `${state} ${version}`));
    expect([replicas.length, states.size], `${key}: ${[...states].join(', ')}`).toEqual([3, 1]);
    return replicas[0]?.state;
  };
  for (const { deleted, name } of sides) {
    for (const key of [deleted.at(0), deleted.at(-1)])
      expect(['tombstone', 'none']).toContain(await stateOf(key as string));
    expect(await stateOf(`${name} ${WRITTEN - 1}`)).toBe('value');
    expect(await n1.tell('get', deleted[0] as string)).toMatchObject({ found: false });
  }
  const last = contested.at(-1) as string;
  expect(await stateOf(last)).toBe('value');
  expect(await n1.tell('get', last)).toMatchObject({ value: sides[1]?.name });
}

it.skipIf(lacks !== undefined)(
  'is alike again within half a minute; without hints each copy that was missed is mended, once',
  async () => {
    const written = await writeOnBothSides('compared');
    await holdBack('transfers');
    const mendedBefore = await mendedAt(...all);
    network.heal('n3');
    const healed = Date.now();
    await untilAlike(healed, ALIKE_WITHIN_MS);
    console.log(
      `alike ${((Date.now() - healed) / 1000).toFixed(1)} s after the cut, ${written.missed} copies were missed`,
    );
    expect((await mendedAt(...all)) - mendedBefore).toBe(written.missed);

    // What only hints have comes by them, and nothing is left to mend.
    await holdBack('exchange');
    await letGo('transfers');
    await untilHandedOver(60_000);
    await letGo('exchange');
    await untilAlike(Date.now(), 120_000);
    expect((await mendedAt(...all)) - mendedBefore).toBe(written.missed);
    await lookAtCopies(written);
  },
  300_000,
);

it.skipIf(lacks !== undefined)(
  'the same by hints, which leave nothing to mend',
  async () => {
    const written = await writeOnBothSides('handed over');
    await holdBack('exchange');
    const mendedBefore = await mendedAt(...all);
    network.heal('n3');
    const healed = Date.now();
    await untilHandedOver(ALIKE_WITHIN_MS);
    await letGo('exchange');
    await untilAlike(healed, ALIKE_WITHIN_MS - (Date.now() - healed));
    console.log(`alike ${((Date.now() - healed) / 1000).toFixed(1)} s after the cut`);
    expect((await mendedAt(...all)) - mendedBefore).toBe(0);
    await lookAtCopies(written);
  },
  300_000,
);
