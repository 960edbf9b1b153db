/**
 * Clients of a strict bucket: they read, write, delete, compare and set, count and append, through every node, and often
 * several at one key in the same moment. What they were told must be linearizable, whatever befalls the nodes.
 *
 * A strict key may be away while its partition moves, so how many were served is told and not judged. Texts are turned over:
 * of one that grows for long no order is found in good time.
 */
import type { History, Json } from '@rkv/testkit';
import type { TestNode } from '../nodes.ts';
import { Client, type Question } from './client.ts';

export interface StrictLoadInit {
  readonly history: History;
  /** Whom clients may ask now. */
  readonly nodes: () => readonly TestNode[];
  /** 0 to 1, from the seed of the run. */
  readonly random: () => number;
}

export const STRICT_PREFIX = 'strict:';

const CLIENTS = 3;
const GAP_MS = [15, 50] as const;
/** In how many steps all clients ask for one key in the same moment. */
const CROWD_SHARE = 0.2;
const REGISTERS = 6;
const COUNTERS = 2;
const APPENDS_OF_TEXT = 60;

export class StrictLoad {
  readonly #init: StrictLoadInit;
  readonly #clients: readonly Client[];
  readonly #registers = named('r', REGISTERS);
  readonly #counters = named('c', COUNTERS);
  readonly #texts: string[] = named('t', 1);
  readonly #insiders = new Insiders();
  #timer: NodeJS.Timeout | undefined;
  readonly #open = new Set<Promise<void>>();
  #values = 0;
  #appends = 0;
  /** What was last heard of each register: what is compared with. */
  readonly #heard = new Map<string, string>();
  #counts = { operations: 0, missed: 0 };

