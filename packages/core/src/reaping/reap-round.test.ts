/**
 * Three members and the rounds that the first of them leads. Whether each is clean, compared and flushed the test says, and
 * what was asked of whom stands in `asked`.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualHost } from '../../test/manual-host.ts';
import { stampHex, stampMs } from '../base/hybrid-clock.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import { birthDocument, type Member, type MemberStatus, type RingDocument } from '../ring/document.ts';
import type { ReapingPort } from './port.ts';
import { ReapMember } from './reap-member.ts';
import { ReapRounds } from './reap-round.ts';
import { decodeFloorRecord, NO_STAMP, type ReapStep } from './reap-wire.ts';

const NAMES = ['n1', 'n2', 'n3'] as const;
const NOW = 1_000_000;
/** What a round that begins at once proves: five seconds before. */
const FLOOR = NOW - 5_000;

function memberOf(name: string, status: MemberStatus = 'valid'): Member {
  return { id: name as NodeId, name, address: '', location: '', storeId: name, status } as Member;
}

function ring(epoch: number, ...members: Member[]): RingDocument {
  const self = memberOf('n1');
  const born = birthDocument({ clusterId: 'c', ringSize: 8, self, n: 3, level: 'eventual' });
  return { ...born, epoch: epoch as Epoch, members };
}

class Node {
  readonly host = new ManualHost();
  readonly member: ReapMember;
  document = ring(3, ...NAMES.map((name) => memberOf(name)));
  life = 'first';
  isUp = true;
  tombstones = 1;
  unclean: string | undefined;
  whyBarMustWait: string | undefined;
  isCompared = true;
  isRepairing = false;
  isFlushed = true;
  /** Saves that are not durable yet; undefined: each is at once. */
  saves: (() => void)[] | undefined;
  record: Uint8Array | undefined;
  timesHurried = 0;
  comparedSince: number[] = [];
  becameKnown = 0;

  constructor(stage: Stage, name: string, record?: Uint8Array) {
    this.member = new ReapMember(stage.portOf(this, name as NodeId), record);
    this.member.adopt();
  }
}

class Stage {
  readonly nodes = new Map<string, Node>();
  readonly asked: string[] = [];
  lowest: number | undefined = NOW;
  rounds!: ReapRounds;

  constructor() {
    const record = new TextEncoder().encode(
      JSON.stringify({ clusterId: 'c', bar: NO_STAMP, floor: NO_STAMP }),
    );
    for (const name of NAMES) this.nodes.set(name, new Node(this, name, record));
    this.rounds = new ReapRounds(this.portOf(this.of('n1'), 'n1' as NodeId), this.of('n1').member);
  }

  of(name: string): Node {
    return this.nodes.get(name) as Node;
  }

  portOf(node: Node, self: NodeId): ReapingPort {
    return {
      self,
      host: node.host,
      get document() {
        return node.document;
      },
      life: () => node.life,
      isUp: (other) => this.of(other)?.isUp === true,
      leads: () => self === 'n1',
      lowestClock: () => this.lowest,
      tombstones: () => node.tombstones,
      unclean: () => node.unclean,
      whyBarMustWait: () => node.whyBarMustWait,
      compareSoon: () => node.timesHurried++,
      comparedSince: (at) => {
        node.comparedSince.push(at);
        return node.isCompared;
      },
      isRepairing: () => node.isRepairing,
      markStored: () => 1,
      isFlushed: () => node.isFlushed,
      ask: (to, question, done) => {
        this.asked.push(`${to} ${question.step}`);
        const other = this.of(to);
        if (!other.isUp) return done(undefined);
        return other.member.answer(question, done);
      },
      save: (record, done) => {
        const durable = (): void => {
          node.record = record;
          done();
        };
        if (node.saves === undefined) durable();
        else node.saves.push(durable);
      },
      onKnown: () => node.becameKnown++,
    };
  }

  tick(seconds = 1): void {
    for (let i = 0; i < seconds; i++) {
      for (const { host } of this.nodes.values()) host.advance(1_000);
      this.rounds.tick(this.of('n1').host.monotonic());
    }
  }

  get floors(): number[] {
    return NAMES.map((name) => stampMs(this.of(name).member.floor));
  }

  get bars(): number[] {
    return NAMES.map((name) => stampMs(this.of(name).member.bar));
  }
}

const all = <T>(value: T): T[] => NAMES.map(() => value);

let stage: Stage;
beforeEach(() => (stage = new Stage()));

