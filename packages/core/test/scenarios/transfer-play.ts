/**
 * A transfer as a play: commands step the machine, and what it asks for is written down.
 *
 *     transfer hinted               a new one
 *     accepted [compare] | refused WHY | lost WHY | tick MS
 *     page a b more | page c        what the walk came by; a*900 is an item of 900 KiB
 *     held 0 a b                    of the page compared under number 0 the receiver holds these
 *     acked 0 | acked 0 failed
 *     pass on a
 *     sealed                        the seal is durable
 */
import { latin1Decode, latin1Encode } from '../../src/base/bytes.ts';
import type { TransferKind } from '../../src/handoff/duties.ts';
import {
  OutboundTransfer,
  type TransferEffect,
  type TransferEvent,
} from '../../src/handoff/outbound-transfer.ts';
import { digestsOf } from '../../src/handoff/stretch.ts';
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
      return { kind: 'accepted', compare: words[0] === 'compare' };
    case 'sealed':
      return { kind: 'sealed' };
    case 'refused':
    case 'lost':
      return { kind: verb, reason: words.join(' ') };
    case 'acked':
      return { kind: 'acked', seq: Number(words[0]), stored: words[1] !== 'failed' };
    case 'held':
      return { kind: 'held', seq: Number(words[0]), digests: digestsOf(words.slice(1).map(itemOf)) };
    case 'pass':
      return { kind: 'passOn', item: itemOf(words.slice(1).join(' ')) };
    case 'page': {
      const items = words.filter((word) => word !== 'more');
      const next = words.includes('more') ? latin1Encode(items.at(-1) ?? '') : undefined;
      return { kind: 'page', page: { items: items.map(itemOf), next } };
    }
    default:
      throw new Error(`no such command: ${verb}`);
  }
}

function itemOf(word: string): Uint8Array {
  const [name = '', kib] = word.split('*');
  return latin1Encode(kib === undefined ? name : name.padEnd(Number(kib) * 1024));
}

const names = (items: readonly Uint8Array[]): string =>
  items.map((item) => latin1Decode(item).trimEnd()).join(' ');

function describe(effect: TransferEffect): string {
  switch (effect.kind) {
    case 'walk':
      return effect.cursor === undefined
        ? 'walk from the beginning'
        : `walk on after ${latin1Decode(effect.cursor)}`;
    case 'items':
      return `send ${effect.seq}: ${effect.last ? 'last, are you whole?' : names(effect.items)}`;
    case 'compare': {
      const { after, upTo, sum } = effect.stretch;
      const place = (cursor: Uint8Array | undefined, none: string): string =>
        cursor === undefined ? none : latin1Decode(cursor);
      const from = place(after, 'the beginning');
      return `ask ${effect.seq}: just these ${sum.count} after ${from} up to ${place(upTo, 'the end')}?`;
    }
    case 'forget':
      return `forget ${names(effect.items)}`;
    case 'failed':
      return `failed: ${effect.reason}`;
    default:
      return effect.kind;
  }
}
