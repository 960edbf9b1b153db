import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readResult, writeTables } from '../results/folder.ts';
import type { BenchResult } from '../results/result.ts';
import { checkStall, type StallCheck } from '../run/stall-check.ts';
import { compare, describeComparison, writeComparison } from './compare.ts';
import { describeCount, describeRate, describeUs } from './numbers.ts';
import { writeReport } from './report.ts';
import { describeResult } from './text.ts';

const folder = mkdtempSync(join(tmpdir(), 'rkv-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

let check: StallCheck;
beforeAll(async () => {
  check = await checkStall();
});

describe('the folder of a run', () => {
  let result: BenchResult;
  beforeAll(async () => {
    result = { ...check.open, name: 'a <b> & "c"' };
    writeTables(folder, result);
    await writeReport(folder, result);
  });

  it('has a file for each reader', () => {
    expect(readdirSync(folder).toSorted()).toEqual([
      'ask_latencies.csv',
      'ask_response.hgrm',
      'ask_service.hgrm',
      'distribution_ask.png',
      'distribution_ask.svg',
      'latency.hlog',
      'latency_ask.png',
      'latency_ask.svg',
      'report.html',
      'result.json',
      'summary.csv',
      'throughput_ask.png',
      'throughput_ask.svg',
    ]);
  });

  it('is read back', () => {
    expect(readResult(folder)).toEqual(JSON.parse(JSON.stringify(result)));
    expect(() => readResult(join(folder, 'nothing'))).toThrow(/holds no result\.json/);
    expect(() => readResult(join(folder, 'summary.csv'))).toThrow(/is no JSON/);
  });

  it('has the tables of the original', () => {
    const [header, ...lines] = read('summary.csv').trimEnd().split('\n');
    expect(header).toBe('elapsed, window, total, successful, failed');
    expect(lines.length).toBe(10);
    expect(lines[0]).toMatch(/^1, 1, (\d+), \1, 0$/);
    const [columns, first] = read('ask_latencies.csv').split('\n');
    expect(columns).toMatch(
      /^elapsed, window, n, min, mean, median, 95th, 99th, 99_9th, max, errors, due_min, /,
    );
    expect(first?.split(', ').slice(3, 6)).toEqual(['1000', '1000', '1000']);
    expect(first?.split(', ').length).toBe(columns?.split(', ').length);
  });

  it('has histograms in the formats of HdrHistogram', () => {
    expect(read('ask_response.hgrm')).toMatch(/Value +Percentile +TotalCount +1\/\(1-Percentile\)/);
    expect(read('ask_response.hgrm')).toMatch(/#\[Mean +=/);
    expect(read('latency.hlog')).toMatch(/\nTag=ask-service,[\d.]+,10\.000,[\d.]+,HISTF/);
  });

  it('has pictures: SVG, and PNG of twice the size with letters in it', () => {
    expect(read('latency_ask.svg')).toMatch(/^<svg .*response p99/s);
    const png = readFileSync(join(folder, 'latency_ask.png'));
    expect(png.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    const width = Number(/ width="(\d+)"/.exec(read('latency_ask.svg'))?.[1]);
    expect(png.readUInt32BE(16)).toBe(width * 2);
  });

  it('has a report that stands alone', () => {
    const html = read('report.html');
    expect(html).toContain('<title>a &lt;b&gt; &amp; &quot;c&quot; - benchmark</title>');
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(
      /https?:|<script|<link|<img|@import|url\((?!#)/,
    );
    expect(html.match(/<figure /g)?.length).toBe(3);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(html).toContain('From due is what a user would have waited');
  });
});

describe('the result in words', () => {
  it('has both latencies of an open loop', () => {
    const text = describeResult(check.open);
    expect(text).toMatch(/^ask +response +9,911 +0 +991\/s +1\.00 ms +561 ms +924 ms +995 ms +1\.00 s$/m);
    expect(text).toMatch(/^ +service +1\.00 ms/m);
  });

  it('warns of what a closed loop cannot see', () => {
    expect(describeResult(check.closed)).toContain('A closed loop: what a stall would have cost');
  });

  it.each([
    [describeUs(7), '7 us'],
    [describeUs(1_234), '1.23 ms'],
    [describeUs(56_789), '56.8 ms'],
    [describeUs(999_600), '1.00 s'],
    [describeUs(61_000_000), '61.0 s'],
    [describeRate(0.5), '0.50/s'],
    [describeRate(12_345), '12.3k/s'],
    [describeRate(2_345_678), '2.35M/s'],
    [describeCount(1_234_567), '1,234,567'],
  ])('%s', (told, text) => {
    expect(told).toBe(text);
  });
});

describe('a comparison', () => {
  it('tells the ratios, and first what was not alike', () => {
    const comparison = compare(check.closed, check.open);
    expect(comparison.differences).toContain('mode was "max" in A and {"rate":1000} in B');
    const rate = comparison.lines.find(({ measure }) => measure === 'rate');
    expect(rate?.ratio).toBeCloseTo(check.open.all.throughput / check.closed.all.throughput);
    // A closed loop knows no other latency than from sent.
    expect(comparison.lines.find(({ measure }) => measure === 'p99')).toMatchObject({
      a: 1_000,
      b: 1_000,
      ratio: 1,
    });
    expect(describeComparison(comparison)).toMatch(/^ask +rate +3\.60k\/s +991\/s +0\.28$/m);
  });

  it('of two open loops is from when operations were due', () => {
    const { lines, differences } = compare(check.open, check.open);
    expect(differences).toEqual([]);
    expect(lines.find(({ measure }) => measure === 'p99')?.a).toBeGreaterThan(800_000);
    expect(lines.every(({ ratio }) => ratio === undefined || ratio === 1)).toBe(true);
  });

  it('is a page', async () => {
    const path = await writeComparison(join(folder, 'compared'), compare(check.closed, check.open));
    expect(readFileSync(path, 'utf8')).toContain('Not alike:');
    expect(readdirSync(join(folder, 'compared'))).toEqual([
      'compare.html',
      'compare_ask.png',
      'compare_ask.svg',
    ]);
  });
});
