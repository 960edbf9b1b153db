export * from './store-suite.ts';
export * from './transport-suite.ts';
