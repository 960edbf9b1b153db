/**
 * Answers to a traced command: brought as any other, and one line in the log of the node that gave them.
 *
 * Made only where a request carries a trace id, so that all others pay nothing for it.
 */
import type { Host } from '../contracts/host.ts';
import type { NodeId, PartitionId } from '../contracts/ids.ts';
import type { Logger } from '../contracts/logger.ts';
import type { Refusal } from '../contracts/vnode.ts';
import type { Header } from '../request/message.ts';
import type { RequestId } from '../request/port.ts';
import type { RequestTable } from '../request/request-table.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';
import { LocalToken, RemoteToken, type RemoteTokenInit } from './reply-tokens.ts';
import type { RequestKind } from './request-kind.ts';

interface TraceInit {
  readonly host: Host;
  readonly logger: Logger;
}

/** One command on its way through this node. */
class Passage {
  readonly #init: TraceInit;
  readonly #fields: object;
  readonly #begun: number;
  command: unknown;

  constructor({ host, logger }: TraceInit, trace: string, partition: PartitionId, from: NodeId) {
    this.#init = { host, logger };
    this.#fields = { trace, partition, from };
    this.#begun = host.monotonic();
  }

  end(result: string): void {
    const { host, logger } = this.#init;
    const durationMs = Math.round((host.monotonic() - this.#begun) * 1_000) / 1_000;
    const command = kindOf(this.command) ?? 'command';
    logger.info({ ...this.#fields, command, result, durationMs }, 'a traced command was handled');
  }
}

export class TracedLocalToken extends LocalToken {
  readonly #passage: Passage;

  constructor(
    init: TraceInit & { readonly table: RequestTable; readonly self: NodeId },
    to: { readonly id: RequestId; readonly at: number; readonly host: VnodeHost },
    trace: string,
    command: unknown,
  ) {
    super(init.table, init.self, to.id, to.at, to.host);
    this.#passage = new Passage(init, trace, to.host.place.partition, init.self);
    this.#passage.command = command;
  }

  override reply(reply: unknown): void {
    this.#passage.end(kindOf(reply) ?? 'answered');
    super.reply(reply);
  }

  override refuse(why: Refusal): void {
    this.#passage.end(`refused: ${why}`);
    super.refuse(why);
  }

  override fail(): void {
    this.#passage.end('failed');
    super.fail();
  }
}

export class TracedRemoteToken extends RemoteToken {
  readonly #passage: Passage;

  constructor(
    init: RemoteTokenInit & TraceInit,
    kind: RequestKind | undefined,
    to: NodeId,
    header: Header,
    trace: string,
  ) {
    super(init, kind, to, header);
    this.#passage = new Passage(init, trace, header.partition, to);
  }

  /** Once it has been read. */
  set command(command: unknown) {
    this.#passage.command = command;
  }

  override reply(reply: unknown): void {
    super.reply(reply);
    this.#passage.end(this.late ? 'kept as a hint' : (kindOf(reply) ?? 'answered'));
  }

  override refuse(why: Refusal): void {
    super.refuse(why);
    this.#passage.end(`refused: ${why}`);
  }

  override fail(): void {
    super.fail();
    this.#passage.end('failed');
  }
}

/** What a command or a reply calls itself, if its module gives them a `kind`. */
function kindOf(message: unknown): string | undefined {
  const kind =
    typeof message === 'object' && message !== null ? (message as { kind?: unknown }).kind : undefined;
  return typeof kind === 'string' ? kind : undefined;
}
