export * from './node.ts';
export * from './questions.ts';
