export { whyUnclean, type Holdings } from './clean.ts';
export { ReapMember } from './reap-member.ts';
export { ReapRounds } from './reap-round.ts';
export type { ReapingPort } from './port.ts';
export type { ReapAnswer, ReapQuestion, ReapStep } from './reap-wire.ts';
