/** A request for a change of the ring that was not granted, as the error that an operator reads. */
import type { RequestResult } from '@rkv/core';
import { AdminError } from '../admin/admin-error.ts';

/** `result` is none that grants the request. */
export function refusalError(result: RequestResult): AdminError {
  if (result.kind === 'refused')
    return new AdminError(result.code, result.message, { definite: result.definite });
  if (result.kind === 'not_claimant') {
    return new AdminError('not_claimant', `the claimant is ${result.claimant.name} now; ask again`);
  }
  throw new Error(`broken invariant: an unexpected answer ${result.kind}`);
}
