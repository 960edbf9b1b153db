/** The vnode: what one partition does with a command. It answers a ping, and holds nothing yet. */
import { jsonDecode, jsonEncode, type VnodeModule } from '@rkv/core';

export interface Command {
  readonly kind: 'ping';
  readonly n: number;
}

export interface Reply {
  /** One more than in the ping. */
  readonly n: number;
}

export const kv: VnodeModule<Command, Reply> = {
  name: 'kv',
  codec: {
    encodeCommand: (command, out) => out.bytes(jsonEncode(command)),
    decodeCommand: (input) => jsonDecode(input.view(input.left)) as Command,
    encodeReply: (reply, out) => out.bytes(jsonEncode(reply)),
    decodeReply: (input) => jsonDecode(input.view(input.left)) as Reply,
  },
  open() {
    return {
      handleCommand(command, token) {
        switch (command.kind) {
          case 'ping':
            return token.reply({ n: command.n + 1 });
          default:
            return token.refuse('bad_request'); // of a newer node
        }
      },
      onStoreProgress() {}, // nothing here waits for a disk
      // How what is held moves to another node: nothing does yet.
      isEmpty: () => true,
      walkItems: () => ({ items: [], next: undefined }),
      handleHandoffItem: (_item, done) => done(false),
      handleItemHandedOff() {},
      clearSome: () => true,
    };
  },
};
