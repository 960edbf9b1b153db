export * from './node-init.ts';
export * from './node.ts';
export * from './questions.ts';
export { StoreOfAnother } from './store-proof.ts';
export { transfersOf, type TransfersAnswer, type TransferWish } from './handoff-questions.ts';
export { exchangeStatusOf, type ExchangeWish } from './exchange-questions.ts';
export { describeNoResult } from './request-shapes.ts';