  constructor(init: StrictLoadInit) {
    this.#init = init;
    const { history } = init;
    const nodes = (): readonly TestNode[] => this.#insiders.among(init.nodes());
    this.#clients = Array.from(
      { length: CLIENTS },
      (_, turn) => new Client({ history, nodes, name: `s${turn + 1}`, turn }),
    );
  }

  start(): void {
    const gap = GAP_MS[0] + this.#init.random() * (GAP_MS[1] - GAP_MS[0]);
    this.#timer = setTimeout(() => {
      if (this.#insiders.among(this.#init.nodes()).length > 0) this.#turn();
      this.start();
    }, gap);
  }

  /** Resolves when every operation has its outcome. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#open);
    for (const client of this.#clients) client.close();
  }

  /** Those that are written now. */
  get keys(): readonly string[] {
    return [...this.#registers, ...this.#counters, ...this.#texts.slice(-1)];
  }

  get allKeys(): readonly string[] {
    return [...this.#registers, ...this.#counters, ...this.#texts];
  }

  /** Since they were last asked for. */
  figures(): { readonly operations: number; readonly missed: number } {
    const counts = this.#counts;
    this.#counts = { operations: 0, missed: 0 };
    return counts;
  }

  readingOf(key: string): Question {
    const asked = { key, isRead: true, ask: commandOf('GET', key) };
    if (this.#counters.includes(key))
      return { ...asked, kind: 'total', outputOf: (answer) => (answer === null ? null : countOf(answer)) };
    const kind = this.#registers.includes(key) ? 'read' : 'text';
    return { ...asked, kind, outputOf: (answer) => answer as string | null };
  }

  #turn(): void {
    const first = this.#drawKey();
    const isCrowd = this.#init.random() < CROWD_SHARE;
    const asking = isCrowd ? this.#clients : [this.#oneOf(this.#clients)];
    for (const client of asking) {
      const done = this.#one(client, this.#drawQuestion(first));
      this.#open.add(done);
      void done.finally(() => this.#open.delete(done));
    }
  }

  async #one(client: Client, question: Question): Promise<void> {
    const { kind, key } = question;
    const { outcome, input, output } = await client.perform(question);
    this.#counts.operations++;
    if (outcome !== 'ok') this.#counts.missed++;
    else if (kind === 'read' && typeof output === 'string') this.#heard.set(key, output);
    else if (kind === 'write') this.#heard.set(key, String(input));
  }

  #drawKey(): string {
    const die = this.#init.random();
    if (die < 0.65) return this.#oneOf(this.#registers);
    return die < 0.85 ? this.#oneOf(this.#counters) : (this.#texts.at(-1) as string);
  }

  /** To this key: some kinds of changes, and reads. */
  #drawQuestion(key: string): Question {
    const die = this.#init.random();
    if (die < 0.35) return this.readingOf(key);
    if (this.#counters.includes(key)) return increment(key);
    const value = `v${++this.#values}.`;
    if (!this.#registers.includes(key)) return this.#append(key, value);
    const heard = this.#heard.get(key);
    if (die < 0.6) return { ...change('write', key, value), ask: commandOf('SET', key, value) };
    if (die < 0.8 && heard !== undefined) return compareAndSet(key, heard, value);
    return die < 0.9 ? writeIfAbsent(key, value) : deletion(key);
  }

  #append(key: string, value: string): Question {
    if (++this.#appends % APPENDS_OF_TEXT === 0) this.#texts.push(`${STRICT_PREFIX}t${this.#texts.length}`);
    return { ...change('append', key, value), ask: commandOf('APPEND', key, value), outputOf: countOf };
  }

  #oneOf<T>(things: readonly T[]): T {
    return things[Math.floor(this.#init.random() * things.length)] as T;
  }
}

/**
 * Who is known to have been let in. A node that joins keeps a ring of its own until then, where no key is strict; nobody who
 * wants the cluster's keys is to ask it.
 */
class Insiders {
  /** By process: one that left comes back as a stranger. */
  readonly #known = new Set<number>();
  readonly #asked = new Set<number>();

  /** Asks the others, so that they may be among them the next time. */
  among(nodes: readonly TestNode[]): readonly TestNode[] {
    return nodes.filter((node) => {
      if (!node.runs) return false;
      const { pid } = node;
      if (!this.#known.has(pid) && !this.#asked.has(pid)) void this.#ask(node, pid);
      return this.#known.has(pid);
    });
  }

  async #ask(node: TestNode, pid: number): Promise<void> {
    this.#asked.add(pid);
    try {
      const { status, text } = await node.ask('/api/buckets');
      if (status === 200 && text.includes(JSON.stringify(STRICT_PREFIX))) this.#known.add(pid);
    } catch {
      // It is not up, or has ended; it is asked again when it is among those who are present.
    } finally {
      this.#asked.delete(pid);
    }
  }
}

function named(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${STRICT_PREFIX}${kind}${at}`);
}

function commandOf(name: string, ...words: readonly string[]): Question['ask'] {
  return (redis) => redis.call(name, ...words);
}

function change(kind: string, key: string, input?: Json): Omit<Question, 'ask'> {
  const asked = { kind, key, isRead: false, outputOf: () => undefined };
  return input === undefined ? asked : { ...asked, input };
}

function increment(key: string): Question {
  return { ...change('increment', key, 1), ask: commandOf('INCR', key), outputOf: countOf };
}

function writeIfAbsent(key: string, value: string): Question {
  return {
    ...change('writeIfAbsent', key, value),
    ask: commandOf('SET', key, value, 'NX'),
    outputOf: (answer) => answer === 'OK',
  };
}

function compareAndSet(key: string, from: string, to: string): Question {
  return {
    ...change('compareAndSet', key, [from, to]),
    ask: commandOf('SET', key, to, 'IFEQ', from),
    outputOf: (answer) => answer === 'OK',
  };
}

function deletion(key: string): Question {
  return { ...change('delete', key), ask: commandOf('DEL', key), outputOf: (answer) => answer === 1 };
}

/** What is no count is told as it is, and no order explains it. */
function countOf(answer: unknown): Json {
  const count = Number(answer);
  return Number.isSafeInteger(count) ? count : String(answer);
}
