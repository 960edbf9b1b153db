export { RedisServer, type RedisServerInit } from './server.ts';
export { defaultLimits, type RedisLimits } from './limits.ts';
export type { DoorCounters, InfoFacts } from './info.ts';
