/**
 * What an operator can ask of a node. The HTTP door and with it the command line and the console stand on this.
 *
 * Shapes that scripts rely on: fields may be added, none is renamed without a major version.
 */

import type { ComparedPartition, ConsistencyLevel, MemberStatus, WantedMember } from '@rkv/core';
import type { RequestOptions } from '../kv/api.ts';
import type { LoadView } from './load-view.ts';

/** A member, as this node sees it. */
export interface MemberView {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly status: MemberStatus;
  readonly up: boolean;
  /** Partitions owned now. */
  readonly partitions: number;
  /** Its event loop has been late for seconds, as it says itself. */
  readonly slow: boolean;
  /** Share of the ring owned now, percent, one decimal. */
  readonly ringPercent: number;
  /** Share owned once all pending transfers are done. */
  readonly pendingPercent: number;
  readonly location: string;
  /** The services whose vnodes it runs; missing when it has not said. */
  readonly services?: readonly string[];
  /** Of the vnodes that it owns, those that cannot prove they hold everything and heal from the others. */
  readonly partialVnodes: number;
  /** How far its wall clock is ahead of the cluster's time, ms; below zero: behind. Missing: it was not heard. */
  readonly clockOffsetMs?: number;
  /** `read_only`: its store takes no writes now, `slow`: its commits take long. Missing: nothing is known to be wrong. */
  readonly disk?: string;
}

/** As the node that is asked knows it: it asks nobody. */
export interface StatusView {
  readonly members: readonly MemberView[];
  /** All live members hold this node's ring document. */
  readonly ready: boolean;
  readonly claimant: string;
  readonly epoch: number;
  readonly clusterId: string;
  readonly ringSize: number;
  /** Partitions that are about to change their owner. */
  readonly pending: number;
  /** The size of the ring that is being filled; missing while the ring keeps its size. */
  readonly resizingTo?: number;
}

/** Who owns which partition, and what is on its way. */
export interface RingView {
  readonly ringSize: number;
  /** The epoch of the document. */
  readonly version: number;
  readonly claimant: string;
  /** Name of the owner, by partition. */
  readonly owners: readonly string[];
  readonly pending: readonly {
    partition: number;
    from: string;
    to: string;
    status: 'waiting' | 'active' | 'complete';
  }[];
  readonly buckets: readonly { prefix: string; n: number; level: string }[];
  /** The ring of another size that is being filled: its owners, and how many of the transfers into it have brought all. */
  readonly resize?: {
    readonly ringSize: number;
    readonly owners: readonly string[];
    readonly done: number;
    readonly total: number;
  };
}

/** A bucket of the ring. */
export interface BucketView {
  /** As text (utf8), and exactly, in hex. */
  readonly prefix: string;
  readonly prefixHex: string;
  readonly n: number;
  readonly level: ConsistencyLevel;
}

/** What is left out stays as it is for the keys in question. */
export interface BucketWanted {
  readonly n?: number | undefined;
  readonly level?: ConsistencyLevel | undefined;
}

