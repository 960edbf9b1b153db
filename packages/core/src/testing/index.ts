/**
 * What a store, or a transport, of one's own must pass: suites for any runner with `describe` and `it`.
 *
 * @module @rkv/core/testing
 */
export * from './store-suite.ts';
export * from './transport-suite.ts';
