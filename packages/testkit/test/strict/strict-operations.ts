/**
 * What clients do to strict keys, drawn from dice: to registers, counters and texts, as the checker's models know them.
 *
 * An operation is drawn as it goes into a history, and then asked of a node; what the client is told goes there too.
 */
import { latin1Decode, latin1Encode, stampHex, type Prng } from '@rkv/core';
import { VERSION_AT, type Change, type QuorumStore } from '@rkv/store';
import type { Answer, Invocation, Outcome } from '@rkv/testkit';

export type Told = (outcome: Outcome, answer?: Answer) => void;

export interface StrictOperation extends Pick<Invocation, 'key' | 'kind' | 'input'> {
  readonly ask: (kv: QuorumStore, told: Told) => void;
}

/** Keys of the kinds that there are. */
export interface StrictKinds {
  readonly registers: readonly string[];
  readonly counters: readonly string[];
  /** Strings that grow; may be left out, and others may take their place. */
  readonly texts?: readonly string[];
}

type OutputOf = (answer: {
  readonly applied: boolean;
  readonly existed: boolean;
  readonly length: number;
  readonly text: string | null;
}) => Answer['output'];

const REGISTERS_SHARE = 0.7;
/** Of those that are not done to registers, where there are texts. */
const TEXTS_SHARE = 0.3;
const READS_SHARE = 0.3;

export class StrictOperations {
  readonly #dice: Prng;
  readonly #keys: StrictKinds;
  /** What was read last of each key: what is compared with. */
  readonly #seen = new Map<string, string | null>();

  constructor(dice: Prng, keys: StrictKinds) {
    this.#dice = dice;
    this.#keys = keys;
  }

  /** `value`: one that is written nowhere else. */
  draw(value: string): StrictOperation {
    if (this.#dice.chance(REGISTERS_SHARE)) return this.#ofRegister(value);
    const { texts = [] } = this.#keys;
    return texts.length > 0 && this.#dice.chance(TEXTS_SHARE)
      ? this.#ofText(value, this.#dice.pick(texts))
      : this.#ofCounter();
  }

  /** Another one to this key. */
  drawFor(key: string, value: string): StrictOperation {
    const { registers, counters } = this.#keys;
    if (registers.includes(key)) return this.#ofRegister(value, key);
    return counters.includes(key) ? this.#ofCounter(key) : this.#ofText(value, key);
  }

  #ofRegister(value: string, key = this.#dice.pick(this.#keys.registers)): StrictOperation {
    const from = this.#seen.get(key);
    const roll = this.#dice.below(10);
    if (roll < 4) return this.readOf(key);
    if (roll < 7) return { key, kind: 'write', input: value, ask: put(key, value) };
    const set = (when: Extract<Change, { kind: 'set' }>['when']): Change => ({
      kind: 'set',
      value: latin1Encode(value),
      when,
      until: 0,
      returns: false,
    });
    const isApplied: OutputOf = ({ applied }) => applied;
    if (roll < 8 && typeof from === 'string') {
      const change = set({ kind: 'equals', value: latin1Encode(from) });
      return { key, kind: 'compareAndSet', input: [from, value], ask: changeOf(key, change, isApplied) };
    }
    if (roll < 9)
      return {
        key,
        kind: 'writeIfAbsent',
        input: value,
        ask: changeOf(key, set({ kind: 'absent' }), isApplied),
      };
    const change: Change = { kind: 'delete', when: { kind: 'always' }, returns: false };
    return { key, kind: 'delete', ask: changeOf(key, change, ({ existed }) => existed) };
  }

  #ofCounter(key = this.#dice.pick(this.#keys.counters)): StrictOperation {
    if (this.#dice.chance(READS_SHARE)) return this.readOf(key);
    const ask = changeOf(key, { kind: 'increment', by: 1n }, ({ text }) => Number(text));
    return { key, kind: 'increment', input: 1, ask };
  }

  #ofText(value: string, key: string): StrictOperation {
    if (this.#dice.chance(READS_SHARE)) return this.readOf(key);
    const ask = changeOf(key, { kind: 'append', value: latin1Encode(value) }, ({ length }) => length);
    return { key, kind: 'append', input: value, ask };
  }

  /** Also of a text that was among the keys before. */
  readOf(key: string): StrictOperation {
    const { registers, counters } = this.#keys;
    const isCounter = counters.includes(key);
    const isText = !isCounter && !registers.includes(key);
    const ask = (kv: QuorumStore, told: Told): void =>
      kv.get(key, undefined, {
        onValue: (bytes, start, end) => {
          const text = latin1Decode(bytes, start, end);
          this.#seen.set(key, text);
          told('ok', { output: isCounter ? Number(text) : text });
        },
        onMissing: () => {
          this.#seen.set(key, null);
          told('ok', { output: null });
        },
        onFailure: () => told('failed'),
      });
    return { key, kind: isCounter ? 'total' : isText ? 'text' : 'read', ask };
  }
}

function put(key: string, value: string): StrictOperation['ask'] {
  return (kv, told) =>
    kv.put(key, latin1Encode(value), undefined, {
      onWritten: (_existed, entry) => told('ok', { version: stampHex(entry, VERSION_AT) }),
      onFailure: ({ definite }) => told(definite ? 'failed' : 'indefinite'),
    });
}

function changeOf(key: string, change: Change, outputOf: OutputOf): StrictOperation['ask'] {
  return (kv, told) =>
    kv.change(key, change, undefined, {
      onChanged: ({ value, version, ...answer }) => {
        const output = outputOf({ ...answer, text: value === undefined ? null : latin1Decode(value) });
        told('ok', { ...(output !== undefined && { output }), version: stampHex(version, 0) });
      },
      onFailure: ({ definite }) => told(definite ? 'failed' : 'indefinite'),
    });
}
