/**
 * The contract of a vnode module: what a service of one's own implements to live on the ring.
 *
 * One module runs on every node; the framework opens one vnode of it for each partition that the node owns or
 * stands in for, brings it commands, and moves its items when ownership moves. The state of a vnode is a set of
 * *items*; an item that arrives is merged, never overwrites, so that items may come twice, late and in any order.
 * A module keeps its items in the node's store or in memory of its own.
 *
 * When each callback is called, and what the framework does so that no module has to:
 *
 *   open               once per partition and life of the node; again where `reopens` says so
 *   handleCommand      only under a ring that both sides have, and only at the owner or at a stand-in that was asked as one. Of
 *   handleCoverage     anybody else the framework answers `moved`, of a full mailbox `overload`, in its last moments
 *                      `stopping`, without asking the module. The sender learns the newer ring and asks the new owner
 *   onStoreProgress    each time the store has moved on; whoever waits for it is answered here
 *   walkItems          page by page, while items are handed over. Commands come all the time: what they change is applied
 *                      here and passed on to the receiver, if the module says `changed`. Until the ring has switched this
 *                      vnode is the one that answers
 *   handleHandoffItem  at the receiver, before, while and after it becomes the owner
 *   handleItemHandedOff, clearSome   when what was handed over is safe elsewhere, never before
 *
 * Hinted handoff waits for no idleness: it begins as soon as the owner is up, however busy its stand-in is. A stand-in
 * that holds nothing is closed, and opened again when it is asked.
 *
 * A throw in `handleCommand`, `handleCoverage` or a job of the pool fails that command and is logged. A throw elsewhere,
 * and a broken invariant anywhere, ends the node.
 *
 * A value for each key, kept in the node's store, takes none of this: `keyedService` (keyed/) is a module made of a merge and a
 * handler for each command.
 *
 * Not done: telling the services of one node apart in `SPACE_ENTRY`. One module of a node keeps its items there, others in
 * memory, or under keys of their own in `SPACE_META`. And a vnode with its items in memory begins without them after a restart
 * while its record calls it whole: such a module belongs on rings whose members leave rather than restart.
 *
 * Source: Riak Core's riak_core_vnode behaviour; names are kept where the duty is the same.
 */
import type { LimitUse } from './limit.ts';
import type { Host } from './host.ts';
import type { NodeId } from './ids.ts';
import type { Logger } from './logger.ts';
import type { HashRange, Place, RecordKey, Store } from './store.ts';

/** Appends to a growing frame. All integers are big-endian. */
export interface ByteWriter {
  u8(value: number): void;
  u16(value: number): void;
  u32(value: number): void;
  f64(value: number): void;
  /** Raw bytes of a latin1 string, without its length. */
  latin1(text: string): void;
  bytes(source: Uint8Array, start?: number, end?: number): void;
}

/** Reads a frame in order; running past the end throws a `WireError` that the framework turns into a refusal. */
export interface ByteReader {
  u8(): number;
  u16(): number;
  u32(): number;
  f64(): number;
  latin1(length: number): string;
  /** A borrowed view of the next `length` bytes. */
  view(length: number): Uint8Array;
  /** Bytes not read yet. */
  readonly left: number;
}

/** How commands and replies of a module cross the wire. Local requests skip it and pass the objects themselves. */
export interface Codec<Command, Reply> {
  encodeCommand(command: Command, out: ByteWriter): void;
  /** What it returns may borrow the frame's bytes: they are valid until `handleCommand` returns. */
  decodeCommand(input: ByteReader): Command;
  encodeReply(reply: Reply, out: ByteWriter): void;
  /** May borrow the frame's bytes, valid until the reply was handled. */
  decodeReply(input: ByteReader): Reply;
}

/** In what capacity a vnode answers. A fallback's value is an answer, its "not found" is none. */
export type VnodeRole = 'primary' | 'fallback';

/** Why a vnode did not do what it was asked. Every one of these means: nothing was stored. */
export type Refusal =
  | 'moved' // this node gave the partition away under a later ring
  | 'overload' // a queue on the way was full
  | 'read_only' // the store takes no writes now
  | 'bad_request' // the bytes made no sense to the module
  | 'stopping' // the node is draining
  | 'no_service' // the node does not run this service
  | 'busy'; // the vnode is sealed for its move, or cannot prove itself whole: a fenced command must not be done there now

/** Where the answer to one command goes. Called exactly once, now or later. */
export interface ReplyToken<Reply> {
  reply(reply: Reply): void;
  refuse(why: Refusal): void;
  /** Something failed after it may have taken effect; the requester must not conclude that nothing happened. */
  fail(why: string): void;
}

/** Where a vnode does what takes longer than about a millisecond: a fold over its items, a long command. */
export interface VnodePool {
  /**
   * Have `step` called, later and again and again, until it returns true: about a millisecond of work each time, between
   * requests. It answers through `token`, when it is done or before. Jobs of one vnode run one after the other. The pool
   * itself refuses with `overload` when too many wait and with `stopping` when the node stops, and fails the token when
   * `step` throws; after each of these `step` is not called any more.
   */
  run(token: Pick<ReplyToken<never>, 'refuse' | 'fail'>, step: () => boolean): void;
}

