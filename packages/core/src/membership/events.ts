/**
 * What goes into the membership machine and what comes out: the whole of its contract with the shell.
 *
 * The shell performs the effects of one call one after another, in the order given, before it makes the next
 * call. It need not wait for anything in between: what depends on a save is held back inside the machine until
 * `saved` with that save's token comes in. So `adopted` means durable, and a message that is sent may be sent.
 */
import type { NodeId } from '../contracts/ids.ts';
import type { PeerAddress } from '../contracts/transport.ts';
import type { StableName } from '../contracts/stable-store.ts';
import type { AgreedDocument, BucketProperties, PendingTransfer, StagedChange } from '../ring/document.ts';
import type { BucketChange } from './bucket-changes.ts';
import type { MembershipMessage, NotClaimant } from './messages.ts';
import type { Plan } from './plan.ts';
import type { Refusal } from './refusal.ts';

/** What an operator asks of the acting claimant. A join comes from the joiner, by `joinVia` there. */
export type AdminRequest =
  | StagedChange
  /** Not staged: what is being resized stays as it is. A resize that is only staged is taken back. */
  | { readonly kind: 'abortResize' }
  /** Not staged: these are away and are not to be waited for. `force`: without a majority, which may lose what they know. */
  | { readonly kind: 'down'; readonly nodes: readonly NodeId[]; readonly force: boolean }
  /** Not staged. `was`: the bucket that the keys in question lay in when it was looked whether there are any. */
  | ({ readonly kind: 'bucket'; readonly was: BucketProperties } & BucketChange)
  | { readonly kind: 'clear' }
  | { readonly kind: 'plan' }
  /** Without an id: whatever was planned last. */
  | { readonly kind: 'commit'; readonly planId: string | undefined };

export type MembershipEvent =
  | { readonly kind: 'message'; readonly from: NodeId; readonly message: MembershipMessage }
  /** A connection to this peer was made. */
  | { readonly kind: 'peerUp'; readonly peer: NodeId }
  | { readonly kind: 'peerDown'; readonly peer: NodeId }
  | { readonly kind: 'request'; readonly requestId: number; readonly request: AdminRequest }
  /** Ask to be let in; `peer` was dialled and is connected. */
  | { readonly kind: 'joinVia'; readonly requestId: number; readonly peer: NodeId }
  /** The save with this token is durable; with an error it is not, and the old version stands. */
  | { readonly kind: 'saved'; readonly token: number; readonly error?: string | undefined }
  /** A partition is whole and durable at `to`. Said once by whoever knows; the machine sees that it gets there. */
  | { readonly kind: 'transferComplete'; readonly transfer: PendingTransfer }
  /** What was said by `transferComplete` holds no more: the transfer broke before the ring has switched. */
  | { readonly kind: 'transferBroken'; readonly transfer: PendingTransfer }
  /** Whether all that this node is to own in a ring of another size is there and kept up. May be said any number of times. */
  | { readonly kind: 'filled'; readonly full: boolean }
  /**
   * Nothing foreign is left on this node. Counts only while it is leaving and owns nothing any more, so it is said
   * again whenever it is found to be so.
   */
  | { readonly kind: 'drained' }
  /** This node is about to end: others are to route round it. */
  | { readonly kind: 'stopping' };

/** What came of an operator's request. */
export type RequestResult =
  /** The change (or join) is staged, or already was. `via` is the claimant that staged it. */
  | { readonly kind: 'staged'; readonly epoch: number; readonly via: NodeId }
  | { readonly kind: 'cleared'; readonly epoch: number }
  /** What is not staged has taken effect. `warnings`: what it may cost, one sentence each. */
  | { readonly kind: 'done'; readonly epoch: number; readonly warnings?: readonly string[] }
  | { readonly kind: 'planned'; readonly plan: Plan }
  | { readonly kind: 'committed'; readonly epoch: number }
  | NotClaimant
  | Refusal;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type MembershipEffect =
  /** Save under this name and feed `saved` back with the token. */
  | { readonly kind: 'save'; readonly name: StableName; readonly bytes: Uint8Array; readonly token: number }
  /** On the control lane; may be lost. */
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: MembershipMessage }
  /** This is the ring from now on. The first comes from `start` (or once a new ring is durable). */
  | { readonly kind: 'adopted'; readonly agreed: AgreedDocument }
  /** A member (or prospective one) other than this node was heard again, or not any more; or it runs other services. */
  | { readonly kind: 'upChanged'; readonly node: NodeId; readonly up: boolean }
  | { readonly kind: 'reply'; readonly requestId: number; readonly result: RequestResult }
  /** This node is in its ring no more: it left. Nothing more will come. */
  | { readonly kind: 'removed' }
  /** Stay connected to exactly these. */
  | { readonly kind: 'setPeers'; readonly peers: readonly PeerAddress[] }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: object; readonly text: string };
