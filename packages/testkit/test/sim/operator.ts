/**
 * An operator who does not rest: starts machines, lets nodes in, sends others away, plans and commits, clears, goes by
 * an old plan now and then - through any node, while links are cut and nodes die.
 *
 * A machine whose node has left is emptied and started again later: then it is a new node. Of a member whose disk was lost
 * nothing comes back: it is called down, which ends its transfers, and removed by force, or a newcomer takes its place.
 */
import {
  bucketOf,
  isOtherLine,
  votersOf,
  type AdminRequest,
  type NodeId,
  type RequestResult,
} from '@rkv/core';
import type { SimCluster, World } from '@rkv/testkit';
import { hasStrictBucket, STRICT_PREFIX } from './copies.ts';
import { Forcing } from './forcing.ts';
import { citizensOf, readyNodes, type Realm } from './peace.ts';
import type { SimNode } from './rkv-cluster.ts';

export interface OperatorInit {
  readonly world: World;
  readonly cluster: SimCluster<SimNode>;
  readonly realm: Realm;
  readonly machines: readonly string[];
  /** How many of them run from the start. */
  readonly atFirst: number;
  /** In the end the ring has this size again: a node that is let in comes with a ring of it. */
  readonly ringSize: number;
  /** From then on nobody is started or sent away any more; who runs is let in. */
  readonly restlessUntilMs: number;
  /** Which epoch the ring document of this digest is of, when somebody has adopted it. */
  epochOf(digest: string): number | undefined;
  /** Whether the disk of a stranded node may be emptied now. */
  mayEmpty(): boolean;
  onEmptied(): void;
  /** This node, which was stranded, begins anew with the data that it has. */
  onFreed(id: NodeId): void;
  /** Whether a ring was forced, and not everybody is together again. */
  isDivided(): boolean;
  report(problem: string): void;
}

const SIZES = [8, 16, 32, 64] as const;
/** Fewer than this and a key's copies do not lie on three machines. */
const MEMBERS_MIN = 3;
/** How many machines are set up from an image that brings its clock along, or have no battery: of those started later. */
const REWOUND_SHARE = 0.5;
/** How many machines that are off are started when a cut is not waited out. */
const NEWCOMERS_SHARE = 0.7;
const STEPS_BEHIND_A_CUT = 8;
/** An operator's request: the claimant waits, agreement tries, the question travels. By the node's own clock. */
const ANSWER_WITHIN_MS = 30_000;

export class Operator {
  readonly #init: OperatorInit;
  readonly #dice: ReturnType<World['prng']>;
  /** Machines that are not to run: not started yet, or their node has left. */
  readonly #off: Set<string>;
  readonly #diary: string[] = [];
  readonly #forcing: Forcing;
  /** The plan for the latest ring so far, and one for a ring before. */
  #plan: { readonly planId: string; readonly epoch: number } | undefined;
  #oldPlanId: string | undefined;
  commits = 0;
  leaves = 0;

