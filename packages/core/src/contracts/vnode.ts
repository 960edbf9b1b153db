/**
 * The contract of a vnode module: what a service of one's own implements to live on the ring.
 *
 * One module runs on every node; the framework opens one vnode of it for each partition that the node owns or
 * stands in for, brings it commands, and moves its items when ownership moves. The state of a vnode is a set of
 * *items*; an item that arrives is merged, never overwrites, so that items may come twice, late and in any order.
 * A module keeps its items in the node's store or in memory of its own.
 *
 * Source: Riak Core's riak_core_vnode behaviour; names are kept where the duty is the same.
 */
import type { LimitUse } from './limit.ts';
import type { Host } from './host.ts';
import type { NodeId } from './ids.ts';
import type { Logger } from './logger.ts';
import type { HashRange, Place, Store } from './store.ts';

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
  | 'stopping'; // the node is draining

/** Where the answer to one command goes. Called exactly once, now or later. */
export interface ReplyToken<Reply> {
  reply(reply: Reply): void;
  refuse(why: Refusal): void;
  /** Something failed after it may have taken effect; the requester must not conclude that nothing happened. */
  fail(why: string): void;
}

export interface VnodeContext {
  readonly self: NodeId;
  readonly place: Place;
  readonly host: Host;
  readonly store: Store;
  readonly logger: Logger;
  /** How this vnode stands to its partition at this moment, under the ring this node has. */
  role(): VnodeRole;
  /** Whether an acknowledgement waits for `committedSeq` (process) or `flushedSeq` (power). */
  readonly durability: 'process' | 'power';
  /**
   * To be called before an item is stored that was not held, or not so, and before it is submitted: what this vnode
   * must have on record for it then goes into the store ahead of it.
   */
  beforeChange(): void;
  /**
   * Tell the framework that an item changed; `hashHi` is the first word of its key's hash. While it is being handed
   * over, the encoded item is passed on to the receiver. Cheap when nothing moves: `encode` is then not called.
   */
  changed(hashHi: number, encode: () => Uint8Array): void;
}

/** Opaque place in a walk over a vnode's items; made and read by the module only. Compared as bytes they stand in the order of the walk. */
export type ItemCursor = Uint8Array;

export interface ItemPage {
  /** Encoded items, each a copy that the framework may keep. */
  readonly items: Uint8Array[];
  /** Where to go on, or undefined at the end. */
  readonly next: ItemCursor | undefined;
}

export interface Vnode<Command, Reply> {
  /** Handle one command. Borrowed: who answers later keeps a copy. Never throws for bad input: refuses it. */
  handleCommand(command: Command, token: ReplyToken<Reply>): void;
  /** The store has committed or flushed further (or failed from `failedFrom` on): answer who waited. */
  onStoreProgress(failedFrom?: number): void;
  /** True when there is nothing to hand over. */
  isEmpty(): boolean;
  /**
   * Up to `budgetBytes` of the items within a range of hashes, after `cursor`, in hash order: an item present throughout a
   * walk is in it.
   */
  walkItems(cursor: ItemCursor | undefined, budgetBytes: number, within: HashRange): ItemPage;
  /** Merge an item handed over. `done(true)` once it is as durable as an acknowledged write; false if it was not stored. */
  handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void;
  /** The receiver holds `item` durably: forget it, unless it has changed since it was sent. */
  handleItemHandedOff(item: Uint8Array): void;
  /** Forget everything, in steps; called until it returns true. Each call takes at most about a millisecond. */
  clearSome(): boolean;
  /** What of this vnode is bounded, and how full it is. Of all vnodes of a node the fullest is shown. */
  limits?(): LimitUse[];
}

export interface VnodeModule<Command, Reply> {
  /** Names the service on the ring; part of the wire and the disk, so it never changes. */
  readonly name: string;
  readonly codec: Codec<Command, Reply>;
  /** Called once per partition and life of the node; the vnode finds again what it stored before. */
  open(context: VnodeContext): Vnode<Command, Reply>;
}
