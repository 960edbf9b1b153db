export { checkStore } from './check-store.ts';
export * from './memory-store.ts';
export * from './lmdb-store.ts';
export { syncDirectory } from './open-file.ts';
export { StoreOpenError } from './store-failure.ts';
