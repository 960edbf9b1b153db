/** Three members, n1 to n3, each the owner of every third of nine partitions; what is wrong with them says the test. */
import { birthDocument, type Member, type NodeId, type RingDocument } from '@rkv/core';
import { describe, expect, it } from 'vitest';
import type { Finding, MemberView } from '../admin/api.ts';
import { diagnose, type Symptoms } from './doctor.ts';

const NAMES = ['n1', 'n2', 'n3'];

function documentOf(names: readonly string[], change: Partial<RingDocument> = {}): RingDocument {
  const members = names.map((name): Member => ({
    id: name as NodeId,
    name,
    address: `${name}:1`,
    location: '',
    status: 'valid',
  }));
  const birth = birthDocument({
    clusterId: 'c',
    ringSize: 8,
    self: members[0] as Member,
    n: 3,
    level: 'eventual',
  });
  const owners = Array.from({ length: 9 }, (_, at) => names[at % names.length] as NodeId);
  return { ...birth, ringSize: 9, members, owners, ...change };
}

interface Ills {
  readonly document?: RingDocument;
  readonly members?: Readonly<Record<string, Partial<MemberView>>>;
  readonly symptoms?: Partial<Symptoms>;
  readonly ready?: boolean;
}

function examine({
  document = documentOf(NAMES),
  members = {},
  symptoms = {},
  ready = true,
}: Ills = {}): Finding[] {
  const views = document.members.map(({ name, id, status }): MemberView => ({
    ...{ name, id, status, address: `${name}:1`, up: true, partitions: 3, slow: false, location: '' },
    ...{ ringPercent: 33.3, pendingPercent: 33.3, partialVnodes: 0, clockOffsetMs: 3 },
    ...members[name],
  }));
  return diagnose({
    document,
    isOutside: false,
    status: {
      ...{ members: views, ready, claimant: 'n1', epoch: 7, clusterId: 'c', ringSize: 9, pending: 0 },
    },
    transfers: { active: [], waiting: [] },
    exchange: { partitions: [], differing: 0, paused: [], failed: [] },
    scrub: { vnodes: [], failed: [] },
    limits: [{ limit: 'open_requests', used: 3, max: 100 }],
    ...symptoms,
  });
}

const told = (ills: Ills): string[] => examine(ills).map(({ severity, what }) => `${severity}: ${what}`);

