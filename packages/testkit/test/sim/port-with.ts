import type { KvPort } from './rkv-cluster.ts';

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