describe('a round', () => {
  it('asks every member for each step, and in the end the floor holds at all of them, on record', () => {
    stage.tick();
    const steps: ReapStep[] = ['survey', 'bar', 'clean', 'compare', 'flush', 'floor'];
    expect(stage.asked).toEqual(steps.flatMap((step) => NAMES.map((name) => `${name} ${step}`)));
    expect([stage.floors, stage.bars]).toEqual([all(FLOOR), all(FLOOR)]);
    for (const name of NAMES)
      expect(decodeFloorRecord(stage.of(name).record as Uint8Array)).toMatchObject({ clusterId: 'c' });
  });

  it('is not begun where nothing could go, and the next one comes after a while', () => {
    for (const name of NAMES) stage.of(name).tombstones = 0;
    stage.tick(5);
    expect(stage.asked).toEqual(NAMES.map((name) => `${name} survey`));
    expect(stage.bars).toEqual(all(0));
    stage.of('n2').tombstones = 1;
    stage.tick(10);
    expect(stage.floors).toEqual(all(FLOOR));
  });

  it.each<[string, () => void]>([
    ['a member is not up', () => (stage.of('n2').isUp = false)],
    ['nobody knows what a clock shows', () => (stage.lowest = undefined)],
    [
      'partitions move',
      () => (stage.of('n1').document = { ...stage.of('n1').document, pending: [1 as never] }),
    ],
  ])('is not begun while %s', (_, happen) => {
    happen();
    stage.tick(30);
    expect(stage.asked).toEqual([]);
  });

  it.each<[string, ReapStep, () => void, () => void]>([
    [
      'one holds something of others',
      'clean',
      () => (stage.of('n3').unclean = 'it holds copies for others'),
      () => (stage.of('n3').unclean = undefined),
    ],
    [
      'a pair is not compared',
      'compare',
      () => (stage.of('n2').isCompared = false),
      () => (stage.of('n2').isCompared = true),
    ],
    [
      'a store has not flushed',
      'flush',
      () => (stage.of('n2').isFlushed = false),
      () => (stage.of('n2').isFlushed = true),
    ],
    [
      'a copy is being repaired from another',
      'flush',
      () => (stage.of('n3').isRepairing = true),
      () => (stage.of('n3').isRepairing = false),
    ],
  ])('waits while %s', (_, step, begin, end) => {
    begin();
    stage.tick(10);
    expect(stage.asked.at(-1)?.endsWith(step)).toBe(true);
    expect([stage.floors, stage.bars]).toEqual([all(0), all(FLOOR)]);
    end();
    stage.tick();
    expect(stage.floors).toEqual(all(FLOOR));
  });

  it('raises no bar while members write under a stamp of their past', () => {
    for (const name of NAMES) stage.of(name).whyBarMustWait = 'a flush goes on';
    stage.tick(10);
    expect(stage.asked.at(-1)).toBe('n3 bar');
    expect([stage.floors, stage.bars]).toEqual([all(0), all(0)]);
    for (const name of NAMES) stage.of(name).whyBarMustWait = undefined;
    stage.tick();
    expect(stage.floors).toEqual(all(FLOOR));
  });

  it('waits until the bar is on record everywhere', () => {
    stage.of('n2').saves = [];
    stage.tick(3);
    expect(stage.asked).not.toContain('n1 clean');
    expect(stage.bars, 'and it holds at once').toEqual(all(FLOOR));
    for (const save of stage.of('n2').saves ?? []) save();
    expect(stage.asked).toContain('n1 clean');
  });

  it('counts only comparisons that began when all were clean', () => {
    stage.of('n2').unclean = 'it holds copies for others';
    stage.tick(5);
    expect(NAMES.map((name) => stage.of(name).timesHurried)).toEqual(all(0));
    stage.of('n2').unclean = undefined;
    stage.of('n3').isCompared = false;
    stage.tick(3);
    expect(NAMES.map((name) => stage.of(name).timesHurried)).toEqual(all(1));
    expect(new Set(stage.of('n3').comparedSince), 'asked again, about the same moment').toEqual(
      new Set([6_000]),
    );
  });

  it.each<[string, () => void]>([
    ['a member starts anew', () => (stage.of('n3').life = 'second')],
    ['a member goes away', () => (stage.of('n3').isUp = false)],
    ['the ring changes', () => stage.rounds.adopt()],
    [
      'a member has a newer ring',
      () => (stage.of('n3').document = { ...stage.of('n3').document, epoch: 4 as Epoch }),
    ],
  ])('comes to nothing when %s', (_, happen) => {
    stage.of('n2').isCompared = false;
    stage.tick(2);
    happen();
    stage.of('n2').isCompared = true;
    stage.tick(3);
    expect([stage.floors, stage.bars]).toEqual([all(0), all(FLOOR)]);
  });

  it('leaves out who has been let in and not entered, and nobody else', () => {
    const { document } = stage.of('n1');
    const members = [...document.members, memberOf('n4', 'joining')];
    for (const name of NAMES) stage.of(name).document = { ...document, members };
    stage.tick();
    expect(stage.floors).toEqual(all(FLOOR));
    const down = [...document.members.slice(0, 2), memberOf('n3', 'down')];
    for (const name of NAMES) stage.of(name).document = { ...document, members: down };
    stage.of('n3').isUp = false;
    stage.lowest = NOW + 60_000;
    stage.tick(30);
    expect(stage.floors).toEqual(all(FLOOR));
  });
});

