/** Bugs planted into strict keys on purpose: each breaks one rule, and the histories show it. */
import { KvVnode, type KvCommand, type KvReply } from '@rkv/store';
import type { KvPlant } from '../kv/kv-cluster.ts';
import { withoutEpochs } from '../sim/planted-frames.ts';
import { portWith, requestWith } from '../sim/port-with.ts';

type VnodeToken = Parameters<KvVnode['handleCommand']>[1];

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
class VotesBeforeStoredVnode extends KvVnode {
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

export const PLANTED_STRICT: Readonly<Record<string, KvPlant>> = {
  'promises are forgotten': {
    openVnode: (context, clock, desk) => new FaithlessVnode(context, clock, { desk }),
  },
  'accepts against its promise': {
    openVnode: (context, clock, desk) => new AgreeableVnode(context, clock, { desk }),
  },
  'votes before it has stored': {
    openVnode: (context, clock, desk) => new VotesBeforeStoredVnode(context, clock, { desk }),
  },
};

/** Nobody asks whether the one that votes may, neither itself nor who counts. */
export const VOTES_OF_ANYBODY: KvPlant = {
  module: (shipped) => ({ ...shipped, fences: () => false }),
  port: (shipped) =>
    portWith(shipped, {
      open: (request) =>
        shipped.open(
          requestWith(request, {
            onReply: (at, reply, standIn) => request.onReply(at, reply, standIn && !isVote(reply)),
          }),
        ),
    }),
};

/** Whoever is asked votes as an owner, under whatever ring he was asked. */
export const VOTES_UNDER_ANY_RING: KvPlant = {
  module: (shipped) => ({ ...shipped, fences: () => false }),
  transport: withoutEpochs,
};

function isVote({ kind }: KvReply): boolean {
  return kind === 'promised' || kind === 'accepted';
}
