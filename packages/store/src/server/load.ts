/**
 * How busy a node is: what its parts tell of themselves, put together for a monitor.
 *
 * Each part counts for its own sake; here nothing is counted, and nothing is asked of another node.
 */
import type { LimitUse, LoopDelay, Node, TcpTransport } from '@rkv/core';
import type { AdminServer, LoadView } from '../admin/index.ts';
import type { RedisServer } from '../redis/index.ts';

export interface LoadParts {
  readonly node: Node;
  readonly transport: TcpTransport;
  readonly loopDelay: LoopDelay;
  /** Undefined while that door is not open. */
  readonly redis: RedisServer | undefined;
  readonly http: AdminServer | undefined;
}

export function loadOf({ node, transport, loopDelay, redis, http }: LoadParts): LoadView {
  return {
    limits: [...node.limits(), ...(redis === undefined ? [] : redisLimits(redis)), ...(http?.limits() ?? [])],
    loopDelay: loopDelay.recent,
    openRequests: node.openRequests,
    transfers: { active: node.handoff.active().length, waiting: node.handoff.waiting().length },
    cluster: transport.counters,
    ...(redis === undefined ? {} : { redis: redis.counters() }),
  };
}

function redisLimits(redis: RedisServer): LimitUse[] {
  const { clientsMax, owedRepliesMax, outputCloseBytes, valueBytesMax, commandBytesMax } = redis.limits;
  const { clients, rejectedConnections } = redis.counters();
  const { owedReplies, unsentBytes } = fullestOf(redis);
  return [
    { limit: 'redis_clients', used: clients, max: clientsMax, reached: rejectedConnections },
    { limit: 'redis_owed_replies', used: owedReplies, max: owedRepliesMax },
    { limit: 'redis_unsent_bytes', used: unsentBytes, max: outputCloseBytes },
    { limit: 'redis_argument_bytes', max: valueBytesMax },
    { limit: 'redis_command_bytes', max: commandBytesMax },
  ];
}

/** Of the client that is owed most replies, and of the one that reads least. */
function fullestOf(redis: RedisServer): { owedReplies: number; unsentBytes: number } {
  let owedReplies = 0;
  let unsentBytes = 0;
  for (const session of redis.sessions()) {
    owedReplies = Math.max(owedReplies, session.owedReplies);
    unsentBytes = Math.max(unsentBytes, session.unsentBytes);
  }
  return { owedReplies, unsentBytes };
}
