export * from './node-init.ts';
export * from './node.ts';
export * from './questions.ts';
export { StoreOfAnother } from './store-proof.ts';
export type { TransferWish } from './handoff-questions.ts';