  constructor(init: OperatorInit) {
    this.#init = init;
    this.#dice = init.world.prng('operator');
    this.#off = new Set(init.machines.slice(init.atFirst));
    for (const machine of init.machines.slice(0, init.atFirst)) init.cluster.start(machine);
    init.world.schedule(this.#dice.between(500, 2_000), this.#step, 'operator');
    this.#forcing = this.#newForcing();
  }

  /** What was done, a line each. */
  get diary(): string {
    return this.#diary.join('\n');
  }

  /** Whether this machine is to run. */
  wants(machine: string): boolean {
    return !this.#off.has(machine) && !this.#forcing.stranded.includes(machine);
  }

  /** Machines whose node is in no ring, and holds data. */
  get stranded(): readonly string[] {
    return this.#forcing.stranded;
  }

  /**
   * The first of two sides, or the other if that is smaller, is to go on without the other as soon as it can. Both have somebody
   * who lets newcomers in: one half will have done so in vain.
   */
  goOn(sides: Parameters<Forcing['goOn']>[0]): void {
    for (const machine of this.#startable) if (this.#dice.chance(NEWCOMERS_SHARE)) this.#start(machine);
    for (const side of sides) this.#lookAfter(side, STEPS_BEHIND_A_CUT);
    this.#forcing.goOn(sides);
  }

  /** Let in who stands outside on this side of a cut. */
  #lookAfter(side: readonly string[], stepsLeft: number): void {
    if (stepsLeft === 0) return;
    const { world, realm } = this.#init;
    const step = (): void => {
      this.#lookAfter(side, stepsLeft - 1);
      const doors = citizensOf(realm).filter(({ machine }) => side.includes(machine));
      if (doors.length === 0) return;
      const door = this.#dice.pick(doors);
      this.#letIn(door, side);
      this.#carryOut(door);
    };
    world.schedule(this.#dice.between(500, 2_500), step, 'operator');
  }

  /** Its node was let in by members whose ring was undone. */
  strand(citizen: SimNode): void {
    this.#forcing.strand(citizen);
  }

  /** Its node has left the cluster: stop it, and empty the machine once it is down. */
  removed({ machine, node }: SimNode): void {
    const { world, cluster } = this.#init;
    this.#note(`${machine} has left`);
    this.leaves++;
    this.#off.add(machine);
    world.schedule(0, () => cluster.stop(machine), 'operator');
    const emptied = (): void => {
      const now = cluster.node(machine);
      if (now?.node === node) world.schedule(500, emptied, 'operator');
      else if (now === undefined && !this.wants(machine)) cluster.loseDisk(machine, 'everything');
    };
    world.schedule(500, emptied, 'operator');
  }

  /** Why not everybody who runs is a full member of the one cluster, or undefined. */
  unfinished(): string | undefined {
    const { realm, cluster } = this.#init;
    const citizens = citizensOf(realm);
    const document = citizens[0]?.node.document;
    if (document === undefined) return 'nobody is in the cluster';
    const outside = cluster.running.filter(
      (machine) => !citizens.some((citizen) => citizen.machine === machine),
    );
    if (document.resize !== undefined) return `the ring is being resized to ${document.resize.ringSize}`;
    if (document.ringSize !== this.#init.ringSize) return `the ring has ${document.ringSize} partitions`;
    if (outside.length > 0) return `${outside.join(', ')} not in the cluster`;
    const other = document.members.find(({ status }) => status !== 'valid');
    if (other !== undefined) return `${other.name} is ${other.status}`;
    const gone = document.members.find(({ id }) => realm.lost.has(id));
    if (gone !== undefined) return `${gone.name} is lost and not removed`;
    if (this.stranded.length > 0) return `${this.stranded.join(', ')} in no ring`;
    return document.staged.length > 0 ? `a ${document.staged[0]?.kind} is staged` : undefined;
  }

  #newForcing(): Forcing {
    const { world, cluster, realm, mayEmpty, onEmptied, onFreed } = this.#init;
    return new Forcing({
      world,
      cluster,
      realm,
      dice: world.prng('forcing'),
      force: (door, nodes, then) =>
        this.#ask(door, { kind: 'down', nodes, force: true }, `to go on without ${nodes.length}`, then),
      mayEmpty,
      onEmptied,
      onFreed,
      start: (machine) => cluster.restart(machine),
      note: (line) => this.#note(line),
    });
  }

  readonly #step = (): void => {
    const { world, realm, restlessUntilMs } = this.#init;
    world.schedule(this.#dice.between(300, 2_500), this.#step, 'operator');
    const doors = citizensOf(realm);
    if (doors.length === 0) return;
    const door = this.#dice.pick(doors);
    if (!hasStrictBucket(door)) this.#openStrictBucket(door);
    if (world.now() < restlessUntilMs) this.#change(door);
    else this.#resizeBack(door);
    if (world.now() >= restlessUntilMs || this.#dice.chance(0.15)) this.#forgetLost(door);
    if (door.node.document.ringSize === this.#init.ringSize) this.#letIn(door);
    if (this.#dice.chance(0.7) || world.now() >= restlessUntilMs) this.#carryOut(door);
  };

  #openStrictBucket(door: SimNode): void {
    const was = bucketOf(door.node.document, STRICT_PREFIX);
    const to = { n: was.n, level: 'strict' as const };
    this.#ask(door, { kind: 'bucket', prefix: STRICT_PREFIX, to, was }, 'for a strict bucket');
  }

  #change(door: SimNode): void {
    const off = this.#startable;
    if (off.length > 0 && this.#dice.chance(0.15)) this.#start(this.#dice.pick(off));
    const { members } = door.node.document;
    const full = members.filter(({ status }) => status === 'valid');
    if (full.length > MEMBERS_MIN && this.#dice.chance(0.2)) {
      const { id, name } = this.#dice.pick(full);
      this.#ask(door, { kind: 'leave', node: id }, `that ${name} leave`);
    }
    for (const { share, change } of this.#changes) if (this.#dice.chance(share)) change(door);
  }

  /** Machines that are off, and down. */
  get #startable(): string[] {
    return [...this.#off].filter((machine) => this.#init.cluster.node(machine) === undefined);
  }

  /** What an operator may do beside letting nodes in and sending them away, and how often. */
  readonly #changes: readonly { readonly share: number; readonly change: (door: SimNode) => void }[] = [
    { share: 0.04, change: (door) => this.#ask(door, { kind: 'clear' }, 'to clear what is staged') },
    { share: 0.06, change: (door) => this.#resize(door, this.#dice.pick(SIZES)) },
    { share: 0.03, change: (door) => this.#abortResize(door) },
    { share: 0.1, change: (door) => this.#callDown(door) },
    { share: 0.15, change: (door) => this.#replace(door) },
  ];

  #resize(door: SimNode, ringSize: number): void {
    this.#ask(door, { kind: 'resize', ringSize }, `for a ring of ${ringSize}`);
  }

  #abortResize(door: SimNode): void {
    if (door.node.document.resize !== undefined)
      this.#ask(door, { kind: 'abortResize' }, 'to abort the resize');
  }

  /** Whoever is not heard just now; he is back when he is. */
  #callDown(door: SimNode): void {
    const { node } = door;
    const away = node.document.members.filter(({ id, status }) => status !== 'joining' && !node.isUp(id));
    const [one] = away;
    if (one !== undefined)
      this.#ask(door, { kind: 'down', nodes: [one.id], force: false }, `not to wait for ${one.name}`);
  }

  /** One whose disk is lost, if any is: out of everybody's way, then out of the ring. */
  #forgetLost(door: SimNode): void {
    const { document } = door.node;
    const gone = document.members.find(({ id }) => this.#init.realm.lost.has(id));
    if (gone === undefined) return;
    const { id, name } = gone;
    if (this.#goesOnWithoutLost(door)) return;
    if (document.resize !== undefined) return this.#abortResize(door);
    if (gone.status !== 'down')
      return this.#ask(door, { kind: 'down', nodes: [id], force: false }, `not to wait for ${name}`);
    const by = document.members.find(({ status }) => status === 'joining');
    if (by === undefined || this.#dice.chance(0.5))
      this.#ask(door, { kind: 'force-remove', node: id }, `to remove ${name}, which is lost`);
    else
      this.#ask(
        door,
        { kind: 'force-replace', node: id, by: by.id },
        `that ${by.name} replace ${name}, which is lost`,
      );
  }

  /**
   * Half of the votes or more are lost for good, so that no majority comes back: whoever is left goes on without them. Always
   * the same one is asked: two that force are another story.
   */
  #goesOnWithoutLost(door: SimNode): boolean {
    const { realm, isDivided } = this.#init;
    const voters = votersOf(door.node.document);
    const gone = voters.filter(({ id }) => realm.lost.has(id)).map(({ id }) => id);
    if (gone.length * 2 < voters.length) return false;
    const first = voters.find(({ id }) => !realm.lost.has(id));
    const asked = citizensOf(realm).find(({ node }) => node.id === first?.id);
    if (asked !== undefined && !isDivided())
      this.#ask(asked, { kind: 'down', nodes: gone, force: true }, `to go on without ${gone.length} lost`);
    return true;
  }

  #replace(door: SimNode): void {
    const { members } = door.node.document;
    const by = members.find(({ status }) => status === 'joining');
    const full = members.filter(({ status }) => status === 'valid');
    if (by === undefined || full.length < MEMBERS_MIN) return;
    const old = this.#dice.pick(full);
    this.#ask(door, { kind: 'replace', node: old.id, by: by.id }, `that ${by.name} replace ${old.name}`);
  }

  /** The ring is to have its first size again. */
  #resizeBack(door: SimNode): void {
    const { document } = door.node;
    const { ringSize } = this.#init;
    if (document.ringSize !== ringSize && document.resize === undefined && this.#dice.chance(0.5))
      this.#resize(door, ringSize);
  }

  #start(machine: string): void {
    const rewound = this.#dice.chance(REWOUND_SHARE);
    this.#note(
      `${machine} is started${rewound ? ', its clock set back to where it was at its last start' : ''}`,
    );
    this.#off.delete(machine);
    if (rewound) this.#init.cluster.clock(machine).rewind();
    this.#init.cluster.restart(machine);
  }

  /** One of these machines, or any. */
  #letIn(door: SimNode, machines: readonly string[] = this.#init.machines): void {
    const { realm, cluster } = this.#init;
    // Asked again until both sides know: the answer may have been lost, or the join cleared while the node was away.
    const known = new Set(door.node.document.members.map(({ id }) => id));
    const outside = readyNodes(realm).filter(
      ({ machine, node }) =>
        machines.includes(machine) &&
        node.document.clusterId !== realm.clusterId &&
        (node.prospect === undefined || !known.has(node.id)),
    );
    if (outside.length === 0) return;
    const newcomer = this.#dice.pick(outside);
    if (newcomer.node.document.members.length > 1) return;
    newcomer.host.setTimer(0, () => {
      const answered = this.#expectAnswer(newcomer, `${newcomer.machine} asks ${door.machine} to be let in`);
      newcomer.node.join(cluster.addressOf(door.machine), answered);
    });
  }

  #carryOut(door: SimNode): void {
    if (this.#oldPlanId !== undefined && this.#dice.chance(0.1)) this.#goByAnOldPlan(door, this.#oldPlanId);
    this.#ask(door, { kind: 'plan' }, 'for a plan', (result) => {
      if (result.kind !== 'planned') return;
      const { planId, documentDigest } = result.plan;
      this.#keep(planId, this.#init.epochOf(documentDigest) ?? 0);
      const named = this.#dice.chance(0.8) ? planId : undefined;
      this.#ask(
        door,
        { kind: 'commit', planId: named },
        `to commit ${named ?? 'the last plan'}`,
        ({ kind }) => {
          if (kind === 'committed') this.commits++;
        },
      );
    });
  }

  #keep(planId: string, epoch: number): void {
    const last = this.#plan;
    if (epoch <= (last?.epoch ?? 0)) return;
    // What was planned on another line is not past there.
    this.#oldPlanId = last === undefined || isOtherLine(last.epoch, epoch) ? undefined : last.planId;
    this.#plan = { planId, epoch };
  }

  /** A later ring has been planned for since. */
  #goByAnOldPlan(door: SimNode, planId: string): void {
    this.#ask(door, { kind: 'commit', planId }, `to commit the old ${planId}`, ({ kind }) => {
      if (kind === 'committed')
        this.#init.report(`the plan ${planId}, made for a ring that is past, was committed`);
    });
  }

  #ask(
    door: SimNode,
    request: AdminRequest,
    what: string,
    then: (result: RequestResult) => void = () => {},
  ): void {
    door.host.setTimer(0, () => {
      const answered = this.#expectAnswer(door, `${door.machine} is asked ${what}`);
      door.node.request(request, (result) => {
        answered(result);
        then(result);
      });
    });
  }

  #expectAnswer({ host }: SimNode, what: string): (result: RequestResult) => void {
    this.#note(what);
    const timer = host.setTimer(ANSWER_WITHIN_MS, () =>
      this.#init.report(`${what}, and no answer came in ${ANSWER_WITHIN_MS / 1000} s`),
    );
    return (result) => {
      timer.cancel();
      this.#note(`${what}: ${result.kind === 'refused' ? result.message : result.kind}`);
    };
  }

  #note(line: string): void {
    this.#diary.push(`${this.#init.world.now().toFixed(3).padStart(14)}  ${line}`);
  }
}
