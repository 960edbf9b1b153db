export { GROUP_BITS, leafBits, leafWidth } from './leaves.ts';
export { HashTree } from './hash-tree.ts';
export { StoredTrees, type Position, type StoredTreesInit, type TreeItems } from './stored-trees.ts';
