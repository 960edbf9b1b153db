export * from './message.ts';
export * from './quorum.ts';
export * from './port.ts';
export * from './collect.ts';
export * from './request-table.ts';
export * from './coverage-plan.ts';
export * from './coverage.ts';