/** What holds for all members, as far as this node knows. Asked anew each time: stamps only rise. */
export interface Bounds {
  /** A moment that is past on the wall clock of every member; undefined: one of them is not up. */
  lowestClock(): number | undefined;
  /** The reap floor: tombstones at or below it may go. Borrowed, sixteen bytes. */
  readonly floor: Uint8Array;
  /** No write that is stamped at or below it is taken any more: it is stamped anew, above. At least the floor. Borrowed. */
  readonly bar: Uint8Array;
}

/** What a vnode is given when it is opened. */
export interface VnodeContext {
  readonly self: NodeId;
  readonly place: Place;
  readonly host: Host;
  readonly store: Store;
  readonly logger: Logger;
  readonly pool: VnodePool;
  /** How this vnode stands to its partition at this moment, under the ring this node has. */
  role(): VnodeRole;
  readonly bounds: Bounds;
  /** Whether an acknowledgement waits for `committedSeq` (process) or `flushedSeq` (power). */
  readonly durability: 'process' | 'power';
  /**
   * To be called before an item is stored that was not held, or not so, and before it is submitted: what this vnode
   * must have on record for it then goes into the store ahead of it.
   */
  beforeChange(): void;
  /**
   * What this vnode has answered to fenced commands may have been forgotten. It is partial until it has merged all other
   * copies, and does none until nobody counts its earlier answers any more.
   */
  doubt(): void;
  /**
   * Tell the framework that an item changed; `hashHi` is the first word of its key's hash. While it is being handed
   * over, the encoded item is passed on to the receiver. Cheap when nothing moves: `encode` is then not called.
   */
  changed(hashHi: number, encode: () => Uint8Array): void;
}

/** Opaque place in a walk over a vnode's items; made and read by the module only. Compared as bytes they stand in the order of the walk. */
export type ItemCursor = Uint8Array;

/** Some of a vnode's items, in the order of its walk. */
export interface ItemPage {
  /** Encoded items, each a copy that the framework may keep. */
  readonly items: Uint8Array[];
  /** Where to go on, or undefined at the end. */
  readonly next: ItemCursor | undefined;
}

/** What one vnode is asked of a coverage request: what it holds of some ranges, page by page. Borrowed. */
export interface CoverageQuery<Command> {
  readonly command: Command;
  /** In hash order. Of what else it holds it must say nothing: other vnodes are asked for that. */
  readonly ranges: readonly HashRange[];
  /** Where it ended last, in hash order; undefined: it begins. */
  readonly after: RecordKey | undefined;
  /** So many items make a page. A page takes at most about a millisecond, or a job of the pool. */
  readonly limit: number;
}

/** A vnode's answer to one page of a coverage request. */
export interface CoveragePage<Reply> {
  readonly reply: Reply;
  /** The reply speaks for the ranges up to here, this key with them; undefined: for all that was left of them. */
  readonly upTo: RecordKey | undefined;
}

/** Some items of a range in hash order, by what they are and not by their bytes. */
export interface StatePage {
  /** Four words for each item: the first two of its key's hash, and its state (high, low). Items at one position are in one page. */
  readonly states: Uint32Array;
  /** All up to this position was told of, and there may be more behind it; undefined: of the whole range. A page may be empty. */
  readonly upTo: readonly [hashHi: number, hashLo: number] | undefined;
}

/** How many copies of each key a ring keeps: the n of its bucket. */
export interface CopiesPerKey {
  /** Two that bear one name say the same of every key. */
  readonly name: string;
  /** All the numbers that it says, ascending. */
  readonly numbers: readonly number[];
  copiesOf(key: string): number;
}

/** Only items whose keys have at least so many copies. */
export interface WithCopies {
  readonly atLeast: number;
  readonly perKey: CopiesPerKey;
}

/**
 * What a vnode can tell of its items without showing them: for anti-entropy, where two replicas compare sums level by
 * level and send each other only what differs. An item's *state* is 64 bits which are equal on two replicas where the
 * items are; the sum of states is the same in whatever order they came.
 */
export interface ItemTrees {
  /**
   * Sums mod 2^64 of the states within each of `parts` equal parts of a range of hashes, two words each (high, low). The
   * range is that of a partition, or an aligned part of one by a power of two, as `parts` is; no part is narrower than a
   * leaf (`leafWidth`). Undefined while that is not known: the vnode then sets about counting, and is asked again later.
   *
   * `only` is given where the two replicas do not both hold all keys of the range, because their buckets differ in n. A
   * module that does not heed it has its items compared, and in time copied, as if all of them had the largest n.
   */
  sums(within: HashRange, parts: number, only?: WithCopies): Uint32Array | undefined;
  /** The states in a range after a position, about `limit` of them; what is on its way into the store counts as there. */
  states(
    within: HashRange,
    after: readonly [hashHi: number, hashLo: number] | undefined,
    limit: number,
    only?: WithCopies,
  ): StatePage;
  /** The encoded items at one position, each a copy: mostly one. */
  itemsAt(hashHi: number, hashLo: number): Uint8Array[];
}

