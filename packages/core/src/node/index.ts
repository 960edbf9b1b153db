export * from './node-init.ts';
export * from './node.ts';
export * from './questions.ts';
