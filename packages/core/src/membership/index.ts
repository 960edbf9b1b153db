export { Membership, type MembershipInit } from './membership.ts';
export { RecordsDamaged, RecordsUnknown, type LoadedRecords } from './loaded-records.ts';
export type { AdminRequest, RequestResult, MembershipEffect, MembershipEvent } from './events.ts';
export { membershipPresets, type MembershipPreset } from './preset.ts';
export { decodeMembershipMessage, encodeMembershipMessage, type MembershipMessage } from './messages.ts';
export type { Plan, PlanCertificate, PlannedChange, Transition } from './plan.ts';
export type { ClaimFunction } from './planned-ring.ts';
export type { MemberInfo } from './staging.ts';
// The contracts have a `Refusal` of their own: a vnode's.
export type { Refusal as MembershipRefusal, RefusalCode as MembershipRefusalCode } from './refusal.ts';
export { describeDocument, describeEffect as describeMembershipEffect } from './describe.ts';
