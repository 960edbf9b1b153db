/**
 * Agreement in a world that loses, doubles and reorders messages, completes saves late, and kills nodes that then
 * come back with what they had saved - or knowing that they have forgotten the last of it. One document per epoch, and every outcome told the truth.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../base/prng.ts';
import type { Epoch, NodeId } from '../contracts/ids.ts';
import {
  birthDocument,
  encodeDocument,
  type AgreedDocument,
  type Member,
  type RingDocument,
} from '../ring/document.ts';
import { decodeAcceptorRecord, type AcceptorRecord } from './acceptor.ts';
import { recollect } from './loaded-records.ts';
import { Agreement, type AfterSave, type AgreementEffect, type Outcome } from './agreement.ts';
import {
  decodeMembershipMessage,
  encodeMembershipMessage,
  type AgreementMessage,
  type MembershipMessage,
} from './messages.ts';
import { membershipPresets } from './preset.ts';
import { isRefusal } from './refusal.ts';
import type { Build } from './staging.ts';
import { readDocument } from './wire-document.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
const ids = NAMES.map((name) => name.repeat(4) as NodeId);
const memberAt = (at: number): Member => ({
  id: ids[at] as NodeId,
  name: NAMES[at] as string,
  address: `${NAMES[at]}:1`,
  location: '',
  status: 'valid',
});

/** A field that the code does not know: it must travel, and it tells which changes a document holds. */
interface TaggedDocument extends RingDocument {
  readonly tags: readonly number[];
}
const tagsOf = ({ document }: AgreedDocument): readonly number[] => (document as TaggedDocument).tags;

function firstDocument(voters: number): AgreedDocument {
  const { status: _, ...self } = memberAt(0);
  const born = birthDocument({ clusterId: 'test', ringSize: 8, self, n: 3, level: 'eventual' });
  const members = ids.slice(0, voters).map((_id, at) => memberAt(at));
  return encodeDocument({ ...born, members, tags: [] } as TaggedDocument);
}

const addTag = (tag: number): Build => {
  return ({ document }) =>
    ({ ...document, tags: [...(document as TaggedDocument).tags, tag] }) as RingDocument;
};

/** Lets the member at `at` in or out as well, so that the voters change under way. */
const toggle =
  (tag: number, at: number): Build =>
  (current) => {
    const tagged = addTag(tag)(current) as RingDocument;
    const others = tagged.members.filter((member) => member.id !== ids[at]);
    const members = others.length === tagged.members.length ? [...others, memberAt(at)] : others;
    return { ...tagged, members };
  };

interface Save {
  readonly name: 'agreement' | 'ring';
  readonly bytes: Uint8Array;
  readonly after: AfterSave;
}
interface SimNode {
  agreement: Agreement;
  readonly disk: Disk;
  saves: Save[];
}
interface Disk {
  ring: Uint8Array;
  agreement: Uint8Array | undefined;
  /** The version before the last. */
  olderAgreement: Uint8Array | undefined;
  /** The last one cannot be read. */
  agreementDamaged: boolean;
}

type Stir = 'deliver' | 'save' | 'propose' | 'crash' | 'forget' | 'tick';
const times = (count: number, kind: Stir): Stir[] => Array.from({ length: count }, () => kind);

const drawMix = (dice: Prng) => ({
  kinds: [
    ...times(dice.between(20, 60), 'deliver'),
    ...times(dice.between(20, 60), 'save'),
    ...times(dice.between(1, 5), 'propose'),
    ...times(dice.between(0, 4), 'crash'),
    ...times(dice.between(1, 20), 'tick'),
  ],
  loss: dice.pick([0, 0.1, 0.3]),
  doubling: dice.pick([0, 0.1, 0.4]),
  failedSaves: dice.pick([0, 0.02]),
  toggles: dice.pick([0, 0.3]),
  pauseMs: dice.pick([100, 400, 1_000]),
});

