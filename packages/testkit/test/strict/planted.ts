/** Bugs planted into strict keys on purpose: each breaks one rule, and the histories show it. */
import type { HybridClock, VnodeContext } from '@rkv/core';
import { KvVnode, type ChangeDesk, type KvCommand } from '@rkv/store';

type VnodeToken = Parameters<KvVnode['handleCommand']>[1];
type Opener = (context: VnodeContext, clock: HybridClock, desk: ChangeDesk) => KvVnode;

const NO_BALLOT = new Uint8Array(16);

/** Promises whatever it is asked for, and forgets it at once. */
class FaithlessVnode extends KvVnode {
  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'prepare') return super.handleCommand(command, token);
    const { ballot } = command;
    super.handleCommand(
      { kind: 'get', key: command.key, hashHi: command.hashHi, hashLo: command.hashLo, whole: true },
      {
        ...asToken(token),
        reply: (reply) => {
          if (reply.kind === 'held')
            token.reply({ kind: 'promised', granted: true, ballot, entry: reply.entry, whole: true });
        },
      },
    );
  }
}

/** Says that it has accepted what it has not, when it has promised somebody else. */
class AgreeableVnode extends KvVnode {
  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'accept') return super.handleCommand(command, token);
    super.handleCommand(command, {
      ...asToken(token),
      reply: () => token.reply({ kind: 'accepted', accepted: true, ballot: NO_BALLOT }),
    });
  }
}

/** Answers before the store has it, and what was on its way is lost in a crash. */
class HastyVnode extends KvVnode {
  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'accept') return super.handleCommand(command, token);
    super.handleCommand(command, { reply() {}, refuse() {}, fail() {} });
    token.reply({ kind: 'accepted', accepted: true, ballot: NO_BALLOT });
  }
}

function asToken(token: VnodeToken): VnodeToken {
  return {
    reply: (reply) => token.reply(reply),
    refuse: (why) => token.refuse(why),
    fail: (why) => token.fail(why),
  };
}

export const PLANTED_STRICT: Readonly<Record<string, Opener>> = {
  'promises are forgotten': (context, clock, desk) => new FaithlessVnode(context, clock, { desk }),
  'accepts against its promise': (context, clock, desk) => new AgreeableVnode(context, clock, { desk }),
  'votes before it has stored': (context, clock, desk) => new HastyVnode(context, clock, { desk }),
};
