/** Bugs that the simulation must find: each is the shipped code with one thing wrong. */
import { decodeItem, encodeItem, KvVnode } from '@rkv/store';

/** What is handed over takes the place of what is held, instead of being merged with it. */
export class OverwritingVnode extends KvVnode {
  override handleHandoffItem(item: Uint8Array, done: (stored: boolean) => void): void {
    const { at } = decodeItem(item);
    this.handleCommand(
      { kind: 'get', ...at, whole: true },
      {
        reply: (reply) => {
          if (reply.kind === 'held' && reply.entry !== undefined) this.handleItemHandedOff(encodeItem(at, reply.entry));
        },
        refuse: () => {},
        fail: () => {},
      },
    );
    super.handleHandoffItem(item, done);
  }
}
