/**
 * A transfer as a play: commands step the machine, and what it asks for is written down.
 *
 *     transfer hinted               a new one
 *     accepted | refused WHY | lost WHY | tick MS
 *     page a b more | page c        what the walk came by
 *     acked 0 | acked 0 failed
 *     pass on a
 */
import { latin1Decode, latin1Encode } from '../../src/base/bytes.ts';
import type { TransferKind } from '../../src/handoff/duties.ts';
import {
  OutboundTransfer,
  type TransferEffect,
  type TransferEvent,
} from '../../src/handoff/outbound-transfer.ts';
import { ALL_HASHES } from '../../src/ring/ranges.ts';

export class TransferPlay {
  #machine = new OutboundTransfer({ kind: 'hinted', ranges: [ALL_HASHES], now: 0 });
  #now = 0;

  /** Perform one command; what comes of it, a line each. */
  perform(command: string): string[] {
    const [verb = '', ...words] = command.split(' ');
    if (verb === 'transfer') {
      this.#machine = new OutboundTransfer({
        kind: words[0] as TransferKind,
        ranges: [ALL_HASHES],
        now: this.#now,
      });
      return this.#describe(this.#machine.begin());
    }
    if (verb === 'tick') {
      this.#now += Number(words[0]);
      return this.#describe(this.#machine.tick(this.#now));
    }
    return this.#describe(this.#machine.step(eventOf(verb, words), this.#now));
  }

  #describe(effects: readonly TransferEffect[]): string[] {
    const lines = effects.length === 0 ? ['nothing'] : effects.map(describe);
    const { state, quiet } = this.#machine;
    if (state === 'complete') lines.push(quiet ? '(complete)' : '(complete, not all acknowledged)');
    return lines;
  }
}

function eventOf(verb: string, words: readonly string[]): TransferEvent {
  switch (verb) {
    case 'accepted':
      return { kind: 'accepted' };
    case 'refused':
    case 'lost':
      return { kind: verb, reason: words.join(' ') };
    case 'acked':
      return { kind: 'acked', seq: Number(words[0]), stored: words[1] !== 'failed' };
    case 'pass':
      return { kind: 'passOn', item: latin1Encode(words.slice(1).join(' ')) };
    case 'page': {
      const items = words.filter((word) => word !== 'more');
      const next = words.includes('more') ? latin1Encode(items.at(-1) ?? '') : undefined;
      return { kind: 'page', page: { items: items.map((item) => latin1Encode(item)), next } };
    }
    default:
      throw new Error(`no such command: ${verb}`);
  }
}

const names = (items: readonly Uint8Array[]): string => items.map((item) => latin1Decode(item)).join(' ');

function describe(effect: TransferEffect): string {
  switch (effect.kind) {
    case 'walk':
      return effect.cursor === undefined
        ? 'walk from the beginning'
        : `walk on after ${latin1Decode(effect.cursor)}`;
    case 'items':
      return `send ${effect.seq}: ${effect.last ? 'last, are you whole?' : names(effect.items)}`;
    case 'forget':
      return `forget ${names(effect.items)}`;
    case 'failed':
      return `failed: ${effect.reason}`;
    default:
      return effect.kind;
  }
}