class World {
  now = 0;
  readonly mix: ReturnType<typeof drawMix>;
  readonly dice: Prng;
  readonly nodes = new Map<NodeId, SimNode>();
  messages: { from: NodeId; to: NodeId; bytes: Uint8Array }[] = [];
  readonly chosen = new Map<number, AgreedDocument>();
  readonly outcomes = new Map<number, Outcome>();
  readonly log: string[] = [];
  #tag = 0;

  constructor(seed: number, voters: number, mix: Partial<ReturnType<typeof drawMix>> = {}) {
    this.dice = new Prng(seed);
    this.mix = { ...drawMix(this.dice), ...mix };
    const first = firstDocument(voters);
    this.chosen.set(1, first);
    for (const id of ids) {
      const disk = {
        ring: first.bytes,
        agreement: undefined,
        olderAgreement: undefined,
        agreementDamaged: false,
      };
      this.nodes.set(id, { agreement: this.#boot(id, disk), disk, saves: [] });
    }
  }

  #boot(self: NodeId, disk: SimNode['disk']): Agreement {
    const { ring, agreement, olderAgreement, agreementDamaged } = disk;
    const { acceptor: record } = recollect(self, {
      ring,
      agreement: agreementDamaged ? olderAgreement : agreement,
      damaged: new Set(agreementDamaged ? ['agreement'] : []),
    });
    const random = () => this.dice.u32();
    const current = readDocument(ring);
    this.#checkOnePerEpoch(current);
    return new Agreement({ self, current, record, random, timing: membershipPresets.local });
  }

  node(id: NodeId): SimNode {
    return this.nodes.get(id) as SimNode;
  }

  perform(self: NodeId, effects: readonly AgreementEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'save') this.node(self).saves.push(effect);
      else if (effect.kind === 'send') this.#post(self, effect.to, effect.message);
      else if (effect.kind === 'adopted') this.#checkOnePerEpoch(effect.agreed);
      else if (effect.kind === 'settled') this.outcomes.set(effect.proposal, effect.outcome);
      else if (effect.level === 'error') throw new Error(`${self}: ${effect.text}`);
      else this.log.push(`${self}: ${effect.text}`);
    }
  }

  #post(from: NodeId, to: NodeId, message: MembershipMessage): void {
    this.messages.push({ from, to, bytes: encodeMembershipMessage(message) });
  }

  #checkOnePerEpoch(agreed: AgreedDocument): void {
    const epoch = agreed.document.epoch;
    const known = this.chosen.get(epoch);
    if (known !== undefined) expect(agreed.digest, `one document for epoch ${epoch}`).toBe(known.digest);
    this.chosen.set(epoch, agreed);
  }

  propose(id: NodeId, build: (tag: number) => Build): number {
    const tag = ++this.#tag;
    this.perform(id, this.node(id).agreement.propose(tag, build(tag), this.now));
    return tag;
  }

  deliver(at: number): void {
    const { from, to, bytes } = this.messages.splice(at, 1)[0] as (typeof this.messages)[number];
    const message = decodeMembershipMessage(bytes);
    const { agreement } = this.node(to);
    if (message.kind === 'document') this.perform(to, agreement.learn(message.document));
    else if (message.kind === 'documentRequest')
      this.#post(to, from, { kind: 'document', document: agreement.current });
    else if ('slot' in message) this.perform(to, agreement.receive(from, message, this.now));
  }

  finishSave(id: NodeId, fails = false): void {
    const node = this.node(id);
    const save = node.saves.shift();
    if (save === undefined) return;
    if (fails) return this.perform(id, node.agreement.saveFailed(save.after, this.now));
    this.#write(node.disk, save);
    this.perform(id, node.agreement.saved(save.after, this.now));
  }

  #write(disk: Disk, { name, bytes }: Save): void {
    if (name === 'agreement') {
      disk.olderAgreement = disk.agreementDamaged ? disk.olderAgreement : disk.agreement;
      disk.agreementDamaged = false;
    }
    disk[name] = bytes;
  }

  /** Kill and restart: any prefix of the saves under way may have reached the disk. */
  crash(id: NodeId): void {
    const node = this.node(id);
    const kept = this.dice.below(node.saves.length + 1);
    for (const save of node.saves.slice(0, kept)) this.#write(node.disk, save);
    node.saves = [];
    node.agreement = this.#boot(id, node.disk);
  }

  /** A crash after which the newest record of its promises cannot be read. */
  forget(id: NodeId): void {
    this.node(id).disk.agreementDamaged = this.node(id).disk.agreement !== undefined;
    const { disk, saves } = this.node(id);
    for (const save of saves) if (save.name === 'ring') this.#write(disk, save);
    this.node(id).saves = [];
    this.node(id).agreement = this.#boot(id, disk);
  }

  /** Whoever is missing something that only others can tell him. */
  get forgetful(): NodeId[] {
    return ids.filter((id) => this.node(id).disk.agreementDamaged || this.recordOf(id)?.amnesic === true);
  }

  recordOf(id: NodeId): AcceptorRecord | undefined {
    const { agreement } = this.node(id).disk;
    return agreement && decodeAcceptorRecord(agreement);
  }

  tick(ms: number): void {
    this.now += ms;
    for (const [id, node] of this.nodes) this.perform(id, node.agreement.tick(this.now));
  }

  /** One thing that may happen; how likely each is, the seed has drawn. */
  stir(): void {
    const { dice, mix } = this;
    const id = dice.pick(ids);
    const kind = dice.pick(mix.kinds);
    if (kind === 'deliver' && this.messages.length > 0) {
      const at = dice.below(this.messages.length);
      if (dice.chance(mix.doubling)) this.messages.push(this.messages[at] as (typeof this.messages)[number]);
      if (dice.chance(mix.loss)) this.messages.splice(at, 1);
      else this.deliver(at);
    } else if (kind === 'save') this.finishSave(id, dice.chance(mix.failedSaves));
    else if (kind === 'propose')
      this.propose(id, dice.chance(mix.toggles) ? (tag) => toggle(tag, dice.between(1, 4)) : addTag);
    else if (kind === 'crash') this.crash(id);
    else if (kind === 'forget') this.forget(id);
    else this.tick(dice.pick([1, 50, mix.pauseMs]));
  }

  /** The network and the disks are well again: everything under way ends, and all meet in one document. */
  heal(): void {
    for (let round = 0; round < 220; round++) {
      for (const id of ids) while (this.node(id).saves.length > 0) this.finishSave(id);
      while (this.messages.length > 0) this.deliver(0);
      this.tick(50);
      if (round % 10 === 0) this.#gossip();
    }
  }

  #gossip(): void {
    for (const id of ids) this.#post(id, id, { kind: 'document', document: this.newest });
  }

  get newest(): AgreedDocument {
    return this.chosen.get(Math.max(...this.chosen.keys())) as AgreedDocument;
  }
}

