export { leafWidth } from './leaves.ts';
export type { ExchangeTotals } from './exchange-manager.ts';
export { combineByPartition, type ComparedPartition, type ExchangeStatus } from './exchange-status.ts';
export { HashTree } from './hash-tree.ts';
export { StoredTrees, type Position, type StoredTreesInit, type TreeItems } from './stored-trees.ts';