export interface Vnode<Command, Reply> {
  /** Handle one command. Borrowed: who answers later keeps a copy. Never throws for bad input: refuses it. */
  handleCommand(command: Command, token: ReplyToken<Reply>): void;
  /**
   * One page of a coverage request. Hash order is what makes it resumable: what a vnode has not given when it fails, or
   * when the ring changes, is asked of another from there on. Left out: such requests are refused.
   */
  handleCoverage?(query: CoverageQuery<Command>, token: ReplyToken<CoveragePage<Reply>>): void;
  /** The store has committed or flushed further (or failed from `failedFrom` on): answer who waited. */
  onStoreProgress(failedFrom?: number): void;
  /** True when there is nothing to hand over. */
  isEmpty(): boolean;
  /**
   * Up to `budgetBytes` of the items within a range of hashes, after `cursor`, in hash order: an item present throughout a
   * walk is in it. At most some tenths of a millisecond. Nothing after `upTo`, where it is given: a module that does not
   * heed it is compared item by item where a transfer resumes, instead of by one sum.
   */
  walkItems(
    cursor: ItemCursor | undefined,
    budgetBytes: number,
    within: HashRange,
    upTo?: ItemCursor,
  ): ItemPage;
  /**
   * Merge an item handed over. `done(true)` once it is as durable as an acknowledged write; false if it was not stored. The
   * framework also waits for the store to flush before the sender deletes it.
   * The bytes do not change any more, but lie among those of other items: who keeps some for long copies them.
   */
  handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void;
  /** The key that an item is of. Left out: a repair brings each copy all of its ranges, whatever n their buckets have. */
  keyOf?(item: Uint8Array): RecordKey;
  /** About how many items there are within these ranges, where that is known without a walk; 0 only when there surely are none. */
  countItems?(within: readonly HashRange[]): number;
  /** The receiver holds `item` durably: forget it, unless it has changed since it was sent. */
  handleItemHandedOff(item: Uint8Array): void;
  /** Forget everything, in steps; called until it returns true. Each call takes at most about a millisecond. */
  clearSome(): boolean;
  /** Left out: its replicas are not compared, and differ until something else repairs them. */
  readonly trees?: ItemTrees;
  /**
   * Whether this item of another copy may be over and removed here already: nothing of its key is held, and the reap floor,
   * where the service goes by it, has passed it. It is not merged then. With `floorHasRisen`, since the item was read, it may also
   * be of something whose removal it did not see: then the merge counts as failed, so that this comparison proves nothing and
   * is begun anew. What comes by a transfer is not asked about: below the floor nobody has anything to hand over but a node
   * that has just come, and that was never deleted here.
   */
  mayBeReaped?(item: Uint8Array, floorHasRisen: boolean): boolean;
  /**
   * Why neither the bar for late writes nor the reap floor may rise now: this vnode writes under a stamp that was drawn a while ago,
   * and goes on to. It says so from before it writes the first of these until the last is where it belongs. Undefined, or left
   * out: it does not.
   */
  whyBarMustWait?(): string | undefined;
  /** How many items wait for the reap floor. Left out: the service has none, and its replicas do not hold it up. */
  reapable?(): number;
  /**
   * Nothing of it is called after this, and it sets nothing going any more. `inOrder`: the node stops, or the vnode is empty
   * and closed; what spares the next one work may go into the store now. Otherwise it kept throwing, and another is opened.
   */
  close?(inOrder: boolean): void;
  /** What of this vnode is bounded, and how full it is. Of all vnodes of a node the fullest is shown. */
  limits?(): LimitUse[];
}

/** A service on the ring: how its commands look on the wire, and what one partition of it does. This is what you write. */
export interface VnodeModule<Command, Reply> {
  /** Names the service on the ring; part of the wire and the disk, so it never changes. */
  readonly name: string;
  readonly codec: Codec<Command, Reply>;
  /**
   * True for a command that only merges something in. Sent under an earlier ring to a node that has given the partition
   * away since, it is taken there as by a stand-in and handed over: its sender may have had answers enough, and hears of no
   * refusal any more. All others are refused as `moved` then; so is every one where this is left out.
   */
  merges?(command: Command): boolean;
  /**
   * True for a command whose answers are counted in a majority: it is done only by a whole owner, under the very ring that
   * it was sent under, and not once the vnode is sealed. Then no two rings can each have a majority of their own: what the
   * former owner answered its successor holds. Others are refused, as `moved` or `busy`. Left out: no command is fenced.
   */
  fences?(command: Command): boolean;
  /** So long after a fenced command nobody counts its answer any more, ms. Where there are none: left out. */
  readonly fencedForMs?: number;
  /**
   * Everything that its vnodes know is in the node's store: one that keeps throwing is given up, once the store has what
   * was on its way, and another is opened in its place. Left out: such a vnode lives on with what it has in memory.
   */
  readonly reopens?: boolean;
  /** Called once per partition and life of the node, and again where `reopens` says so; the vnode finds what it stored before. */
  open(context: VnodeContext): Vnode<Command, Reply>;
}
