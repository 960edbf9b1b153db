/**
 * The vnode of the key-value store: what one partition does with a command.
 *
 * Put and delete are one thing, an entry that is merged: of two entries the one with the later stamp is held. A deleted
 * key is held as an entry without a value, or else an older copy would bring the key back.
 */
import { jsonDecode, jsonEncode, type VnodeModule } from '@rkv/core';
import { Items, vnodeOf } from './items.ts';

export interface Entry {
  /** Of a hybrid clock, as hex digits: later ones compare greater. No two are equal. */
  readonly stamp: string;
  /** Null: deleted. */
  readonly value: string | null;
}

export type Command =
  | { readonly kind: 'ping'; readonly n: number }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'merge'; readonly key: string; readonly entry: Entry };

export interface Reply {
  /** To a ping: one more. */
  readonly n?: number;
  /** What is held now; missing when there is nothing. */
  readonly entry?: Entry;
}

/** Of two entries the one with the later stamp; the held one when they are equal. */
export function laterOf(held: Entry, other: Entry): Entry {
  return other.stamp > held.stamp ? other : held;
}

export const kv: VnodeModule<Command, Reply> = {
  name: 'kv',
  codec: {
    encodeCommand: (command, out) => out.bytes(jsonEncode(command)),
    decodeCommand: (input) => jsonDecode(input.view(input.left)) as Command,
    encodeReply: (reply, out) => out.bytes(jsonEncode(reply)),
    decodeReply: (input) => jsonDecode(input.view(input.left)) as Reply,
  },
  merges: ({ kind }) => kind === 'merge',
  open(context) {
    const entries = new Items<Entry>(context, { merge: laterOf });
    return vnodeOf<Command, Reply, Entry>(entries, (command, token) => {
      switch (command.kind) {
        case 'ping':
          return token.reply({ n: command.n + 1 });
        case 'get': {
          const entry = entries.get(command.key);
          return token.reply(entry === undefined ? {} : { entry });
        }
        case 'merge':
          return token.reply({ entry: entries.merge(command.key, command.entry) });
        default:
          return token.refuse('bad_request'); // of a newer node
      }
    });
  },
};
