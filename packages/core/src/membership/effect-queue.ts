/**
 * Effect queue: what the membership machine wants done, in the order in which it came to want it.
 *
 * It is filled in the course of one call of the machine and taken by the shell at its end. Each save gets a token, under
 * which the queue remembers what is to follow once the shell says that the bytes are durable, or are not.
 */
import { assert } from '../base/assert.ts';
import type { NodeId } from '../contracts/ids.ts';
import type { StableName } from '../contracts/stable-store.ts';
import type { LogLevel, MembershipEffect, RequestResult } from './events.ts';
import type { LivenessChange } from './liveness.ts';
import type { MembershipMessage } from './messages.ts';

/** `AfterSave`: what is to follow a save. */
export class EffectQueue<AfterSave> {
  readonly #afterSave = new Map<number, AfterSave>();
  #lastToken = 0;
  #effects: MembershipEffect[] = [];

  push(effect: MembershipEffect): void {
    this.#effects.push(effect);
  }

  save(name: StableName, bytes: Uint8Array, after: AfterSave): void {
    const token = ++this.#lastToken;
    this.#afterSave.set(token, after);
    this.push({ kind: 'save', name, bytes, token });
  }

  /** What follows the save with this token. It is given back once. */
  takeAfterSave(token: number): AfterSave {
    const after = this.#afterSave.get(token);
    assert(after !== undefined, 'a save is reported once');
    this.#afterSave.delete(token);
    return after;
  }

  send(to: NodeId, message: MembershipMessage): void {
    this.push({ kind: 'send', to, message });
  }

  reply(requestId: number, result: RequestResult): void {
    this.push({ kind: 'reply', requestId, result });
  }

  log(level: LogLevel, fields: object, text: string): void {
    this.push({ kind: 'log', level, fields, text });
  }

  upChanged(changes: readonly LivenessChange[]): void {
    for (const { node, up } of changes) this.push({ kind: 'upChanged', node, up });
  }

  /** A node that is up runs other services than before; one that was told of in this very call is not told of twice. */
  servicesChanged(node: NodeId): void {
    const told = this.#effects.some((effect) => effect.kind === 'upChanged' && effect.node === node);
    if (!told) this.upChanged([{ node, up: true }]);
  }

  /** All so far; the queue is empty afterwards. */
  drain(): MembershipEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
