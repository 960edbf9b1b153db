/**
 * The names of things, branded so that one cannot be handed over for another.
 *
 * A place on the ring has two names that Riak calls by one word (`index`): the
 * `RingIndex` is the 160-bit place in hash space that users see in decimal, the
 * `PartitionId` counts the partitions from 0 in ring order.
 */

/** Who a node is: 32 hex digits, drawn at its first start and kept in its data directory. Never its address. */
export type NodeId = string & { readonly __brand: 'NodeId' };

/** 0 .. ringSize-1, in ring order. Means something only together with a ring size. */
export type PartitionId = number & { readonly __brand: 'PartitionId' };

/** A place in hash space, 0 .. 2^160-1. */
export type RingIndex = bigint & { readonly __brand: 'RingIndex' };

/** Counts the agreed ring documents of one cluster: each is the successor of the one before. */
export type Epoch = number & { readonly __brand: 'Epoch' };

/** One life of a node process: drawn anew at every start, so that two lives of one id are told apart. */
export type StartNumber = number & { readonly __brand: 'StartNumber' };
