/**
 * `@rkv/store`: a masterless, replicated key-value store that speaks Redis.
 *
 * `open` embeds a node in a program; `startServer` is what the `rkv` command runs; `kvModule` is the store as a service
 * on the ring of @rkv/core, for whoever hosts it among services of their own.
 *
 * @module @rkv/store
 */
export type { ServerConfig } from './config/load.ts';
export {
  KvError,
  open,
  Rkv,
  type Bytes,
  type KeyPage,
  type OpenOptions,
  type ScanOptions,
} from './server/open.ts';
export {
  startServer,
  type Ending,
  type Ports,
  type RunningServer,
  type ServerComponents,
  type ServerInit,
} from './server/server.ts';
export * from './kv/index.ts';
export * from './entry/index.ts';
export { loadIdentity } from './server/identity.ts';
export type * from './admin/api.ts';
export type * from './admin/load-view.ts';
export { AdminError, type ErrorFacts } from './admin/admin-error.ts';
export { lmdbStore, memoryStore, type LmdbStoreInit } from './storage/index.ts';