/** What holds for the keys with the prefix from now on. */
export interface BucketChanged extends BucketView {
  /** False: it was so already. */
  readonly changed: boolean;
  readonly epoch: number;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/** One change of a plan, nodes by name; `from` and `to` are ring sizes. */
export interface PlannedChangeView {
  readonly action: string;
  readonly node?: string;
  readonly by?: string;
  readonly from?: number;
  readonly to?: number;
}

/** A plan, with names in the place of ids. */
export interface PlanView {
  readonly id: string;
  readonly changes: readonly PlannedChangeView[];
  readonly transitions: readonly {
    readonly ringSize: number;
    readonly owners: readonly string[];
    /** Change owner with the commit, at once, because `from` is removed by force. */
    readonly reassigned: readonly { partition: number; from: string; to: string }[];
    readonly transfers: readonly { partition: number; from: string; to: string }[];
    /** The transfers by who gives to whom. */
    readonly pairs: readonly { from: string; to: string; count: number }[];
    /** For another ring size: copies of ranges of keys, and how many of them another node is to hold than now. */
    readonly copies?: { readonly total: number; readonly moved: number };
    /** How good the ring will be: what `rkv claim` calls violations, and the moves beside the least possible. */
    readonly certificate: {
      readonly counts: readonly { node: string; count: number }[];
      readonly n3: number;
      readonly n4: number;
      readonly locationViolations?: number;
      readonly avoidable: boolean;
      readonly moves: number;
      readonly leastMoves: number;
    };
    readonly warnings: readonly string[];
    readonly members: readonly {
      name: string;
      status: MemberStatus;
      ringPercent: number;
      pendingPercent: number;
    }[];
  }[];
}

/** A change to stage, nodes by name. */
export type ChangeByName =
  /** This node when left out. */
  | { readonly kind: 'leave'; readonly node?: string | undefined }
  | { readonly kind: 'force-remove'; readonly node: string }
  | { readonly kind: 'resize'; readonly ringSize: number }
  | { readonly kind: 'replace' | 'force-replace'; readonly node: string; readonly by: string };

/** One step towards the members that are wanted. */
export interface ApplyView {
  /** The members are the wanted ones, or become so by transfers that are under way. */
  readonly done: boolean;
  /** What was done now, a sentence each. */
  readonly steps: readonly string[];
  /** What is waited for, a sentence each. */
  readonly waiting: readonly string[];
}

interface TransferName {
  readonly kind: 'ownership' | 'hinted' | 'repair' | 'resize';
  readonly service?: string;
  readonly partition: number;
  /** Another than `partition` where a repair brings what other partitions hold. */
  readonly sourcePartition?: number;
  readonly from: string;
  readonly to: string;
}

/** A transfer that runs. */
export interface TransferView extends TransferName {
  /** Items and bytes acknowledged so far: the receiver was sent them, or held them already. */
  readonly items: number;
  readonly bytes: number;
  /** Items that the walk has done, and about how many there are, where that can be told. */
  readonly walked?: number;
  readonly total?: number;
  readonly itemsSent?: number;
  readonly bytesSent?: number;
  /** Over the last seconds. */
  readonly itemsPerSecond?: number;
  readonly bytesPerSecond?: number;
  readonly sinceMs?: number;
  readonly etaMs?: number;
  /** What holds it up though it runs. */
  readonly note?: string;
  /** What the receiver has stored of it, as it says itself. */
  readonly received?: { readonly items: number; readonly bytes: number };
}

/** A transfer that waits, and for what. */
export interface TransferWaiting extends TransferName {
  readonly reason: string;
  /** How long it has been waiting for that. */
  readonly sinceMs?: number;
  /** When it is tried again, if not as soon as the cause is gone. */
  readonly retryInMs?: number;
}

/** Transfers that run, and those that wait. */
export interface TransfersView {
  readonly active: readonly TransferView[];
  readonly waiting: readonly TransferWaiting[];
}

/** How the copies of the partitions stand to each other, as the members say that compare them. */
export interface ExchangeView {
  readonly partitions: readonly (Omit<ComparedPartition, 'partition'> & { readonly partition: number })[];
  /** Pairs of copies that differ and are being mended, or wait for that. */
  readonly differing: number;
  /** Members that compare nothing until they are told to resume. */
  readonly paused: readonly string[];
  readonly failed: readonly Failed[];
}

/** A member that could not be asked or did not do it, and why. */
export interface Failed {
  readonly node: string;
  readonly reason: string;
}

/** What was asked of several members: who did it, and why others did not. */
export interface ControlView {
  readonly nodes: readonly { readonly node: string; readonly cancelled?: number }[];
  readonly failed: readonly Failed[];
}

/** How much each member may hand over at one time. */
export interface LimitsView {
  readonly nodes: readonly {
    readonly node: string;
    readonly out: number;
    readonly in: number;
    readonly bytesPerSecond: number | null;
  }[];
  readonly failed: readonly Failed[];
}

/** What a repair has set going. */
export interface RepairView {
  /** The owner of the partition. */
  readonly node: string;
  /** False: it was being repaired already. */
  readonly begun: boolean;
}

/** What one vnode found when it last looked at all that it holds, or has found so far. */
export interface ScrubbedVnode {
  readonly node: string;
  readonly partition: number;
  readonly running: boolean;
  readonly entries: number;
  readonly checked: number;
  /** Known now to be damaged, and replaced since the node started. */
  readonly damaged: number;
  readonly healed: number;
  /** Missing: none has ended yet. */
  readonly endedAgoMs?: number;
}

/** How far the scrubs of the members are. */
export interface ScrubView {
  readonly vnodes: readonly ScrubbedVnode[];
  readonly failed: readonly Failed[];
}

/** What one replica of a key holds. */
export interface ReplicaView {
  readonly node: string;
  readonly partition: number;
  readonly state: 'value' | 'tombstone' | 'none' | 'unreachable';
  /** Hex, or undefined when there is none. */
  readonly version?: string;
  /** The time in it. */
  readonly versionAt?: string;
  /** Of the whole entry, and of the value alone. */
  readonly bytes?: number;
  readonly valueBytes?: number;
  readonly role?: 'primary' | 'fallback';
  /** Of a primary: whether it can prove that it holds everything. */
  readonly vnode?: 'whole' | 'partial';
  /** It keeps this for another, who owns the partition. */
  readonly hintFor?: string;
  /** Hex: nothing stamped below it counts; the digest of what is held; the ballot that was promised (strict). */
  readonly base?: string;
  readonly sum?: string;
  readonly promised?: string;
  readonly expiresAt?: string;
  readonly expired?: boolean;
  /** Why what is held cannot be believed. */
  readonly damaged?: string;
  /** On its way into the store. */
  readonly inFlight?: boolean;
  /** Why nothing is known of it. */
  readonly why?: string;
}

/** What would become of a read, or a write, that began now. */
export interface OutlookView {
  readonly needed: number;
  readonly neededNodes: number;
  readonly neededPrimaries: number;
  readonly possible: boolean;
  /** Answers that count, and the nodes that they come from. */
  readonly got: number;
  readonly from: readonly string[];
  /** The same in words, half sentences with semicolons between them. */
  readonly text: string;
}

/** All that is known of a key: where it lies, what each replica holds, and what a read and a write would come to. */
export interface KeyView {
  /** The key as text (utf8), and exactly, in hex. */
  readonly key: string;
  readonly keyHex: string;
  /** 40 hex digits. */
  readonly hash: string;
  readonly partition: number;
  /** Place of the partition in hash space, decimal. */
  readonly index: string;
  readonly preflist: readonly {
    partition: number;
    index: string;
    node: string;
    role: 'primary' | 'fallback';
  }[];
  readonly replicas: readonly ReplicaView[];
  /** Missing where nobody was asked (`--ring`). */
  readonly read?: OutlookView;
  readonly write?: OutlookView;
}

/** Something that an operator should look at. */
export interface Finding {
  /** `wrong`: something is not done, or not safe, until it is set right. `look`: it may become so, or passes by itself. */
  readonly severity: 'wrong' | 'look';
  /** A sentence each. */
  readonly what: string;
  readonly advice: string;
}

/** What a node finds when it looks at the cluster, the worst first. */
export interface DoctorView {
  readonly findings: readonly Finding[];
}

/** Whether a node can serve; the reasons are sentences. */
export interface Readiness {
  readonly ready: boolean;
  /** One sentence each, empty when ready. */
  readonly reasons: readonly string[];
}

/** Who answered a ping. */
export interface PingView {
  readonly result: string;
  readonly n: number;
  readonly node: string;
  readonly partition: number;
  readonly index: string;
}

/** Where a command was answered: the reply of the tutorial's service. */
export interface Whereabouts {
  readonly node: string;
  readonly partition: number;
  readonly index: string;
}

/** Of one request; what is left out is as the node's defaults say. */
export interface KvOptions extends RequestOptions {
  /** Ask for the vnode that answered (the tutorial's one-vnode service) instead of the quorum path. */
  readonly where?: boolean;
}

/** Which transfers are meant: of one partition or all, at one member or all. */
export interface TransferScope {
  readonly partition?: number | undefined;
  readonly node?: string | undefined;
}

/** Limits to be set. */
export interface TransferLimitsWanted {
  readonly out?: number | undefined;
  readonly in?: number | undefined;
  /** null: no limit. */
  readonly bytesPerSecond?: number | null | undefined;
}

/** Methods reject with `AdminError`. Keys are latin1 strings. */
export interface Admin {
  /** Ask a vnode whether it is there; n chooses which. */
  ping(n: number): Promise<PingView>;
  /** As over the API of the store; `where` with `options` that ask for it. */
  get(key: string, options: KvOptions): Promise<{ found: boolean; value?: Uint8Array; where?: Whereabouts }>;
  put(key: string, value: Uint8Array, options: KvOptions): Promise<{ where?: Whereabouts }>;
  delete(key: string, options: KvOptions): Promise<{ existed?: boolean; where?: Whereabouts }>;
  /**
   * `assumeDown`: names of members to take for down when the preference list is computed. `options`: the levels of the read
   * and the write that are explained; left out: this node's own.
   */
  key(key: string, assumeDown: readonly string[], options?: KvOptions): Promise<KeyView>;
  /** Who is a member, who is up, and what is on its way. */
  status(): Promise<StatusView>;
  /** Who owns which partition. */
  ring(): Promise<RingView>;
  /** All transfers of all members that can be reached. */
  transfers(): Promise<TransfersView>;
  /** Of one partition or all, at one member or all. They stay so until a member is started again. */
  controlTransfers(what: 'pause' | 'resume' | 'cancel', at: TransferScope): Promise<ControlView>;
  /** What is left out stays as it is; with nothing it only tells. */
  limitTransfers(limits: TransferLimitsWanted, node: string | undefined): Promise<LimitsView>;
  /** How alike the copies are, of all members that can be reached. */
  exchange(): Promise<ExchangeView>;
  /** At one member or all. They stay so until a member is started again. */
  controlExchange(what: 'pause' | 'resume', node: string | undefined): Promise<ControlView>;
  /** How far the scrubs are, at one member or all; `begin`: those that are not running begin. */
  scrub(node: string | undefined, begin: boolean): Promise<ScrubView>;
  /** Resolves once the partition's owner has taken it on; `transfers` tells how far it is. */
  repair(partition: number): Promise<RepairView>;
  /** Resolves once the claimant of the other cluster has staged the join. */
  join(address: string): Promise<{ claimant: string }>;
  /** Resolves once the claimant has staged it. */
  stage(change: ChangeByName): Promise<{ claimant: string }>;
  /** The ring keeps its size, whether the other is staged or being filled. */
  abortResize(): Promise<{ epoch: number }>;
  /** These are away and not to be waited for. `force`: though no majority is there to agree. */
  down(names: readonly string[], force: boolean): Promise<{ epoch: number; warnings: readonly string[] }>;
  /** Do what is to be done next so that the members become these. Called until it is done. */
  apply(wanted: readonly WantedMember[]): Promise<ApplyView>;
  /** All buckets; the one with the empty prefix is the default. */
  buckets(): Promise<readonly BucketView[]>;
  /** Refused while keys exist whose properties would change. `wanted` null: the bucket goes. `prefix` is a latin1 string. */
  changeBucket(prefix: string, wanted: BucketWanted | null): Promise<BucketChanged>;
  /** Drop everything that is staged. */
  clear(): Promise<void>;
  /** What a commit would do now. */
  plan(): Promise<PlanView>;
  /** Carry out the plan, this very one when it is named; rejects with `plan_changed` when it would be another. */
  commit(planId: string | undefined): Promise<{ epoch: number }>;
  /** What an operator should look at, and what to do about it. */
  doctor(): Promise<DoctorView>;
  /** Whether this node can serve, or why not. */
  readiness(): Readiness;
  /** The figures that `/metrics` shows, of this node. */
  load(): LoadView;
}
