/** Bugs planted between a node's requests and its vnodes: who is counted, whom a request goes to, what it listens to. */
import type { RequestId } from '@rkv/core';
import { VERSION_AT, type KvCommand } from '@rkv/store';
import { portWith, requestWith } from './port-with.ts';
import type { KvPort } from './rkv-cluster.ts';

/** A write that needs primaries takes a stand-in for one. */
export function withStandInsAsPrimaries(shipped: KvPort): KvPort {
  return portWith(shipped, {
    list: (first, n) => {
      const list = shipped.list(first, n);
      return { ...list, primaryMask: (1 << list.replicas.length) - 1 };
    },
    open: (request) =>
      shipped.open(
        requestWith(request, {
          onReply: (at, reply, standIn) => request.onReply(at, reply, standIn && reply.kind !== 'merged'),
        }),
      ),
  });
}

/** Of a write that is to be flushed nobody is told that it is. */
export function withoutFlushes(shipped: KvPort): KvPort {
  return portWith(shipped, {
    send: (id, at, replica, command, remainingMs) => {
      const unflushed = command.kind === 'merge' ? { ...command, flushed: false } : command;
      shipped.send(id, at, replica, unflushed, remainingMs);
    },
  });
}

/** When the node that was to make a change is not heard of any more another is asked to, whether the first has made it or not. */
export function withChangesAskedAgain(shipped: KvPort): KvPort {
  const changes = new Set<RequestId>();
  return portWith(shipped, {
    open: (request) => {
      const id: RequestId = shipped.open(
        requestWith(request, {
          onFailed: (at, sent, crowded) => request.onFailed(at, sent && !changes.has(id), crowded),
        }),
      );
      return id;
    },
    send: (id, at, replica, command, remainingMs) => {
      if (command.kind === 'change') changes.add(id);
      shipped.send(id, at, replica, command, remainingMs);
    },
    close: (id) => {
      changes.delete(id);
      shipped.close(id);
    },
  });
}

/**
 * Now and then a node cannot read its own copy of what it is to write. It takes the key for a new one, gives it the stamp that a
 * new one would have, and hears nobody out who has a later one: the others drop the write, and it is acknowledged.
 */
export function withFreshStarts(shipped: KvPort): KvPort {
  const fresh = new Set<RequestId>();
  return portWith(shipped, {
    open: (request) => {
      const id: RequestId = shipped.open(
        requestWith(request, {
          onReply: (at, reply, standIn) => {
            const isDropped = fresh.has(id) && reply.kind === 'merged' && reply.tooLate !== true;
            request.onReply(at, isDropped ? { ...reply, later: undefined, untilMs: 0 } : reply, standIn);
          },
        }),
      );
      return id;
    },
    send: (id, at, replica, command, remainingMs) => {
      if (replica.node === shipped.self && isUnreadable(command)) fresh.add(id);
      shipped.send(id, at, replica, command, remainingMs);
    },
    close: (id) => {
      fresh.delete(id);
      shipped.close(id);
    },
  });
}

/** One read in four fails, by the millisecond in which it is made. */
function isUnreadable(command: KvCommand): boolean {
  return command.kind === 'merge' && ((command.entry[VERSION_AT + 5] as number) & 3) === 0;
}

/** What was read is not sent to those who lack it. */
export function withoutReadRepair(shipped: KvPort): KvPort {
  const writes = new Set<RequestId>();
  const written = new WeakSet<Uint8Array>();
  return portWith(shipped, {
    open: (request) => {
      const id = shipped.open(request);
      // Only writes hear that a copy of theirs was kept as a hint. What comes late after one is what it has written.
      if (request.onKept !== undefined) writes.add(id);
      return id;
    },
    send: (id, at, replica, command, remainingMs) => {
      if (command.kind === 'merge' && writes.has(id)) written.add(command.entry);
      if (command.kind !== 'merge' || written.has(command.entry))
        shipped.send(id, at, replica, command, remainingMs);
    },
    close: (id) => {
      writes.delete(id);
      shipped.close(id);
    },
  });
}
