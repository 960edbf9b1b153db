export * from './vnode-record.ts';
export * from './vnode-host.ts';
export * from './vnode-manager.ts';
export * from './mailbox.ts';
export * from './worker-pool.ts';