describe('a member', () => {
  it('never goes back, and a floor without its bar is a bar as well', () => {
    stage.tick();
    const { member } = stage.of('n2');
    member.learn({ bar: NO_STAMP, floor: NO_STAMP });
    expect([stampMs(member.floor), stampMs(member.bar)]).toEqual([FLOOR, FLOOR]);
    member.learn({ bar: NO_STAMP, floor: `${(FLOOR + 1).toString(16).padStart(12, '0')}${'0'.repeat(20)}` });
    expect([stampMs(member.floor), stampMs(member.bar)]).toEqual([FLOOR + 1, FLOOR + 1]);
  });

  it('remembers over a restart, and knows nothing in another cluster', () => {
    stage.tick();
    const again = new Node(stage, 'n2', stage.of('n2').record);
    expect([stampMs(again.member.floor), again.member.known]).toEqual([FLOOR, true]);
    again.document = { ...again.document, clusterId: 'another' };
    again.member.adopt();
    expect([stampMs(again.member.floor), stampMs(again.member.bar), again.member.known]).toEqual([
      0,
      0,
      false,
    ]);
  });

  it('that has just come asks another, and may take over what others hold once it has heard', () => {
    stage.tick();
    const newcomer = new Node(stage, 'n3');
    expect(newcomer.member.known).toBe(false);
    newcomer.member.tick(0);
    expect([newcomer.member.known, newcomer.becameKnown]).toEqual([true, 1]);
    expect(stampMs(newcomer.member.floor)).toBe(FLOOR);
  });

  it('that has just come saves nothing below what is on its way to its disk', () => {
    stage.tick();
    const newcomer = new Node(stage, 'n3');
    const saves = (newcomer.saves = []) as (() => void)[];
    newcomer.member.tick(0);
    expect(saves.length).toBeGreaterThan(1);
    for (const durable of saves) durable();
    const { floor } = decodeFloorRecord(newcomer.record as Uint8Array) ?? { floor: NO_STAMP };
    expect([floor, stampMs(newcomer.member.floor)]).toEqual([stampHex(newcomer.member.floor), FLOOR]);
  });

  it('that has come with others asks all at once, and believes the one that knows', () => {
    const [n1, n3] = ['n1', 'n3'].map((name) => new Node(stage, name)) as [Node, Node];
    stage.nodes.set('n1', n1).set('n3', n3);
    n3.member.tick(0);
    expect([stage.asked, n3.member.known]).toEqual([['n1 survey', 'n2 survey'], true]);
    n1.member.tick(0);
    expect([stage.asked.slice(2), n1.member.known]).toEqual([['n2 survey', 'n3 survey'], true]);
  });

  it('believes that there is none when all the others know as little', () => {
    const ignorant = NAMES.map((name) => new Node(stage, name));
    NAMES.forEach((name, at) => stage.nodes.set(name, ignorant[at] as Node));
    const [first] = ignorant as [Node];
    stage.of('n2').isUp = false;
    first.member.tick(0);
    expect(first.member.known).toBe(false);
    stage.of('n2').isUp = true;
    first.member.tick(1_000);
    expect(first.member.known).toBe(true);
  });

  it('hears from another what it has missed', () => {
    stage.of('n3').saves = [];
    stage.tick();
    expect(stage.floors).toEqual(all(0));
    stage.of('n3').saves = undefined;
    stage
      .of('n1')
      .member.learn({ bar: NO_STAMP, floor: `${FLOOR.toString(16).padStart(12, '0')}${'0'.repeat(20)}` });
    for (let at = 0; at < 3; at++) stage.of('n3').member.tick(at * 10_000);
    expect(stampMs(stage.of('n3').member.floor)).toBe(FLOOR);
  });
});
