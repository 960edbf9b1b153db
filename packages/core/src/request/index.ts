export * from './message.ts';
export * from './quorum.ts';
export * from './port.ts';
export * from './collect.ts';
export * from './request-table.ts';
