/**
 * The desk at which the changes of this node's keys are run: those of one key one after the other, in the order they came.
 *
 * Changes come from the nodes that were asked for them (change-request.ts) to a vnode of the key, and are run here, since a
 * change is run by a node and not by a partition: it asks vnodes of other nodes. The node attaches its coordinator once it
 * is up; until then it takes none.
 */
import type { ReplyToken } from '@rkv/core';
import type { ChangeCommand, ChangeResult, KvReply } from './commands.ts';
import { ConfirmedStates } from './confirmed-states.ts';
import { bucketOfKey, listOf, type Coordinator } from './coordinator.ts';
import { Deadline } from './deadline.ts';
import { EventualChange } from './eventual-change.ts';
import { timeoutFailure } from './failure.ts';
import { StrictChange } from './strict-change.ts';

interface Waiting {
  readonly command: ChangeCommand;
  readonly deadline: Deadline;
  readonly held: () => Uint8Array | undefined;
  readonly token: ReplyToken<KvReply>;
  /** When it came this node was the first of the key's list that is up. */
  readonly wasFirst: boolean;
}

/** Changes of one key that wait for the one that is run: at a millisecond each a second's worth, which is how long they wait. */
const LINE_MAX = 1_000;

export class ChangeDesk {
  readonly #confirmed = new ConfirmedStates();
  /** By key: the first is being run. */
  readonly #lines = new Map<string, Waiting[]>();
  #coordinator: Coordinator | undefined;

  attach(coordinator: Coordinator): void {
    this.#coordinator = coordinator;
  }

  /** Plain writes of this key are refused. */
  isStrict(key: string): boolean {
    return this.#coordinator !== undefined && bucketOfKey(this.#coordinator, key).level === 'strict';
  }

  /** `held`: what the replica on this node holds of the key. The command is kept. */
  run(command: ChangeCommand, held: () => Uint8Array | undefined, token: ReplyToken<KvReply>): void {
    const coordinator = this.#coordinator;
    if (coordinator === undefined) return token.refuse('no_service');
    // Who asked has another ring; it asks again under this one.
    if (this.isStrict(command.key) !== command.strict) return token.refuse('moved');
    if (coordinator.port.full) return token.refuse('overload');
    const deadline = new Deadline(coordinator.host, command.timeoutMs);
    const line = this.#lines.get(command.key);
    const waiting = { command, deadline, held, token, wasFirst: isFirst(coordinator, command) };
    if (line === undefined) {
      this.#lines.set(command.key, [waiting]);
      this.#begin(coordinator, waiting);
    } else if (line.length >= LINE_MAX) token.refuse('overload');
    else line.push(waiting);
  }

  #begin(coordinator: Coordinator, waiting: Waiting): void {
    const { command, deadline, held, token, wasFirst } = waiting;
    const { key, change, strict, levels } = command;
    // Nothing is done yet, and those that come now are run elsewhere.
    if (!strict && change.kind !== 'read' && wasFirst && !isFirst(coordinator, command))
      return this.#next(coordinator, key, () => token.refuse('moved'));
    if (deadline.isOver)
      return this.#finish(coordinator, waiting, { kind: 'failure', failure: timeoutFailure() });
    const placed = { key, hashHi: command.hashHi, hashLo: command.hashLo };
    const done = (result: ChangeResult): void => this.#finish(coordinator, waiting, result);
    if (!strict) return new EventualChange({ coordinator, placed, change, deadline, levels, done }).begin();
    new StrictChange({
      coordinator,
      confirmed: this.#confirmed,
      placed,
      change,
      deadline,
      held,
      done,
    }).begin();
  }

  #finish(coordinator: Coordinator, { command, token }: Waiting, result: ChangeResult): void {
    this.#next(coordinator, command.key, () => token.reply({ kind: 'changed', result }));
  }

  /** The first of this line has had its turn. */
  #next(coordinator: Coordinator, key: string, tell: () => void): void {
    const line = this.#lines.get(key) as Waiting[];
    line.shift();
    const [next] = line;
    if (next === undefined) this.#lines.delete(key);
    // What is answered at once must not pile up on the stack, however long the line.
    else coordinator.host.defer(() => this.#begin(coordinator, next));
    tell();
  }
}

function isFirst(coordinator: Coordinator, command: ChangeCommand): boolean {
  const { n } = bucketOfKey(coordinator, command.key);
  return listOf(coordinator, command, n).replicas[0]?.node === coordinator.port.self;
}
