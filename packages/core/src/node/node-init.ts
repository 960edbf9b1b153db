/** What a node is given at its birth: who it is, and the world as it may touch it. */
import type { Host } from '../contracts/host.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { StableStore } from '../contracts/stable-store.ts';
import type { Store } from '../contracts/store.ts';
import type { Transport } from '../contracts/transport.ts';
import type { VnodeModule } from '../contracts/vnode.ts';
import type { MembershipPreset } from '../membership/preset.ts';
import type { AgreedDocument, ConsistencyLevel } from '../ring/document.ts';

export interface NodeInit {
  readonly id: NodeId;
  readonly name: string;
  /** Where others reach this node's cluster port, `host:port`. */
  readonly address: string;
  /** Failure domain as a path; empty when not told. */
  readonly location: string;
  /** What the ring is when this node is the first of its cluster; ignored when it has a ring already. */
  readonly birth: { readonly ringSize: number; readonly n: number; readonly level: ConsistencyLevel };
  readonly host: Host;
  readonly transport: Transport;
  readonly store: Store;
  readonly stable: StableStore;
  readonly logger: Logger;
  readonly durability: 'process' | 'power';
  /** Another one after every boot of the machine. */
  readonly bootId: string;
  // Services of different command types lie in one list; each meets only its own commands.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly modules: readonly VnodeModule<any, any>[];
  readonly preset?: MembershipPreset;
  /** Commands that one vnode has taken and not answered, at most: more are refused with `overload`. Default `MAILBOX_MAX`. */
  readonly mailboxMax?: number;
  /** Told of every ring that this node adopts, after it has. */
  readonly onRing?: (agreed: AgreedDocument) => void;
  /** The node has its ring and answers. Called once. */
  readonly onReady?: () => void;
  /**
   * This node is in its ring no more. `left`: it has handed everything over. `stranded`: it still holds data, as it was
   * taken out, or let in by members whose ring was undone; what it holds must be kept.
   */
  readonly onRemoved?: (why: 'left' | 'stranded') => void;
}
