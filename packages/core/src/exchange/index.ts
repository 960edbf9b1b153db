export { GROUP_BITS, leafBits, leafWidth } from './leaves.ts';
export type { ComparedPair, ExchangeTotals } from './exchange-manager.ts';
