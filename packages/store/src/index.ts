/**
 * `@rkv/store`: a masterless, replicated key-value store that speaks Redis.
 *
 * `open` embeds a node in a program; `startServer` is what the `rkv` command runs; `kvModule` is the store as a service
 * on the ring of @rkv/core, for whoever hosts it among services of their own.
 */
export { KvError, open, Rkv, type Bytes, type OpenOptions } from './server/open.ts';
export { startServer, type Ports, type RunningServer } from './server/server.ts';
export * from './kv/index.ts';
export * from './entry/index.ts';
export { loadIdentity } from './server/identity.ts';
export type { Admin } from './admin/index.ts';
export { AdminError } from './admin/index.ts';
export { lmdbStore, memoryStore } from './storage/index.ts';
