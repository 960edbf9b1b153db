/**
 * The history checker on whole simulated nodes: in peace, with r + w > n and no read beside a write of its key, a register is
 * linearizable; and a canary, a vnode that answers from before its last write, is caught.
 */
import { latin1Decode, latin1Encode, Prng, type HybridClock, type VnodeContext } from '@rkv/core';
import { KvVnode, type KvCommand } from '@rkv/store';
import { checkLinearizable, checkSettled, describeLinearizability, History } from '@rkv/testkit';
import { describe, expect, it } from 'vitest';
import { KvCluster } from './kv-cluster.ts';

type VnodeToken = Parameters<KvVnode['handleCommand']>[1];
type Merge = Extract<KvCommand, { kind: 'merge' }>;

/** Says at once that a write is stored, and stores it when the next one of its key comes. */
class LateVnode extends KvVnode {
  readonly #last = new Map<string, Merge>();

  override handleCommand(command: KvCommand, token: VnodeToken): void {
    if (command.kind !== 'merge') return super.handleCommand(command, token);
    const before = this.#last.get(command.key);
    this.#last.set(command.key, { ...command, entry: command.entry.slice() });
    token.reply({ kind: 'merged', existed: false, untilMs: 0, later: undefined });
    if (before !== undefined) super.handleCommand(before, { reply() {}, refuse() {}, fail() {} });
  }
}

const KEYS = 5;
const CLIENTS = 4;
const NODES = ['n1', 'n2', 'n3'] as const;

/** Clients write together, then read together, at any node, again and again. */
function playedBy(openVnode?: (context: VnodeContext, clock: HybridClock) => KvVnode): History {
  const cluster = new KvCluster(openVnode === undefined ? {} : { plant: { openVnode } });
  cluster.form(...NODES);
  const { world } = cluster;
  const dice = new Prng(7);
  const history = new History({ now: () => world.now() });
  let open = 0;
  const write = (client: string, node: string, key: string): void => {
    const input = `${client} ${history.count}`;
    const operation = history.begin({ client, node, key, kind: 'write', input });
    open++;
    cluster.citizen(node).kv?.put(key, latin1Encode(input), undefined, {
      onWritten: () => (history.ok(operation), open--),
      onFailure: () => (history.indefinite(operation), open--),
    });
  };
  const read = (client: string, node: string, key: string): void => {
    const operation = history.begin({ client, node, key, kind: 'read' });
    open++;
    cluster.citizen(node).kv?.get(key, undefined, {
      onValue: (bytes, start, end) => (
        history.ok(operation, { output: latin1Decode(bytes, start, end) }),
        open--
      ),
      onMissing: () => (history.ok(operation, { output: null }), open--),
      onFailure: () => (history.failed(operation), open--),
    });
  };
  for (let round = 0; round < 80; round++) {
    const act = round % 2 === 0 ? write : read;
    for (let i = 0; i < CLIENTS; i++)
      world.schedule(dice.below(3), () => act(`c${i}`, dice.pick(NODES), `k${dice.below(KEYS)}`), 'client');
    world.runFor(5);
    cluster.until('all are answered', () => open === 0);
  }
  const from = history.moment();
  for (let key = 0; key < KEYS; key++) cluster.within(() => read('last', 'n1', `k${key}`));
  cluster.until('all are answered', () => open === 0);
  history.addQuiet({ from, to: history.moment() });
  return history;
}

describe('a register of the store, in peace', () => {
  it('is linearizable', () => {
    const history = playedBy();
    const verdict = checkLinearizable(history);
    expect(verdict.impossible, describeLinearizability(verdict)).toEqual([]);
    expect([verdict.gaveUp, verdict.keys, checkSettled(history).findings]).toEqual([[], KEYS, []]);
    expect(verdict.operations).toBe(80 * CLIENTS + KEYS);
    expect(verdict.indefinite).toBe(0);
  });

  it('is not, where vnodes answer from before their last write, and the answers that show it are told', () => {
    const history = playedBy((context, clock) => new LateVnode(context, clock));
    const verdict = checkLinearizable(history);
    expect(verdict.impossible.length).toBeGreaterThan(0);
    const [explanation] = verdict.explanations;
    expect(explanation?.core.length).toBeLessThan(6);
    expect(explanation?.stuckAt.kind).toBe('read');
    expect(describeLinearizability(verdict)).toContain('<--');
    expect(checkSettled(history).findings.map(({ kind }) => kind)).toContain('lost');
  });
});
