export * from './assert.ts';
export * from './bytes.ts';
export * from './prng.ts';
export * from './quantities.ts';
export * from './sha1.ts';
export * from './hybrid-clock.ts';
export * from './murmur.ts';
