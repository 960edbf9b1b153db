export * from './port.ts';
export * from './duties.ts';
export * from './outbound-transfer.ts';
export * from './handoff-wire.ts';
export * from './handoff-manager.ts';
