/** What the HTTP door stands on in tests: two members, a ring of eight partitions, and keys in a Map. */
import type { PartitionId } from '@rkv/core';
import { AdminError } from '../../src/admin/admin-error.ts';
import type { Admin, RingView, StatusView } from '../../src/admin/api.ts';
import type { LoadView } from '../../src/admin/load-view.ts';

export const status: StatusView = {
  members: [
    {
      name: 'n1',
      id: 'a',
      address: '127.0.0.1:8099',
      status: 'valid',
      up: true,
      partitions: 8,
      slow: false,
      ringPercent: 100,
      pendingPercent: 50,
      location: '',
      partialVnodes: 4,
    },
    {
      name: 'n2',
      id: 'b',
      address: '127.0.0.1:8199',
      status: 'joining',
      up: false,
      partitions: 0,
      slow: false,
      ringPercent: 0,
      pendingPercent: 50,
      location: '',
      partialVnodes: 0,
    },
  ],
  ready: true,
  claimant: 'n1',
  epoch: 7,
  clusterId: 'c',
  ringSize: 8,
  pending: 1,
};
export const ring: RingView = {
  ringSize: 8,
  version: 7,
  claimant: 'n1',
  owners: Array.from({ length: 8 }, () => 'n1'),
  pending: [{ partition: 1, from: 'n1', to: 'n2', status: 'waiting' }],
  buckets: [{ prefix: '', n: 3, level: 'eventual' }],
};

export const load: LoadView = {
  limits: [
    { limit: 'questions', used: 3, max: 10, reached: 1 },
    { limit: 'queue', of: { peer: 'n2', lane: 'bulk' }, used: 7, max: 8 },
    { limit: 'argument', max: 16 },
  ],
  loopDelay: { meanMs: 1, p99Ms: 20, maxMs: 300 },
  openRequests: 5,
  transfers: { active: 1, waiting: 2 },
  exchange: {
    alike: 1,
    differed: 2,
    mendedHere: 3,
    mendedThere: 4,
    received: 5,
    differing: 6,
    oldestMs: 7_500,
    partitions: [{ service: 'rkv', partition: 1 as PartitionId, pairs: 3, alikeMs: 900, mended: 2 }],
  },
  tidied: { swept: 8, reaped: 9 },
  redis: { connections: 1, commands: 2, inputBytes: 3, outputBytes: 4, hits: 5, misses: 6 },
  cluster: { framesSent: 1, framesReceived: 2, framesNotTaken: 3, peersUp: 4, peersDown: 5 },
};

/** A node of one Map that writes down what it was asked. */
export function mapAdmin() {
  const values = new Map<string, Uint8Array>();
  const asked: unknown[][] = [];
  const admin: Admin = {
    ping: async (n) => ({ result: 'pong', n: n + 1, node: 'n1', partition: 3, index: '5' }),
    async get(key, options) {
      asked.push(['get', key, options]);
      const value = values.get(key);
      return value === undefined ? { found: false } : { found: true, value };
    },
    async put(key, value, options) {
      asked.push(['put', key, options]);
      values.set(key, value);
      return options.where ? { where: { node: 'n1', partition: 3, index: '5' } } : {};
    },
    delete: async (key) => ({ existed: values.delete(key) }),
    async key(key, assumeDown) {
      asked.push(['key', key, assumeDown]);
      return { key, keyHex: '', hash: '', partition: 0, index: '0', preflist: [], replicas: [] };
    },
    status: async () => status,
    ring: async () => ring,
    transfers: async () => ({
      active: [],
      waiting: [{ partition: 1, from: 'n1', to: 'n2', kind: 'ownership', reason: 'later' }],
    }),
    async controlTransfers(what, scope) {
      asked.push([what, scope]);
      return { nodes: [{ node: 'n1' }], failed: [] };
    },
    async limitTransfers(limits, node) {
      asked.push(['limit', limits, node]);
      return { nodes: [{ node: 'n1', out: 4, in: 8, bytesPerSecond: null }], failed: [] };
    },
    exchange: async () => ({
      partitions: [{ service: 'rkv', partition: 1, pairs: 3, alikeMs: 900, mended: 2 }],
      differing: 0,
      paused: [],
      failed: [],
    }),
    async controlExchange(what, node) {
      asked.push(['exchange', what, node]);
      return { nodes: [{ node: 'n1' }], failed: [] };
    },
    async scrub(node, begin) {
      asked.push(['scrub', node, begin]);
      return { vnodes: [], failed: [] };
    },
    async repair(partition) {
      asked.push(['repair', partition]);
      return { node: 'n1', begun: true };
    },
    async join(address) {
      asked.push(['join', address]);
      return { claimant: 'n1' };
    },
    async stage(change) {
      asked.push(['stage', change]);
      return { claimant: 'n1' };
    },
    doctor: async () => ({ findings: [] }),
    buckets: async () => [],
    changeBucket: () => Promise.reject(new AdminError('keys_exist', '7 keys')),
    abortResize: async () => ({ epoch: 8 }),
    async down(names, force) {
      asked.push(['down', names, force]);
      return { epoch: 8, warnings: [] };
    },
    async apply(wanted) {
      asked.push(['apply', wanted]);
      return { done: true, steps: [], waiting: [] };
    },
    clear: async () => undefined,
    plan: async () => ({ id: 'p1', changes: [], transitions: [] }),
    commit: async (planId) => {
      if (planId !== 'p1') throw new AdminError('plan_changed', 'the plan is another by now');
      return { epoch: 8 };
    },
    readiness: () => ({ ready: true, reasons: [] }),
    load: () => load,
  };
  return { admin, asked, values };
}
