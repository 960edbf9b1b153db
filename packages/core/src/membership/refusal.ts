/**
 * Why a change of the membership was not made: a code for programs, a sentence for people.
 *
 * The codes are API and keep Riak's words where Riak has one; the sentences are free.
 */
export type RefusalCode =
  // the joiner's side
  | 'self_join'
  | 'not_single_node'
  | 'not_reachable'
  // staging
  | 'already_member'
  | 'name_taken'
  | 'different_ring_size'
  | 'joining_elsewhere'
  | 'not_member'
  | 'only_member'
  | 'already_leaving'
  | 'already_replacement'
  | 'invalid_replacement'
  | 'is_claimant'
  | 'is_down'
  | 'is_up'
  | 'invalid_ring_size'
  | 'same_size'
  | 'not_resizing'
  | 'changes_staged'
  // buckets
  | 'invalid_bucket'
  | 'no_such_bucket'
  | 'bucket_changed'
  // plan and commit
  | 'nothing_planned'
  | 'pending_changes'
  | 'ring_not_ready'
  | 'plan_changed'
  // agreement
  | 'no_majority'
  | 'superseded'
  // the node itself
  | 'node_starting'
  | 'store_failed';

/** Why a change was not made. `definite`: it surely was not; else it may have been, or may yet be. */
export interface Refusal {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  readonly message: string;
  /** True: it surely did not happen and will not. False: it may have, or may yet; look before asking again. */
  readonly definite: boolean;
}

const PASSING: ReadonlySet<string> = new Set<RefusalCode | 'not_claimant'>([
  'not_reachable',
  'joining_elsewhere',
  'node_starting',
  'ring_not_ready',
  'no_majority',
  'superseded',
  'not_claimant',
]);

/**
 * Whether what was refused with this code may be granted to whoever asks again later, with nobody having changed anything: a
 * node that is not there yet, a claimant that changes, a ring that is on its way. Other refusals want an operator.
 */
export function passesByItself(code: string): boolean {
  return PASSING.has(code);
}

/** A definite refusal: nothing was sent to anyone. */
export function refuse(code: RefusalCode, message: string): Refusal {
  return { kind: 'refused', code, message, definite: true };
}

/** A refusal of something that may have happened all the same. */
export function unsure(code: RefusalCode, message: string): Refusal {
  return { kind: 'refused', code, message, definite: false };
}

/** Ring documents carry no `kind`; refusals do. */
export function isRefusal(value: object): value is Refusal {
  return 'kind' in value && value.kind === 'refused';
}
