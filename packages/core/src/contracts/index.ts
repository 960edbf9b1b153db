export * from './ids.ts';
export * from './host.ts';
export * from './limit.ts';
export * from './logger.ts';
export * from './transport.ts';
export * from './store.ts';
export * from './stable-store.ts';
export * from './vnode.ts';
