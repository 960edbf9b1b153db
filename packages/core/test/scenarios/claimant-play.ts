/**
 * Clusters of membership machines on a stage. A name and a colon: that node is asked. The rest is weather.
 *
 *     cluster n1 n2 n3              a cluster that has settled        start n4 | kill n1 | finish transfers | pass 3 s
 *     n4: join n1 | n1: leave n2 | n1: plan | n1: commit [the plan before] | n1: clear | n3: down n1 n2 [force]
 *     cut n1 n2 | n3                nobody of one side hears the other; heal
 *     n1 dies after 4 messages      of its own, from here on
 *     n3 hears late                 rings that are told to it wait;  n3 hears
 *     rings                         who has which
 *
 * What is written down: answers, the rings that nodes adopt, who is removed, and what they log.
 */
import { describeDocument, describeEffect } from '../../src/membership/describe.ts';
import type { AdminRequest, MembershipEffect, RequestResult } from '../../src/membership/events.ts';
import { decodeMembershipMessage } from '../../src/membership/messages.ts';
import { id, Play } from '../membership-play.ts';

class Stage extends Play {
  readonly told: string[] = [];
  /** By name: how many more messages it sends before it dies. */
  readonly messagesLeft = new Map<string, number>();
  readonly late = new Map<string, Play['messages']>();
  readonly plans: string[] = [];
  /** What is not shown: how the stage was set. */
  silent = false;

  override perform(name: string, effects: readonly MembershipEffect[]): void {
    const done: MembershipEffect[] = [];
    let left = this.messagesLeft.get(name) ?? Infinity;
    for (const effect of effects) {
      done.push(effect);
      if (effect.kind === 'send' && effect.message.kind !== 'heartbeat' && --left === 0) break;
    }
    if (left !== Infinity) this.messagesLeft.set(name, left);
    for (const effect of done) this.#tell(name, effect);
    super.perform(name, done);
    if (left > 0) return;
    this.messagesLeft.delete(name);
    this.told.push(`${name} dies`);
    this.lastWords.add(name);
    this.crash(name);
  }

  override deliver(at = 0): boolean {
    const message = this.messages[at];
    const waiting = message && this.late.get(message.to);
    if (message === undefined || waiting === undefined) return super.deliver(at);
    if (decodeMembershipMessage(message.bytes).kind !== 'document') return super.deliver(at);
    waiting.push(...this.messages.splice(at, 1));
    return true;
  }

  #tell(name: string, effect: MembershipEffect): void {
    if (this.silent) return;
    if (effect.kind === 'adopted') this.told.push(`${name} has ${describeDocument(effect.agreed.document)}`);
    else if (effect.kind === 'removed') this.told.push(`${name} is removed`);
    else if (effect.kind === 'log' && effect.level !== 'debug')
      this.told.push(`${name} logs: ${effect.text}`);
    else if (effect.kind === 'reply') {
      this.told.push(`${name}: ${describeEffect(effect).replace(/^reply #\d+ /, '')}${more(effect.result)}`);
    }
  }
}

/** The sentence of a refusal, and the warnings. */
function more(result: RequestResult): string {
  if (result.kind === 'refused') return `: ${result.message}`;
  if (result.kind === 'planned')
    return result.plan.transitions
      .flatMap(({ warnings }) => warnings)
      .map((text) => `; ${text}`)
      .join('');
  return '';
}

export class ClaimantPlay {
  #stage = new Stage();

  perform(command: string): readonly string[] {
    this.#stage.told.length = 0;
    this.#act(command);
    return this.#stage.told.length === 0 ? ['nothing'] : [...this.#stage.told];
  }

  #act(command: string): void {
    const stage = this.#stage;
    const asked = /^(\w+): (.*)$/.exec(command);
    if (asked !== null) return this.#ask(asked[1] as string, (asked[2] as string).split(' '));
    const words = command.split(' ');
    const [first = '', second = ''] = words;
    if (first === 'cluster') return this.#begin(words.slice(1));
    if (first === 'start') return stage.start(second);
    if (first === 'kill') return stage.crash(second);
    if (first === 'pass') return stage.run(Number(second) * 1_000);
    if (first === 'finish') return stage.finishTransfers();
    if (first === 'heal') return stage.heal();
    if (first === 'rings') return this.#tellRings();
    if (first === 'cut') {
      const sides = command.slice(4).split('|');
      return stage.cutBetween(...sides.map((side) => side.trim().split(' ')));
    }
    if (second === 'dies') return void stage.messagesLeft.set(first, Number(words[3]));
    if (command === `${first} hears late`) return void stage.late.set(first, []);
    if (command === `${first} hears`) return this.#hear(first);
    throw new Error(`no such command: ${command}`);
  }

  #begin(names: readonly string[]): void {
    this.#stage = new Stage();
    const stage = this.#stage;
    stage.silent = true;
    for (const name of names) stage.start(name);
    const [first = ''] = names;
    for (const name of names.slice(1)) stage.join(name, first);
    stage.planAndCommit(first);
    stage.finishTransfers();
    stage.run(1_000);
    stage.silent = false;
    this.#tellRings();
  }

  #ask(name: string, [verb = '', ...rest]: readonly string[]): void {
    const stage = this.#stage;
    if (verb === 'join') return void stage.join(name, rest[0] as string);
    const result = stage.ask(name, this.#requestOf(verb, rest));
    if (result?.kind === 'planned') stage.plans.push(result.plan.planId);
  }

  #requestOf(verb: string, rest: readonly string[]): AdminRequest {
    const [node = ''] = rest;
    if (verb === 'leave') return { kind: verb, node: id(node) };
    if (verb === 'plan' || verb === 'clear') return { kind: verb };
    if (verb === 'commit') return { kind: verb, planId: this.#stage.plans.at(rest.length > 0 ? -2 : -1) };
    const nodes = rest.filter((word) => word !== 'force').map(id);
    if (verb === 'down') return { kind: verb, nodes, force: rest.includes('force') };
    throw new Error(`nothing that a node can be asked: ${verb}`);
  }

  #hear(name: string): void {
    const waiting = this.#stage.late.get(name) ?? [];
    this.#stage.late.delete(name);
    this.#stage.messages.push(...waiting);
    this.#stage.settle();
  }

  #tellRings(): void {
    const holders = new Map<string, string[]>();
    for (const [name, { alive, removed }] of this.#stage.players) {
      if (!alive || removed) continue;
      const ring = this.#stage.ring(name);
      holders.set(ring, [...(holders.get(ring) ?? []), name]);
    }
    for (const [ring, names] of holders) this.#stage.told.push(`${names.join(' ')}: ${ring}`);
  }
}
