/**
 * A keyed service with promises, as a program uses it: a method for each command, through one node.
 *
 *     const client = clientOf(likes, node);
 *     await client.like('post-1', 1);
 *
 * A request that failed rejects with a `ServiceError`. Where it is not `definite` a change may have been made, or may yet
 * be: to ask again is to perhaps do it twice.
 */
import type { AskOptions } from './keyed-request.ts';
import type { ArgsOf, KeyedService, ReplyOf, ServiceNode } from './service.ts';

/** A method for each command, with the key in front. */
export type ClientOf<Face> = {
  readonly [Name in keyof Face]: (key: string, ...args: ArgsOf<Face[Name]>) => Promise<ReplyOf<Face[Name]>>;
};

/** Why a request of a `clientOf` failed. */
export class ServiceError extends Error {
  /** Why: `timeout`, `unreachable`, `not_ready`, what the vnodes refused it with; or `threw: ...` and `bad_request: ...` with more words. */
  readonly code: string;
  /** It surely did nothing, and will not. */
  readonly definite: boolean;

  constructor(what: string, code: string, definite: boolean) {
    super(`${what}: ${code}${definite ? '' : ', and it may have been done'}`);
    this.name = 'ServiceError';
    this.code = code;
    this.definite = definite;
  }
}

/** The service through this node, with promises. */
export function clientOf<Face, Value, Queries>(
  service: KeyedService<Face, Value, Queries>,
  node: ServiceNode,
  options: AskOptions = {},
): ClientOf<Face> {
  const names = Object.keys(service.definition.commands) as (keyof Face & string)[];
  const method =
    (name: keyof Face & string) =>
    (key: string, ...args: ArgsOf<Face[typeof name]>): Promise<unknown> =>
      new Promise((resolve, reject) =>
        service.ask(
          node,
          key,
          name,
          args,
          (told) => {
            if ('ok' in told) resolve(told.ok);
            else reject(new ServiceError(`${service.name}.${name}`, told.error, told.definite));
          },
          options,
        ),
      );
  return Object.fromEntries(names.map((name) => [name, method(name)])) as unknown as ClientOf<Face>;
}
