/**
 * How busy a node is: what its parts tell of themselves, put together for a monitor.
 *
 * Each part counts for its own sake; here nothing is counted, and nothing is asked of another node.
 */
import type { LimitUse, LoopDelay, Node, Store, TcpTransport } from '@rkv/core';
import type { AdminServer, LoadView } from '../admin/index.ts';
import type { TidyCounts, ValuesUnderWay } from '../kv/index.ts';
import type { RedisServer } from '../redis/index.ts';
import { isLmdbStore } from '../storage/index.ts';
import { exchangeLoad } from './exchange-view.ts';

export interface LoadParts {
  readonly node: Node;
  readonly transport: TcpTransport;
  readonly values: ValuesUnderWay;
  readonly tidied: TidyCounts;
  readonly loopDelay: LoopDelay;
  /** Undefined while that door is not open. */
  readonly redis: RedisServer | undefined;
  readonly http: AdminServer | undefined;
  readonly store: Store;
}

export function loadOf(parts: LoadParts): LoadView {
  const { node, transport, values, tidied, loopDelay, redis, http, store } = parts;
  return {
    limits: [
      ...node.limits(),
      ...transport.limits(),
      ...values.limits(),
      ...(redis === undefined ? [] : redisLimits(redis)),
      ...(http?.limits() ?? []),
    ],
    loopDelay: loopDelay.recent,
    openRequests: node.openRequests,
    transfers: { active: node.handoff.active().length, waiting: node.handoff.waiting().length },
    exchange: exchangeLoad(node),
    tidied,
    cluster: transport.counters,
    ...(isLmdbStore(store) ? { store: { ...store.commits, trouble: store.trouble?.kind } } : {}),
    ...(redis === undefined ? {} : { redis: redis.counters() }),
  };
}

function redisLimits(redis: RedisServer): LimitUse[] {
  const { clientsMax, owedRepliesMax, outputCloseBytes, valueBytesMax, commandBytesMax } = redis.limits;
  const { clients, rejectedConnections } = redis.counters();
  const { paused, overflowed, oversized } = redis.traffic;
  const sessions = [...redis.sessions()];
  const owed = sessions.reduce((most, session) => Math.max(most, session.owedReplies), 0);
  const unsent = sessions.reduce((most, session) => Math.max(most, session.unsentBytes), 0);
  return [
    { limit: 'redis_clients', used: clients, max: clientsMax, reached: rejectedConnections },
    { limit: 'redis_owed_replies', used: owed, max: owedRepliesMax, reached: paused },
    { limit: 'redis_unsent_bytes', used: unsent, max: outputCloseBytes, reached: overflowed },
    { limit: 'redis_argument_bytes', max: valueBytesMax, reached: oversized },
    { limit: 'redis_command_bytes', max: commandBytesMax },
    redis.gathered.limit,
  ];
}
