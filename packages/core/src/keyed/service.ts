/**
 * What is made of a definition: a module for a `Node`, and what to ask it with.
 *
 *     const node = new Node({ ..., modules: [likes] });
 *     likes.ask(node, 'post-1', 'like', [1], (told) => ...);      // callbacks: what the simulated world needs
 *     const client = clientOf(likes, node);                       // promises: client.ts
 *     await client.like('post-1', 1);
 */
import type { Host } from '../contracts/host.ts';
import type { HashRange } from '../contracts/store.ts';
import type { VnodeModule } from '../contracts/vnode.ts';
import { coverage, type CoveragePort } from '../request/coverage.ts';
import { bucketOf } from '../ring/buckets.ts';
import { assert } from '../base/assert.ts';
import { canonicalJson } from './canonical-json.ts';
import type { AnyDefinition, ServiceDefinition } from './definition.ts';
import { askKeyed, type AskOptions, type KeyedPort, type Told } from './keyed-request.ts';
import { KeyedVnode } from './keyed-vnode.ts';
import { keyedCodec, type KeyedCommand, type KeyedReply } from './keyed-wire.ts';

/** Any keyed service, as a node sees it. */
export type KeyedModule = VnodeModule<KeyedCommand, KeyedReply>;

/** What a request needs of the node that it goes through. `Node` is one. */
export interface ServiceNode {
  readonly ready: boolean;
  port(module: KeyedModule): KeyedPort;
  coveragePort(module: KeyedModule): CoveragePort<KeyedCommand, KeyedReply>;
  clusterTime(): number;
}

/** What a function takes. */
// oxlint-disable-next-line typescript/no-explicit-any
export type ArgsOf<Fn> = Fn extends (...args: infer Args) => any ? Args : never;
/** What a function gives. */
// oxlint-disable-next-line typescript/no-explicit-any
export type ReplyOf<Fn> = Fn extends (...args: any[]) => infer Reply ? Reply : never;

/** A keyed service: a module for a `Node`, and what it is asked with. */
export interface KeyedService<Face, Value, Queries = object> extends VnodeModule<KeyedCommand, KeyedReply> {
  readonly definition: ServiceDefinition<Face, Value, Queries>;
  /** Ask about one key, through any node. `done` is called once, now or later. */
  ask<Name extends keyof Face & string>(
    node: ServiceNode,
    key: string,
    command: Name,
    args: ArgsOf<Face[Name]>,
    done: (told: Told<ReplyOf<Face[Name]>>) => void,
    options?: AskOptions,
  ): void;
  /** Ask about all keys. Rows come page by page; `done` is called once, after the last. Nothing of it is a snapshot. */
  query<Name extends keyof Queries & string>(
    node: ServiceNode,
    host: Pick<Host, 'monotonic' | 'random' | 'defer'>,
    query: Name,
    args: ArgsOf<Queries[Name]>,
    onRows: (rows: readonly ReplyOf<Queries[Name]>[]) => void,
    done: (told: Told<undefined> & { readonly missing?: readonly HashRange[] }) => void,
    options?: QueryOptions,
  ): void;
}

/** How long a query of all keys may take, and whether it must be complete. */
export interface QueryOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** Take what can be had where some ranges can be had of nobody. */
  readonly partial?: boolean;
}

const QUERY_MS = 10_000;
const NO_RING = { error: 'not_ready', definite: true } as const;

/** A module made of typed commands and a merge: see `ServiceDefinition`. */
export function keyedService<Face, Value, Queries = object>(
  definition: ServiceDefinition<Face, Value, Queries>,
): KeyedService<Face, Value, Queries> {
  assert(!definition.name.includes(':'), 'the name of a service has no colon');
  const { name, commands, merge, codec = canonicalJson, isPast, queries = {} } = definition;
  // From here on its types are those of the wire: whoever asks is held to the face by the compiler.
  const inside = { name, commands, merge, codec, isPast, queries } as unknown as AnyDefinition;
  const service: KeyedService<Face, Value, Queries> = {
    name,
    definition,
    codec: keyedCodec,
    merges: ({ kind }) => kind === 'merge',
    reopens: true,
    open: (context) => new KeyedVnode(context, inside),

    ask(node, key, command, args, done, options = {}) {
      if (!node.ready) return done(NO_RING);
      const port = node.port(service);
      const request = { port, definition: inside, name: command, args, now: node.clusterTime() };
      askKeyed({ ...options, ...request, key, done: done as (told: Told<unknown>) => void });
    },

    query(node, host, query, args, onRows, done, { timeoutMs = QUERY_MS, partial = false } = {}) {
      if (!node.ready) return done(NO_RING);
      const port = node.coveragePort(service);
      coverage(
        { port, host },
        {
          command: { kind: 'query', key: '', now: node.clusterTime(), name: query, args },
          n: bucketOf(port.document, '').n,
          mode: partial ? 'allUp' : 'all',
          timeoutMs,
          onPage: (reply, _from, more) => {
            if (reply.kind === 'rows') onRows(reply.rows as ReplyOf<Queries[typeof query]>[]);
            more();
          },
          done: ({ kind, missing, refusal }) => {
            if (kind === 'complete' || (partial && kind === 'insufficient')) done({ ok: undefined, missing });
            else done({ error: refusal ?? kind, definite: true, missing });
          },
        },
      );
    },
  };
  return service;
}
