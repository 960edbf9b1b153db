/**
 * `@rkv/core`: Riak Core's ring of virtual nodes, as a framework for a sharded, replicated service of one's own.
 *
 * Start at `Node` (one member of a cluster) and `keyedService` (a value for each key, with commands of your own), or at
 * `VnodeModule` (all that a vnode may be); docs/tour.md tells the rest.
 *
 * @module @rkv/core
 */
export * from './contracts/index.ts';
export * from './base/index.ts';
export * from './ring/hash-space.ts';
export * from './ring/document.ts';
export * from './ring/buckets.ts';
export * from './ring/preference-list.ts';
export * from './ring/ranges.ts';
export * from './request/index.ts';
export * from './vnode/index.ts';
export * from './handoff/index.ts';
export * from './exchange/index.ts';
export * from './claim/index.ts';
export * from './ring/describe.ts';
export { eraOf, isOtherLine } from './ring/era.ts';
export { leastWindowsWithRepeat } from './claim/spacing.ts';
export { CLOCK_OFF_MS } from './membership/clock-watch.ts';
export { isMajority } from './membership/majority.ts';
export { RecordsDamaged, RecordsUnknown } from './membership/loaded-records.ts';
export type { AdminRequest, RequestResult } from './membership/events.ts';
export type { NotClaimant } from './membership/messages.ts';
export { passesByItself, type Refusal as ChangeRefusal, type RefusalCode } from './membership/refusal.ts';
export { bucketsAfter, haveSameProperties, type BucketChange } from './membership/bucket-changes.ts';
export { membershipPresets, type MembershipPreset, type PresetName } from './membership/preset.ts';
export type { Plan, PlanCertificate, PlannedChange, Transition } from './membership/plan.ts';
export { wayTo, type WantedMember, type WantedStep, type WayToWanted } from './membership/wanted.ts';
export * from './keyed/index.ts';
export * from './node/index.ts';
export * from './net/index.ts';
export * from './host/index.ts';
