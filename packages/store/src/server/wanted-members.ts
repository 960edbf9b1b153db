/**
 * From the members that a cluster has to those that an operator wants, by the steps that can be taken now.
 *
 * What these are is a pure question (`wayTo`); here they are taken, one after the other. What waits is told, and whoever
 * asks asks again: nothing is remembered, so however often it is broken off, it ends the same.
 */
import {
  passesByItself,
  wayTo,
  type Node,
  type RequestResult,
  type WantedMember,
  type WantedStep,
} from '@rkv/core';
import type { ApplyView, PlanView } from '../admin/api.ts';
import { refusalError } from './refusal-error.ts';

export interface WantedMembersInit {
  readonly node: Pick<Node, 'document' | 'invite'>;
  /** Ask the claimant. */
  readonly request: (request: Parameters<Node['request']>[0]) => Promise<RequestResult>;
  readonly plan: () => Promise<PlanView>;
  readonly commit: (planId: string) => Promise<{ epoch: number }>;
}

/** What came of one step on the way to the members that are wanted. */
interface Taken {
  /** A sentence each. */
  readonly told: readonly string[];
  readonly waitsFor?: string;
}

export class WantedMembers {
  readonly #init: WantedMembersInit;

  constructor(init: WantedMembersInit) {
    this.#init = init;
  }

  async apply(wanted: readonly WantedMember[]): Promise<ApplyView> {
    const { done, steps, waiting } = wayTo(this.#init.node.document, wanted);
    const taken: Taken[] = [];
    for (const step of steps) taken.push(await this.#take(step));
    return {
      done,
      steps: taken.flatMap(({ told }) => told),
      waiting: [...waiting, ...taken.flatMap(({ waitsFor }) => waitsFor ?? [])],
    };
  }

  /** Another may have taken the same step meanwhile: what is so already is no failure. */
  async #take(step: WantedStep): Promise<Taken> {
    switch (step.kind) {
      case 'invite':
        return this.#invite(step);
      case 'ask': {
        const result = await this.#init.request(step.request);
        if (result.kind === 'refused' && result.code !== 'already_leaving') throw refusalError(result);
        return { told: [`asked ${step.what}`] };
      }
      case 'carryOut': {
        const plan = await this.#init.plan();
        const { epoch } = await this.#init.commit(plan.id);
        const warnings = plan.transitions.flatMap((transition) => transition.warnings);
        return {
          told: [...warnings.map((text) => `WARNING: ${text}`), `the plan is committed as epoch ${epoch}`],
        };
      }
    }
  }

  /** Who is not up yet holds up nobody else: it is invited again at the next look. */
  async #invite({ name, address }: Extract<WantedStep, { kind: 'invite' }>): Promise<Taken> {
    const result = await new Promise<RequestResult>((resolve) => this.#init.node.invite(address, resolve));
    if (result.kind === 'staged') return { told: [`${name} is invited and its join is staged`] };
    const error = refusalError(result);
    const waitsFor = `${name} to join: ${error.message}`;
    // Its answer got lost, perhaps with the connection of a stranger that is a member now: the next look tells.
    if (error.facts.definite === false) return { told: [`${name} is invited`], waitsFor };
    if (!passesByItself(error.code)) throw error;
    return { told: [], waitsFor };
  }
}
