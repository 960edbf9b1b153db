export * from './system-host.ts';
export * from './loop-delay.ts';
export * from './file-stable-store.ts';
export * from './data-directory.ts';
