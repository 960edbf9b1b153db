export * from './port.ts';
export * from './duties.ts';
export * from './outbound-transfer.ts';
export * from './handoff-wire.ts';
export * from './handoff-manager.ts';
export * from './transfer-status.ts';
export * from './controls.ts';
export type { InboundStatus } from './receiver.ts';
export type { StretchSum } from './stretch.ts';