function checkOutcomes(world: World): void {
  const tags = new Set(tagsOf(world.newest));
  for (const [proposal, outcome] of world.outcomes) {
    const happened = tags.has(proposal);
    if (outcome.kind === 'agreed') expect(happened, `change ${proposal} was agreed`).toBe(true);
    else if (outcome.definite) expect(happened, `change ${proposal} surely did not happen`).toBe(false);
  }
  expect(tagsOf(world.newest).length, 'no change happens twice').toBe(tags.size);
}

describe('Agreement', () => {
  it('chooses one document per epoch through loss, doubling, disorder, late saves and crashes', () => {
    let changes = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const world = new World(seed, [1, 2, 3, 3, 5][seed % 5] as number);
      for (let i = 0; i < 400; i++) world.stir();
      world.heal();
      checkOutcomes(world);
      const proposer = world.newest.document.members[0] as Member;
      const last = world.propose(proposer.id, addTag);
      world.heal();
      expect(world.outcomes.get(last)?.kind, `seed ${seed} goes on`).toBe('agreed');
      for (const { id } of world.newest.document.members) {
        expect(world.node(id).agreement.current.digest, `seed ${seed}`).toBe(world.newest.digest);
      }
      changes += tagsOf(world.newest).length;
    }
    expect(changes).toBeGreaterThan(600);
  });

  it('does so though nodes forget the last that they promised or accepted, as many of them as may', () => {
    const kinds = [
      ...times(160, 'deliver'),
      ...times(160, 'save'),
      ...times(8, 'propose'),
      ...times(2, 'forget'),
      ...times(20, 'tick'),
    ];
    let changes = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const world = new World(seed, [2, 3, 3, 5][seed % 4] as number, { kinds, pauseMs: 1_000 });
      for (let i = 0; i < 600; i++) world.stir();
      world.heal();
      checkOutcomes(world);
      changes += tagsOf(world.newest).length;
    }
    expect(changes).toBeGreaterThan(300);
  });

  it('answers no_majority when too few can be reached, unsure once its value was sent', () => {
    const world = new World(1, 3);
    const [a, b] = ids as [NodeId, NodeId];
    const lonely = world.propose(a, addTag);
    const step = (reach: boolean): void => {
      for (const id of ids) world.finishSave(id);
      const reachable = world.messages.findIndex(({ bytes, to }) => {
        const { kind } = decodeMembershipMessage(bytes);
        return reach && kind !== 'accepted' && kind !== 'document' && (to === a || to === b);
      });
      if (reachable >= 0) world.deliver(reachable);
      world.tick(10);
    };
    for (let i = 0; i < 600; i++) step(false);
    expect(world.outcomes.get(lonely)).toMatchObject({ code: 'no_majority', definite: true });
    world.messages = [];
    const heard = world.propose(a, addTag);
    for (let i = 0; i < 600; i++) step(true);
    expect(world.outcomes.get(heard)).toMatchObject({ code: 'no_majority', definite: false });
  });

  it('finishes what a dead proposer left accepted, without being asked', () => {
    const world = new World(2, 3);
    const [a] = ids as [NodeId];
    const tag = world.propose(a, addTag);
    // Until the acceptances are on their way back to a, which never sees them.
    while (!world.messages.some(({ bytes }) => decodeMembershipMessage(bytes).kind === 'accepted')) {
      for (const id of ids) world.finishSave(id);
      const at = world.messages.findIndex(({ bytes }) => decodeMembershipMessage(bytes).kind !== 'accepted');
      if (at >= 0) world.deliver(at);
    }
    world.messages = [];
    world.node(a).saves = [];
    world.crash(a);
    world.heal();
    expect(tagsOf(world.newest)).toEqual([tag]);
    expect(world.outcomes.has(tag)).toBe(false);
  });

  it('counts no answer to a ballot that it has given up', () => {
    const world = new World(6, 3);
    const [a, b] = ids as [NodeId, NodeId];
    const agreement = world.node(a).agreement;
    world.propose(a, addTag);
    world.finishSave(a);
    const clusterId = 'test';
    const promise = { kind: 'promise', clusterId, slot: 2 as never, accepted: null } as const;
    const late = { ...promise, ballot: { round: 1, node: a } };
    for (let i = 0; i < 25 && world.node(a).saves.length === 0; i++) world.tick(100);
    world.finishSave(a);
    expect(agreement.receive(b, late, world.now)).toEqual([]);
    const timely = { ...promise, ballot: { round: 2, node: a } };
    expect(agreement.receive(b, timely, world.now).map((effect) => effect.kind)).toContain('save');
  });

  it('answers once it has the ring when it was asked about what follows before that was durable', () => {
    const world = new World(7, 2);
    const [a, b] = ids as [NodeId, NodeId];
    const run = (isRingKept: boolean): void => {
      for (let i = 0; i < 30; i++, world.finishSave(a)) {
        if (isRingKept || world.node(b).saves[0]?.name !== 'ring') world.finishSave(b);
        while (world.messages.length > 0) world.deliver(0);
      }
    };
    world.propose(a, addTag);
    const second = world.propose(a, addTag);
    run(false);
    expect(world.node(a).agreement.current.document.epoch).toBe(2);
    run(true);
    expect(world.outcomes.get(second)?.kind).toBe('agreed');
  });

  it('refuses a document that cannot follow its own, loudly', () => {
    const world = new World(3, 3);
    const { agreement } = world.node(ids[0] as NodeId);
    const odd = encodeDocument({ ...agreement.current.document, epoch: 2 as never, parentDigest: 'other' });
    expect(agreement.learn(odd)).toMatchObject([{ kind: 'log', level: 'error' }]);
    const rival = encodeDocument({ ...agreement.current.document, parentDigest: 'other' });
    expect(agreement.learn(rival)).toMatchObject([{ kind: 'log', level: 'error' }]);
    const stranger = encodeDocument({ ...agreement.current.document, clusterId: 'other', epoch: 9 as never });
    expect(agreement.learn(stranger)).toEqual([]);
  });

  describe('a voter that has forgotten', () => {
    /** What only these have to do with. */
    function among(world: World, ...who: NodeId[]): void {
      for (let i = 0; i < 100; i++) {
        for (const id of who) world.finishSave(id);
        const at = world.messages.findIndex(({ from, to }) => who.includes(from) && who.includes(to));
        if (at >= 0) world.deliver(at);
      }
    }
    /** The same, until all of them remember, and not a step further. */
    function recall(world: World, ...who: NodeId[]): void {
      for (let i = 0; i < 1_000 && world.forgetful.length > 0; i++) {
        for (const id of who) world.finishSave(id);
        const at = world.messages.findIndex(({ from, to }) => who.includes(from) && who.includes(to));
        if (at >= 0) world.deliver(at);
        else world.tick(100);
      }
      expect(world.forgetful).toEqual([]);
      world.messages = [];
      for (const id of who) {
        world.node(id).saves = [];
        world.crash(id);
      }
    }
    const [a, b, c, d, e] = ids as [NodeId, NodeId, NodeId, NodeId, NodeId];

    it('that it accepted does not help to choose another document', () => {
      const world = new World(7, 3);
      const chosen = world.propose(a, addTag);
      among(world, a, b);
      expect(world.outcomes.get(chosen)?.kind).toBe('agreed');
      world.messages = [];
      // b has accepted and not heard that it was chosen; c has heard nothing.
      world.node(b).disk.ring = world.node(c).disk.ring;
      world.forget(b);
      const other = world.propose(c, addTag);
      among(world, b, c);
      for (let i = 0; i < 60; i++) {
        world.tick(100);
        among(world, b, c);
      }
      expect(world.outcomes.get(other)).toMatchObject({ code: 'no_majority', definite: true });
      world.heal();
      expect(tagsOf(world.newest)).toEqual([chosen]);
    });

    it('passes on what it was told, when others forget in their turn', () => {
      const world = new World(11, 4);
      const chosen = world.propose(a, addTag);
      for (let i = 0; i < 50; i++) {
        for (const id of ids) world.finishSave(id);
        // All accept, and only a hears that it was chosen.
        world.messages = world.messages.filter(
          ({ bytes }) => decodeMembershipMessage(bytes).kind !== 'document',
        );
        if (world.messages.length > 0) world.deliver(0);
      }
      expect(world.outcomes.get(chosen)?.kind).toBe('agreed');
      for (const id of [b, c, d]) {
        expect(world.recordOf(id)?.accepted).not.toBe(null);
        world.forget(id);
        recall(world, b, c, d);
      }
      const other = world.propose(b, addTag);
      for (let i = 0; i < 20; i++) {
        world.tick(100);
        among(world, b, c, d);
      }
      expect(world.outcomes.get(other)?.kind).toBe('agreed');
      expect(tagsOf(world.newest)).toEqual([chosen, other]);
    });

    it('keeps a promise to one whom nobody else has heard of', () => {
      const world = new World(12, 5);
      const clusterId = 'test';
      const prepare = (round: number, node: NodeId): AgreementMessage => {
        return { kind: 'prepare', clusterId, slot: 2 as Epoch, ballot: { round, node } };
      };
      const ask = (from: NodeId, message: AgreementMessage): string[] => {
        world.perform(b, world.node(b).agreement.receive(from, message, world.now));
        world.finishSave(b);
        const answers = world.messages.filter(({ to }) => to === from);
        world.messages = [];
        return answers.map(({ bytes }) => decodeMembershipMessage(bytes).kind);
      };
      expect(ask(e, prepare(10, e))).toEqual(['promise']);
      world.forget(b);
      expect(ask(a, prepare(3, a))).toEqual([]);
      recall(world, a, b, c, d);
      expect(ask(a, prepare(3, a))).toEqual(['nack']);
    });

    it('is told by the others what it had accepted, and then votes for that', () => {
      const world = new World(8, 3);
      const dead = world.propose(a, addTag);
      while (!world.messages.some(({ bytes }) => decodeMembershipMessage(bytes).kind === 'accepted')) {
        for (const id of ids) world.finishSave(id);
        const at = world.messages.findIndex(
          ({ bytes }) => decodeMembershipMessage(bytes).kind !== 'accepted',
        );
        if (at >= 0) world.deliver(at);
      }
      world.messages = [];
      for (const id of [b, c]) world.node(id).saves = [];
      for (const id of [b, c]) world.crash(id);
      const holders = ids.filter((id) => world.recordOf(id)?.accepted != null);
      expect(holders.length, 'accepted by some').toBeGreaterThan(0);
      world.forget(holders[0] as NodeId);
      expect(world.forgetful).toEqual([holders[0]]);
      world.heal();
      expect(world.forgetful).toEqual([]);
      expect(tagsOf(world.newest)).toEqual([dead]);
    });

    it('waits until enough others are there to be asked, and says when it votes again', () => {
      const world = new World(9, 3);
      world.propose(a, addTag);
      world.heal();
      world.propose(b, addTag);
      world.finishSave(b);
      world.messages = [];
      world.forget(b);
      const rounds = new Set<number>();
      for (let i = 0; i < 300; i++) {
        world.tick(100);
        world.finishSave(b);
        for (const { from, bytes } of world.messages) {
          const message = decodeMembershipMessage(bytes);
          if (from === b && message.kind === 'prepare') rounds.add(message.ballot.round);
        }
        among(world, a, b);
        world.messages = [];
      }
      expect(world.forgetful, 'one of two others is not enough').toEqual([b]);
      expect(rounds.size, 'asking in vain uses no rounds up').toBe(1);
      expect(Math.min(...rounds)).toBeGreaterThanOrEqual(2 ** 32);
      world.heal();
      expect(world.forgetful).toEqual([]);
      expect(world.log).toContain(
        `${b}: the other members have told what this node had forgotten: it votes again`,
      );
    });

    it('with nobody else in the ring has forgotten nothing that matters', () => {
      const world = new World(10, 1);
      world.propose(a, addTag);
      world.finishSave(a);
      world.forget(a);
      const again = world.propose(a, addTag);
      among(world, a);
      expect(world.outcomes.get(again)?.kind).toBe('agreed');
    });
  });

  it('never asks others before its own promise is durable, so no life reuses a ballot', () => {
    const world = new World(4, 3);
    const a = ids[0] as NodeId;
    world.propose(a, addTag);
    expect(world.messages).toEqual([]);
    world.finishSave(a);
    const rounds = new Set<number>();
    const noteRounds = (): void => {
      for (const { bytes } of world.messages) {
        const message = decodeMembershipMessage(bytes);
        if (message.kind === 'prepare') rounds.add(message.ballot.round);
      }
      world.messages = [];
    };
    noteRounds();
    world.crash(a);
    world.propose(a, addTag);
    world.finishSave(a);
    noteRounds();
    expect([...rounds]).toEqual([1, 2]);
  });

  it('refuses and skips without asking anyone when there is nothing to agree on', () => {
    const world = new World(5, 3);
    const a = ids[0] as NodeId;
    const skipped = world.propose(
      a,
      () =>
        ({ document }) =>
          document,
    );
    expect(world.outcomes.get(skipped)).toMatchObject({ kind: 'agreed' });
    const refused = world.propose(a, () => () => ({
      kind: 'refused',
      code: 'not_member',
      message: '',
      definite: true,
    }));
    expect(isRefusal(world.outcomes.get(refused) as Outcome)).toBe(true);
    expect(world.messages).toEqual([]);
  });
});
