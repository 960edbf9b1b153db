export { GROUP_BITS, leafBits, leafWidth } from './leaves.ts';
