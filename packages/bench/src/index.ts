export * from './load/crew.ts';
export * from './results/recorder.ts';
export * from './drivers/box.ts';
export * from './definition/bench.ts';
export * from './run/run.ts';
