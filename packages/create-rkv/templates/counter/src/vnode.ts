/**
 * A vnode of one's own: counters that any node can raise, in copies that may be apart for a while.
 *
 * A counter is a count for each writer, and its total is their sum. One vnode adds and tells the others what it has then, so
 * of two counts of one writer the larger is the later, and merging takes the larger of each. That is the same
 * in whatever order the copies meet, and however often.
 *
 * A writer is a vnode for as long as it forgets nothing: one that has handed a counter over, or begins anew, counts
 * under another name, as its own count would begin below what the others know.
 *
 * Source: Shapiro et al., "Conflict-free Replicated Data Types" (2011), the grow-only counter.
 */
import { jsonDecode, jsonEncode, type Host, type VnodeModule } from '@rkv/core';
import { Items, vnodeOf } from './items.ts';

/** By writer. */
export type Counts = Readonly<Record<string, number>>;

export type Command =
  | { readonly kind: 'add'; readonly key: string; readonly by: number }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'merge'; readonly key: string; readonly counts: Counts };

export interface Reply {
  readonly counts: Counts;
}

export function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The larger of each; `held` itself when `other` has nothing larger. */
export function largerOf(held: Counts, other: Counts): Counts {
  const larger = Object.entries(other).filter(([writer, count]) => count > (held[writer] ?? 0));
  return larger.length === 0 ? held : { ...held, ...Object.fromEntries(larger) };
}

export const counter: VnodeModule<Command, Reply> = {
  name: 'counter',
  codec: {
    encodeCommand: (command, out) => out.bytes(jsonEncode(command)),
    decodeCommand: (input) => jsonDecode(input.view(input.left)) as Command,
    encodeReply: (reply, out) => out.bytes(jsonEncode(reply)),
    decodeReply: (input) => jsonDecode(input.view(input.left)) as Reply,
  },
  merges: ({ kind }) => kind === 'merge',
  open(context) {
    let writer = newWriter(context.host);
    const forgotten = (): void => void (writer = newWriter(context.host));
    const counters = new Items<Counts>(context, { merge: largerOf, forgotten });
    return vnodeOf<Command, Reply, Counts>(counters, (command, token) => {
      const counts = counters.get(command.key) ?? {};
      switch (command.kind) {
        case 'get':
          return token.reply({ counts });
        case 'add': {
          const count = (counts[writer] ?? 0) + command.by;
          return token.reply({ counts: counters.merge(command.key, { [writer]: count }) });
        }
        case 'merge':
          return token.reply({ counts: counters.merge(command.key, command.counts) });
        default:
          return token.refuse('bad_request'); // of a newer node
      }
    });
  },
};

function newWriter(host: Host): string {
  return [host.random(), host.random()].map((word) => word.toString(16).padStart(8, '0')).join('');
}
