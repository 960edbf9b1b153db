/** Bugs planted into vnodes: how they merge, what they hand over, what they forget, and what they leave in their hash trees. */
import { SPACE_ENTRY, stampHex, ZERO_STAMP, type HybridClock, type VnodeContext } from '@rkv/core';
import {
  decodeItem,
  encodeItem,
  KvVnode,
  merge,
  stampOfMoment,
  TOMBSTONE,
  typeOf,
  VERSION_AT,
  type ChangeDesk,
  type KvCommand,
} from '@rkv/store';

type VnodeToken = Parameters<KvVnode['handleCommand']>[1];

/** What is handed over takes the place of what is held, instead of being merged with it. */
export class OverwritingVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at } = decodeItem(item);
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          if (reply.kind === 'held' && reply.entry !== undefined)
            this.handleItemHandedOff(encodeItem(at, reply.entry));
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, done);
  }
}

/**
 * A write is merged with what is committed and not with what is on its way there: of two in flight the one that came
 * later stays, whatever their versions are.
 */
export class VnodeWithoutOverlay extends KvVnode {
  readonly #context: VnodeContext;

  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    super(context, clock, { desk });
    this.#context = context;
  }

  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'merge') return super.handleCommand(command, token);
    const { key, hashHi, hashLo, entry } = command;
    const committed = this.#committed(command);
    const value = merge(key, committed, entry);
    if (value !== entry) return super.handleCommand(command, token);
    super.handleCommand(command, {
      reply: (reply) => token.reply(reply.kind === 'merged' ? { ...reply, later: undefined } : reply),
      refuse: (why) => token.refuse(why),
      fail: (why) => token.fail(why),
    });
    const { store, place } = this.#context;
    store.submit([{ space: SPACE_ENTRY, place, hashHi, hashLo, key, value }]);
  }

  #committed(at: Extract<KvCommand, { kind: 'merge' }>): Uint8Array | undefined {
    const { store, place } = this.#context;
    return store.get(SPACE_ENTRY, place, at)?.slice();
  }
}

/** A stand-in forgets what it sends to the owner as it sends it, and not when the owner says that it has it. */
export class ForgetsOnSendingVnode extends KvVnode {
  readonly #context: VnodeContext;

  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    super(context, clock, { desk });
    this.#context = context;
  }

  override walkItems(...walk: Parameters<KvVnode['walkItems']>): ReturnType<KvVnode['walkItems']> {
    const page = super.walkItems(...walk);
    if (this.#context.role() === 'fallback') for (const item of page.items) this.handleItemHandedOff(item);
    return page;
  }
}

/** Where a delete is held, what is handed over takes its place, however old it is. */
export class RevivingVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at } = decodeItem(item);
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          if (reply.kind === 'held' && reply.entry !== undefined && typeOf(reply.entry) === TOMBSTONE)
            this.handleItemHandedOff(encodeItem(at, reply.entry));
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, done);
  }
}

/** What it has deleted is removed after a moment, whoever else has heard of it or not. */
export class ReapsTooSoonVnode extends KvVnode {
  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    const { host, bounds } = context;
    super(
      {
        ...context,
        bounds: {
          lowestClock: () => bounds.lowestClock(),
          get floor() {
            return stampOfMoment(host.now() - 1_000);
          },
          bar: ZERO_STAMP,
        },
      },
      clock,
      { desk },
    );
  }
}

/** Of an item that is held already the sender never hears that it is. */
export class SilentVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at, entry } = decodeItem(item);
    let isHeld = false;
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          isHeld =
            reply.kind === 'held' &&
            reply.entry !== undefined &&
            stampHex(reply.entry, VERSION_AT) === stampHex(entry, VERSION_AT);
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, isHeld ? () => {} : done);
  }
}

/** A stand-in that is opened anew, after a restart, keeps nothing of what it held for others. */
export class DropsHintsVnode extends KvVnode {
  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    super(context, clock, { desk });
    if (context.role() === 'fallback') this.clearSome();
  }
}

/** What has expired or was deleted, and is removed when it is over, stays in the leaf that it was in. */
export class StaleLeafVnode extends KvVnode {
  constructor(context: VnodeContext, clock: HybridClock, desk: ChangeDesk) {
    let isNews = false;
    const beforeChange = (): void => {
      isNews = true;
      context.beforeChange();
    };
    super({ ...context, beforeChange }, clock, { desk });
    const { trees } = this;
    const changed = trees.changed.bind(trees);
    trees.changed = (at) => {
      if (isNews || context.role() === 'fallback') changed(at);
      isNews = false;
    };
  }
}
