/**
 * A network of one's own: each node in a network namespace, all on one bridge, and faults in between that the kernel makes.
 *
 *     this machine  10.77.x.254 ---+--- bridge ---+--- 10.77.x.1  n1
 *     (clients)                                   +--- 10.77.x.2  n2 ...
 *
 * A fault stands at the namespace of its victim and meets what goes between it and the other nodes; clients on this
 * machine reach every node all the while. Connections are not reset: packets are lost, as with a cable that is pulled.
 *
 * Promises: nothing is left behind. `end` removes namespaces, bridge and rules, and so does the end of this process; what a
 * process that was killed outright has left is removed by the next one.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpAnswer, HttpInit, Place } from './place.ts';

/** in: the victim does not hear. out: it is not heard. both: neither. */
export type Way = 'in' | 'out' | 'both';

const OURS = /^rkv-(\d+)-/;
const BLOCKS = 250;
const CLIENT_HOST = 254;

/** Why it cannot be made here; undefined: it can. */
export function whyNoNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  for (const [program, flag] of [
    ['ip', '-V'],
    ['nft', '-v'],
  ] as const) {
    if (!succeeds(program, flag)) return `${program} is not there (Debian: iproute2, nftables)`;
  }
  const probe = `rkv-${process.pid}-probe`;
  try {
    run('ip', 'netns', 'add', probe);
    nft(probe, 'table inet faults { chain in { type filter hook input priority 0; }\n}');
    return undefined;
  } catch (error) {
    return `network namespaces are not allowed here: ${(error as Error).message.split('\n')[1] ?? ''}`;
  } finally {
    succeeds('ip', 'netns', 'del', probe);
  }
}

export class Network {
  readonly #prefix = `10.77.${1 + (process.pid % BLOCKS)}`;
  readonly #bridge = `rkvbr${process.pid}`;
  readonly #places = new Map<string, NamespacePlace>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'rkv-secret-'));
  readonly #atExit = (): void => this.#remove();

