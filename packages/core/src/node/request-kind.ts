/** The kinds of request that go to the vnodes of one service: how each looks on the wire, and how a vnode takes it. */
import type { Codec, CoverageQuery, VnodeModule } from '../contracts/vnode.ts';
import { MESSAGE, serviceNumber } from '../request/message.ts';
import { coverageCodec } from '../request/coverage-wire.ts';
import type { VnodeToken } from '../vnode/mailbox.ts';
import type { VnodeHost } from '../vnode/vnode-host.ts';

export interface RequestKind {
  /** Of the service. */
  readonly name: string;
  readonly service: number;
  /** Types of the messages there and back. */
  readonly request: number;
  readonly answer: number;
  readonly codec: Codec<unknown, unknown>;
  /** True for what only merges something in (contracts/vnode.ts). */
  merges(command: unknown): boolean;
  /** True for what only a whole, unsealed owner may do, under the ring it was sent under (contracts/vnode.ts). */
  fences(command: unknown): boolean;
  bring(host: VnodeHost, command: unknown, token: VnodeToken, remainingMs: number): void;
}

/** One number for a message's type and service. */
export function kindNumber(type: number, service: number): number {
  return (type << 16) | service;
}

export function commandKind(module: VnodeModule<unknown, unknown>): RequestKind {
  const { name, codec } = module;
  return {
    name,
    service: serviceNumber(name),
    request: MESSAGE.command,
    answer: MESSAGE.reply,
    codec,
    merges: (command) => module.merges?.(command) === true,
    fences: (command) => module.fences?.(command) === true,
    bring: (host, command, token, remainingMs) => host.handle(command, token, remainingMs),
  };
}

export function coverageKind({ name, codec }: VnodeModule<unknown, unknown>): RequestKind {
  return {
    name,
    service: serviceNumber(name),
    request: MESSAGE.coverage,
    answer: MESSAGE.coveragePage,
    codec: coverageCodec(codec) as Codec<unknown, unknown>,
    merges: () => false,
    fences: () => false,
    bring: (host, query, token, remainingMs) =>
      host.handleCoverage(query as CoverageQuery<unknown>, token, remainingMs),
  };
}
