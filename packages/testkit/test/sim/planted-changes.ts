/** Bugs planted into strict keys, conditional writes and counters. Those of strict keys alone are in ../strict/planted.ts. */
import { ChangeDesk, KvVnode, type Coordinator, type KvCommand } from '@rkv/store';
import { PLANTED_STRICT } from '../strict/planted.ts';
import type { PlantedBug } from './planted-bugs.ts';

type VnodeToken = Parameters<KvVnode['handleCommand']>[1];

/** What must be there for a write to be made is forgotten on the way. */
class UnconditionalVnode extends KvVnode {
  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'change' || command.change.kind !== 'set' || command.strict)
      return super.handleCommand(command, token);
    super.handleCommand({ ...command, change: { ...command.change, when: { kind: 'always' } } }, token);
  }
}

/** Changes of one key are run at one time. */
class CrowdedDesk extends ChangeDesk {
  #coordinator: Coordinator | undefined;

  override attach(coordinator: Coordinator): void {
    this.#coordinator = coordinator;
    super.attach(coordinator);
  }

  override run(...asked: Parameters<ChangeDesk['run']>): void {
    const desk = new ChangeDesk();
    if (this.#coordinator !== undefined) desk.attach(this.#coordinator);
    desk.run(...asked);
  }
}

/** Of a change whose outcome nobody knows it says that it was surely not made. */
class SureDesk extends ChangeDesk {
  override run(...[command, held, token]: Parameters<ChangeDesk['run']>): void {
    super.run(command, held, {
      refuse: (why) => token.refuse(why),
      fail: (why) => token.fail(why),
      reply: (reply) => {
        if (reply.kind !== 'changed' || reply.result.kind !== 'failure') return token.reply(reply);
        const failure = { ...reply.result.failure, definite: true };
        token.reply({ kind: 'changed', result: { kind: 'failure', failure } });
      },
    });
  }
}

/** Who has promised once, or holds something, promises nobody anything any more. */
class ObstinateVnode extends KvVnode {
  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'prepare') return super.handleCommand(command, token);
    const { key, hashHi, hashLo } = command;
    let holds = false;
    super.handleCommand(
      { kind: 'get', key, hashHi, hashLo, whole: true },
      {
        reply: (reply) => (holds = reply.kind === 'held' && reply.entry !== undefined),
        refuse: () => {},
        fail: () => {},
      },
    );
    if (holds) token.refuse('busy');
    else super.handleCommand(command, token);
  }
}

const NOT_LINEARIZABLE = /strict keys: .*NOT LINEARIZABLE/s;
const STRICT_ON_TOO_FEW = /strict .* was acknowledged when it lay on \d partitions/;

function strict(name: string, shows: RegExp): PlantedBug {
  const plant = PLANTED_STRICT[name];
  if (plant === undefined) throw new Error(`no bug is planted into strict keys that is called "${name}"`);
  return { plant, shows };
}

export const PLANTED_CHANGES: Readonly<Record<string, PlantedBug>> = {
  'promises are forgotten': strict('promises are forgotten', NOT_LINEARIZABLE),

  'accepts against its promise': strict('accepts against its promise', STRICT_ON_TOO_FEW),

  'votes before it has stored': strict('votes before it has stored', STRICT_ON_TOO_FEW),

  'a strict change in doubt is called undone': {
    plant: { desk: () => new SureDesk() },
    shows: /of strict .* is said not to be written, and lies on a disk/,
  },

  'who has promised once never promises again': {
    plant: { openVnode: (context, clock, desk) => new ObstinateVnode(context, clock, { desk }) },
    shows: /strict keys cannot be read in the end/,
  },

  'a condition is forgotten': {
    plant: { openVnode: (context, clock, desk) => new UnconditionalVnode(context, clock, { desk }) },
    shows: /was to be written if/,
  },

  'changes of one key are run at one time': {
    plant: { desk: () => new CrowdedDesk() },
    shows: /claimed at one time at peace, by|an increment at .* reached/,
  },
};