describe('a cluster', () => {
  it('with which nothing is wrong has no findings', () => {
    expect(examine()).toEqual([]);
  });

  it.each<[string, Ills, string[]]>([
    [
      'a member that is not heard',
      { members: { n3: { up: false, clockOffsetMs: 900_000 } } },
      ['wrong: n3 (valid) is not heard: others stand in for it.'],
    ],
    [
      'one that was put aside',
      { members: { n3: { up: false, status: 'down' } } },
      ['wrong: n3 is away and counted as down: others stand in for it, and nothing moves to it.'],
    ],
    [
      'a majority that is away comes after who is away',
      { members: { n2: { up: false }, n3: { up: false } } },
      [
        'wrong: n2 (valid) is not heard: others stand in for it.',
        'wrong: n3 (valid) is not heard: others stand in for it.',
        'wrong: Only 1 of the 3 members that vote are heard: no ring can be changed, and strict keys may be away.',
      ],
    ],
    [
      'clocks, the worst first',
      {
        members: {
          n1: { clockOffsetMs: -1_500 },
          n2: { clockOffsetMs: 3_600_000 },
          n3: { clockOffsetMs: 999 },
        },
      },
      [
        'wrong: The clock of n2 is 60 min ahead of that of the cluster.',
        'look: The clock of n1 is 1.5 s behind that of the cluster.',
      ],
    ],
    [
      'disks, loops, vnodes that heal',
      { members: { n1: { disk: 'slow', slow: true }, n2: { partialVnodes: 2 }, n3: { disk: 'read_only' } } },
      [
        'wrong: The store of n3 takes no writes.',
        'look: The commits of n1 take more than 0.1 s.',
        'look: The event loop of n1 is late.',
        'look: 2 vnodes of n2 cannot prove to hold everything (partial).',
      ],
    ],
    [
      'entries that are damaged, by node',
      {
        symptoms: {
          scrub: {
            vnodes: [1, 2].map((partition) => ({
              ...{ node: 'n2', partition, running: false, entries: 9, checked: 9, damaged: 1, healed: 0 },
            })),
            failed: [],
          },
        },
      },
      ["wrong: 2 entries on the disk of n2 cannot be believed and wait for another replica's."],
    ],
    [
      'fewer members than copies',
      { document: documentOf(['n1']) },
      ['look: n is 3 and there is one member: one node holds several copies of a key.'],
    ],
    [
      'copies that meet on one node',
      { document: documentOf(NAMES, { owners: [...'112312312'].map((digit) => `n${digit}` as NodeId) }) },
      ['look: 3 of 9 preference lists of n=3 have two copies on one node.'],
    ],
    [
      'but for what no ring of this size could avoid',
      {
        document: documentOf(NAMES, {
          ringSize: 8,
          owners: [...'12312312'].map((digit) => `n${digit}` as NodeId),
        }),
      },
      [],
    ],
    [
      'what is staged, and a ring that not all have',
      { document: documentOf(NAMES, { staged: [{ kind: 'resize', ringSize: 16 }] }), ready: false },
      ['look: 1 change of the ring is staged.', 'look: Not every member that is up has this ring yet.'],
    ],
    [
      'transfers that wait for long, by what they wait for',
      {
        symptoms: {
          transfers: {
            active: [],
            waiting: [61_000, 90_000, 3_000].map((sinceMs, partition) => ({
              ...({
                kind: 'ownership',
                partition,
                from: 'n1',
                to: 'n2',
                reason: 'n2 is full',
                sinceMs,
              } as const),
            })),
          },
        },
      },
      ['look: 2 transfers (ownership, n1 to n2: n2 is full) wait for 90 s.'],
    ],
    [
      'copies that are not compared, or not alike for long; not who is away',
      {
        members: { n3: { up: false } },
        symptoms: {
          exchange: {
            partitions: [
              { service: 'rkv', partition: 1, pairs: 3, alikeMs: 400_000, mended: 0 },
              { service: 'rkv', partition: 2, pairs: 3, alikeMs: null, mended: 0 },
            ],
            differing: 0,
            paused: ['n1'],
            failed: [
              { node: 'n2', reason: 'no answer' },
              { node: 'n3', reason: 'it is down' },
            ],
          },
        },
      },
      [
        'wrong: n3 (valid) is not heard: others stand in for it.',
        'look: No copies are compared at n1.',
        'look: n2 does not say how alike its copies are: no answer.',
        'look: The copies of 1 partition were not found alike for more than five minutes.',
      ],
    ],
    [
      'who waits to be let in, heard or not',
      { members: { n2: { status: 'joining' }, n3: { status: 'joining', up: false } } },
      [
        'look: n2 has asked to join and is not let in yet.',
        'look: n3 has asked to join and is not let in yet, and is not heard.',
      ],
    ],
    [
      'a ring that the asked node is not in: only the members of the one that it is about to enter',
      { document: documentOf(['n1']), ready: false, symptoms: { isOutside: true } },
      [],
    ],
    [
      'copies that were never compared, and why; a disk of which nothing is said',
      {
        symptoms: {
          exchange: {
            partitions: [
              {
                service: 'rkv',
                partition: 1,
                pairs: 3,
                alikeMs: null,
                mended: 0,
                reason: 'n2 does not answer',
              },
              { service: 'rkv', partition: 2, pairs: 3, alikeMs: null, mended: 0 },
            ],
            differing: 0,
            paused: [],
            failed: [],
          },
          scrub: { vnodes: [], failed: [{ node: 'n2', reason: 'no answer' }] },
        },
      },
      [
        'look: n2 does not say what it found on its disk: no answer.',
        'look: The copies of 1 partition are not known to be alike: n2 does not answer.',
      ],
    ],
    [
      'clocks of two, of which the lower counts',
      { document: documentOf(['n1', 'n2'], {}), members: { n1: { clockOffsetMs: 5_000 } } },
      [
        'look: The clock of n1 is 5.0 s ahead of the other.',
        'look: n is 3 and there are 2 members: one node holds several copies of a key.',
      ],
    ],
    [
      'no limit that is meant to be reached, nor one of nothing',
      {
        symptoms: {
          limits: [
            { limit: 'handoff_out', used: 4, max: 4 },
            { limit: 'write_bytes', used: 9, max: 8 },
            { limit: 'handoff_in', used: 0, max: 0 },
            { limit: 'redis_command_bytes', max: 9 },
          ],
        },
      },
      [],
    ],
    [
      'a limit that is nearly reached, beyond which is refused',
      {
        symptoms: {
          limits: [
            { limit: 'redis_clients', used: 95, max: 100 },
            { limit: 'pool_jobs', used: 1_000, max: 1_000 },
          ],
        },
      },
      [
        'look: redis_clients of this node is at 95 of 100.',
        'look: pool_jobs of this node is at 1000 of 1000.',
      ],
    ],
  ])('%s', (_, ills, expected) => {
    expect(told(ills)).toEqual(expected);
    for (const { advice } of examine(ills)) expect(advice).not.toBe('');
  });
});
