export * from './hash-space.ts';
export * from './document.ts';
export * from './buckets.ts';
export * from './preference-list.ts';
export * from './ranges.ts';
export * from './describe.ts';
