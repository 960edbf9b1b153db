/** The shipped port of requests, and the requests on it, with something in them replaced: where a bug can be planted. */
import type { KvPort } from './rkv-cluster.ts';

export type KvRequest = Parameters<KvPort['open']>[0];

/** The shipped port with some of its methods replaced. */
export function portWith(shipped: KvPort, others: Partial<KvPort>): KvPort {
  return {
    get self() {
      return shipped.self;
    },
    get epoch() {
      return shipped.epoch;
    },
    get document() {
      return shipped.document;
    },
    get full() {
      return shipped.full;
    },
    list: (first, n) => shipped.list(first, n),
    open: (request) => shipped.open(request),
    close: (id) => shipped.close(id),
    send: (id, at, replica, command, remainingMs) => shipped.send(id, at, replica, command, remainingMs),
    alarm: (id, delayMs) => shipped.alarm(id, delayMs),
    ...others,
  };
}

/** A request with some of its ears replaced. */
export function requestWith(shipped: KvRequest, others: Partial<KvRequest>): KvRequest {
  return {
    onReply: (at, reply, standIn) => shipped.onReply(at, reply, standIn),
    onRefused: (at, why) => shipped.onRefused(at, why),
    onFailed: (at, sent, crowded) => shipped.onFailed(at, sent, crowded),
    onAlarm: () => shipped.onAlarm(),
    onRingChanged: () => shipped.onRingChanged(),
    ...(shipped.onKept !== undefined && { onKept: (at) => shipped.onKept?.(at) }),
    ...others,
  };
}
