/**
 * A schedule of faults read back from its lines: what `describeFaults` prints, kept in a file and changed by hand.
 *
 *     # what is after this sign is a remark
 *     1200..3400 ms  cut n1 | n2 n3
 *     2000..2000.5 ms  crashSaving n2 the ring
 *
 * A line is a fault, and its words are those that `describeFaults` gives to its kind. Empty lines mean nothing.
 *
 * Holds: `parseFaults(describeFaults(schedule), nodes)` is the schedule, in order of time.
 */
import type { StableName } from '@rkv/core';
import type { Breakage, Fault, FaultKind } from './fault.ts';

const KINDS: Readonly<Record<FaultKind, true>> = {
  cut: true,
  forcedCut: true,
  cutOneWay: true,
  reset: true,
  slowLink: true,
  lossyLink: true,
  crash: true,
  crashSaving: true,
  powerCut: true,
  pause: true,
  slowDisk: true,
  fullDisk: true,
  failingDisk: true,
  flakyDisk: true,
  lostStore: true,
  lostDisk: true,
  clockJump: true,
  clockRewind: true,
  clockDrift: true,
};

const DOCUMENTS: Readonly<Record<StableName, true>> = {
  identity: true,
  ring: true,
  agreement: true,
  prospect: true,
  plan: true,
  life: true,
  floor: true,
};

/** Throws an error that names the line and what is wrong with it. `nodes`: who may be named. */
export function parseFaults(text: string, nodes: readonly string[]): Fault[] {
  const faults = text.split('\n').flatMap((line, at) => {
    const words = line.replace(/#.*/, '').trim();
    return words === '' ? [] : [new FaultLine(words, at + 1, nodes).fault()];
  });
  return faults.toSorted((a, b) => a.at - b.at);
}

/** The words of a line, taken one after the other. */
class FaultLine {
  readonly #line: number;
  readonly #nodes: readonly string[];
  readonly #words: string[];

  constructor(text: string, line: number, nodes: readonly string[]) {
    this.#line = line;
    this.#nodes = nodes;
    this.#words = text.split(/\s+/);
  }

  fault(): Fault {
    const [at, until] = this.#span();
    if (until < at) this.#fail(`it is healed at ${until}, before it begins at ${at}`);
    this.#expect('ms');
    const kind = this.#oneOf(KINDS, 'kind of fault');
    const fault = { at, until, ...this.#breakage(kind) };
    if (this.#words.length > 0)
      this.#fail(`nothing is expected after it, and there is "${this.#words.join(' ')}"`);
    return fault;
  }

  #breakage(kind: FaultKind): Breakage {
    switch (kind) {
      case 'cut':
      case 'forcedCut':
      case 'reset':
        return { kind, sides: this.#sides('|') };
      case 'cutOneWay':
        return { kind, sides: this.#sides('>') };
      case 'slowLink':
        return { kind, sides: this.#sides('|'), ...this.#delay() };
      case 'lossyLink':
        return { kind, sides: this.#sides('|'), lossy: this.#lossiness() };
      case 'slowDisk':
        return { kind, node: this.#node(), factor: this.#numberBefore('times') };
      case 'crashSaving': {
        const node = this.#node();
        this.#expect('the');
        return { kind, node, document: this.#oneOf(DOCUMENTS, 'document') };
      }
      case 'clockJump':
        return { kind, node: this.#node(), byMs: this.#numberAfter('by', 'ms') };
      case 'clockDrift':
        return { kind, node: this.#node(), rate: this.#clockRate() };
      default:
        return { kind, node: this.#node() };
    }
  }

  #sides(between: '|' | '>'): readonly [readonly string[], readonly string[]] {
    const left = this.#side();
    this.#expect(between);
    return [left, this.#side()];
  }

  /** One node or more. */
  #side(): string[] {
    const side = [this.#node()];
    while (this.#nodes.includes(this.#words[0] ?? '')) side.push(this.#node());
    return side;
  }

  #delay(): { delayMs: number; jitterMs: number } {
    this.#expect('by');
    const [least, most] = this.#span();
    if (most < least) this.#fail(`${most} ms is no longer delay than ${least} ms`);
    this.#expect('ms');
    return { delayMs: least, jitterMs: most - least };
  }

  #lossiness(): { drop: number; duplicate: number; reorder: number } {
    return {
      drop: this.#chance('drop'),
      duplicate: this.#chance('duplicate'),
      reorder: this.#chance('reorder'),
    };
  }

  #chance(of: string): number {
    this.#expect(of);
    const chance = this.#number();
    if (chance < 0 || chance > 1) this.#fail(`a chance lies between 0 and 1, and ${of} is ${chance}`);
    return chance;
  }

  #clockRate(): number {
    this.#expect('at');
    this.#expect('rate');
    const rate = this.#number();
    if (rate <= 0) this.#fail(`a clock goes at a rate above 0, not at ${rate}`);
    return rate;
  }

  /** `3..17`: from, and until. */
  #span(): [number, number] {
    const word = this.#word('a span of time such as 1200..3400');
    const [, from, until] = /^(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)$/.exec(word) ?? [];
    return from === undefined || until === undefined
      ? this.#fail(`"${word}" is not a span of time such as 1200..3400`)
      : [Number(from), Number(until)];
  }

  #numberBefore(unit: string): number {
    const number = this.#number();
    this.#expect(unit);
    return number;
  }

  #numberAfter(word: string, unit: string): number {
    this.#expect(word);
    return this.#numberBefore(unit);
  }

  #number(): number {
    const word = this.#word('a number');
    const number = Number(word);
    return Number.isFinite(number) ? number : this.#fail(`"${word}" is not a number`);
  }

  #node(): string {
    const name = this.#word('the name of a node');
    return this.#nodes.includes(name)
      ? name
      : this.#fail(`no node is called "${name}"; there are ${this.#nodes.join(', ')}`);
  }

  #oneOf<Name extends string>(names: Readonly<Record<Name, true>>, what: string): Name {
    const word = this.#word(`a ${what}`);
    return Object.hasOwn(names, word)
      ? (word as Name)
      : this.#fail(`no ${what} is called "${word}"; there are ${Object.keys(names).join(', ')}`);
  }

  #expect(expected: string): void {
    const word = this.#word(`"${expected}"`);
    if (word !== expected) this.#fail(`"${expected}" is expected where "${word}" is`);
  }

  #word(expected: string): string {
    return this.#words.shift() ?? this.#fail(`${expected} is expected where it ends`);
  }

  #fail(why: string): never {
    throw new Error(`line ${this.#line}: ${why}`);
  }
}
