/** What the refusals of vnodes mean to a request. */
import type { Refusal } from '@rkv/core';
import type { FailureCode } from './api.ts';

/** What a request failed of, by the last refusal heard. */
export function codeOf(refusal: Refusal | undefined): FailureCode {
  if (refusal === 'overload' || refusal === 'read_only' || refusal === 'stopping') return refusal;
  return 'unreachable';
}

/** Whether it is no use to ask again in a moment. */
export function isFinal(refusal: Refusal | undefined): boolean {
  return refusal === 'bad_request' || refusal === 'no_service' || refusal === 'read_only';
}