  constructor() {
    removeForgotten();
    process.once('exit', this.#atExit);
    writeFileSync(this.#secret, 'only for this test, and long enough\n', { mode: 0o600 });
    run('ip', 'link', 'add', this.#bridge, 'type', 'bridge');
    run('ip', 'addr', 'add', `${this.#prefix}.${CLIENT_HOST}/24`, 'dev', this.#bridge);
    run('ip', 'link', 'set', this.#bridge, 'up');
  }

  /** Flags for its nodes: who is reached from outside proves itself with a secret. */
  get flags(): readonly string[] {
    return ['--secret-file', this.#secret];
  }

  get #secret(): string {
    return join(this.#folder, 'secret');
  }

  /** A namespace for the node of this name, made when it is first asked for. */
  placeOf(name: string): Place {
    const found = this.#places.get(name);
    if (found !== undefined) return found;
    const number = this.#places.size + 1;
    const namespace = `rkv-${process.pid}-${name}`;
    const link = `rkv${number}p${process.pid}`;
    run('ip', 'netns', 'add', namespace);
    run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    run('ip', 'link', 'set', link, 'master', this.#bridge, 'up');
    const host = `${this.#prefix}.${number}`;
    run('ip', '-n', namespace, 'addr', 'add', `${host}/24`, 'dev', 'eth0');
    run('ip', '-n', namespace, 'link', 'set', 'eth0', 'up');
    run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    const place = new NamespacePlace(namespace, host);
    this.#places.set(name, place);
    return place;
  }

  /** Nothing goes between this node and the others, in one direction or in both. */
  cut(name: string, way: Way): void {
    this.#rule(name, way, 'drop');
  }

  /** So many of a hundred packets between this node and the others are lost, in each direction. */
  lose(name: string, percent: number): void {
    this.#rule(name, 'both', `numgen random mod 100 < ${percent} drop`);
  }

  heal(name: string): void {
    nft(this.#place(name).namespace, 'flush ruleset');
  }

  async end(): Promise<void> {
    process.off('exit', this.#atExit);
    await Promise.all([...this.#places.values()].map((place) => place.end()));
    this.#remove();
  }

  #rule(name: string, way: Way, verdict: string): void {
    const { namespace } = this.#place(name);
    const others = [...this.#places].filter(([other]) => other !== name).map(([, { host }]) => host);
    const chain = (hook: 'input' | 'output', field: 'saddr' | 'daddr'): string =>
      `chain ${hook} { type filter hook ${hook} priority 0; ip ${field} { ${others.join(', ')} } ${verdict}; }\n`;
    const chains = [
      ...(way === 'out' ? [] : [chain('input', 'saddr')]),
      ...(way === 'in' ? [] : [chain('output', 'daddr')]),
    ];
    nft(namespace, `table inet faults { ${chains.join('')} }`);
  }

  #place(name: string): NamespacePlace {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`${name} has no place in this network`);
    return place;
  }

  #remove(): void {
    for (const place of this.#places.values()) place.remove();
    this.#places.clear();
    succeeds('ip', 'link', 'del', this.#bridge);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Asks from within: it is told urls and tells answers. */
const ASKER = `process.on('message', ({ number, url, init }) =>
  fetch(url, init).then(
    async (answer) => process.send({ number, status: answer.status, text: await answer.text() }),
    (error) => process.send({ number, error: String(error.cause ?? error) }),
  ));
process.on('disconnect', () => process.exit());`;

interface AskerAnswer {
  readonly number: number;
  readonly status: number;
  readonly text: string;
  readonly error?: string;
}

class NamespacePlace implements Place {
  readonly namespace: string;
  readonly host: string;
  readonly enter: readonly string[];
  #asker: ChildProcess | undefined;
  #asked = 0;
  readonly #open = new Map<number, (answer: AskerAnswer) => void>();

  constructor(namespace: string, host: string) {
    this.namespace = namespace;
    this.host = host;
    this.enter = ['ip', 'netns', 'exec', namespace];
  }

  readonly ask = async (url: string, init: HttpInit): Promise<HttpAnswer> => {
    const number = this.#asked++;
    const answer = await new Promise<AskerAnswer>((resolve) => {
      this.#open.set(number, resolve);
      this.#living().send({ number, url, init });
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return { status: answer.status, text: answer.text };
  };

  async end(): Promise<void> {
    const asker = this.#asker;
    if (asker === undefined || asker.exitCode !== null) return;
    asker.disconnect();
    await once(asker, 'exit');
  }

  remove(): void {
    this.#asker?.kill('SIGKILL');
    succeeds('ip', 'netns', 'del', this.namespace);
  }

  #living(): ChildProcess {
    if (this.#asker !== undefined) return this.#asker;
    const [command, ...args] = [...this.enter, process.execPath, '-e', ASKER];
    const asker = spawn(command as string, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    asker.on('message', (answer: AskerAnswer) => {
      this.#open.get(answer.number)?.(answer);
      this.#open.delete(answer.number);
    });
    this.#asker = asker;
    return asker;
  }
}

/** Of processes that are gone. */
function removeForgotten(): void {
  const isGone = (pid: string): boolean => !succeeds('kill', '-0', pid);
  for (const line of run('ip', 'netns', 'list').split('\n')) {
    const [name = ''] = line.split(' ');
    const pid = OURS.exec(name)?.[1];
    if (pid !== undefined && isGone(pid)) run('ip', 'netns', 'del', name);
  }
  for (const [, link = '', pid = ''] of run('ip', '-o', 'link', 'show').matchAll(/: (rkvbr(\d+)):/g)) {
    if (isGone(pid)) run('ip', 'link', 'del', link);
  }
}

function nft(namespace: string, rules: string): void {
  execFileSync('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], {
    input: rules,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function succeeds(command: string, ...args: string[]): boolean {
  try {
    run(command, ...args);
    return true;
  } catch {
    return false;
  }
}
