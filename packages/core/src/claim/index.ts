export { claim, type ClaimResult } from './claim.ts';
export { certify, type Certificate, type CertifyInput } from './certificate.ts';
export type { ClaimInput } from './problem.ts';
