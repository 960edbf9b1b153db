export * from './api.ts';
export * from './commands.ts';
export * from './coordinator.ts';
export * from './kv-module.ts';
export * from './kv-store.ts';
export * from './service.ts';
export * from './kv-vnode.ts';
export * from './items.ts';
