/** The measuring of `npm run sim:scale`, on its smallest cluster. */
import { describe, expect, it } from 'vitest';
import { measure, type ScaleRow } from './measure.ts';
import { describeRows } from './table.ts';

describe('a row of the scale table', () => {
  const options = { nodes: 3, ringSize: 64, seed: 1, preset: 'local', keys: 50 } as const;
  let row: ScaleRow;

  it('is measured', () => {
    row = measure(options);
    expect(row).toMatchObject(options);
  });

  it('counts an idle cluster: heartbeats of everybody to everybody, four a second, and a question of the claimant in ten', () => {
    const { sent, seconds, cpuMs } = row.idle;
    expect(sent.heartbeat.frames / seconds / (3 * 2)).toBeCloseTo(4, -0.5);
    // Whether anybody holds tombstones that could be reaped: two are asked, and answer.
    expect(sent.other.frames).toBeLessThanOrEqual(4 * Math.ceil(seconds / 10));
    for (const kind of ['document', 'agreement', 'report', 'handoff', 'data'] as const)
      expect([kind, sent[kind].frames]).toEqual([kind, 0]);
    expect(cpuMs.average).toBeGreaterThan(0);
    expect(cpuMs.average).toBeLessThan(100);
  });

  it('counts a join: agreed in a few epochs, partitions handed over, one document for all', () => {
    const { sent, seconds, epochs, total, busiest } = row.join;
    expect(seconds).toBeGreaterThan(0.05);
    expect(seconds).toBeLessThan(10);
    expect(epochs).toBeGreaterThanOrEqual(2);
    for (const kind of ['heartbeat', 'agreement', 'report', 'handoff'] as const)
      expect([kind, sent[kind].frames > 0]).toEqual([kind, true]);
    expect(sent.agreement.frames).toBeGreaterThanOrEqual(epochs * 4);
    expect(busiest.bytes).toBeLessThan(total.bytes);
    expect(row.documentBytes).toBeGreaterThan(500);
    expect(row.documentBytesMax).toBeGreaterThan(row.documentBytes);
  });

  it('carries each document to each node about once more than it was voted on', () => {
    const { sent, epochs } = measure({ ...options, nodes: 12 }).join;
    expect(sent.document.frames).toBeLessThanOrEqual(1.5 * epochs * 12);
  });

  it('weighs a node', () => {
    expect(row.memoryPerNode).toBeGreaterThan(64 * 1024);
    expect(row.memoryPerNode).toBeLessThan(50_000_000);
  });

  it('is a line in each of two tables, with as many cells as the head', () => {
    const tables = describeRows([row, row])
      .split('\n')
      .filter((line) => line.startsWith('|'));
    const cells = tables.map((line) => line.split('|').length);
    expect(cells).toHaveLength(2 * (2 + 2));
    expect(new Set(cells.slice(0, 4)).size).toBe(1);
    expect(new Set(cells.slice(4)).size).toBe(1);
  });
});
