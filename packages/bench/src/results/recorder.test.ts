import { describe, expect, it } from 'vitest';
import { decodeHistogram } from './histogram.ts';
import { Recorder } from './recorder.ts';
import type { WindowResult } from './result.ts';

const SECOND = 1e6;

function recorder(onWindow?: (window: WindowResult) => void): Recorder {
  const init = { labels: ['get', 'put'], fromUs: 10 * SECOND, endUs: 13.5 * SECOND, windowUs: SECOND };
  return new Recorder(onWindow === undefined ? init : { ...init, onWindow });
}

describe('the recorder', () => {
  it('puts each operation into the window in which it ended, under its label', () => {
    const told = recorder();
    told.succeeded(0, 10.2 * SECOND, 100, 150, true);
    told.succeeded(1, 10.9 * SECOND, 200, 900, false);
    told.failed(1, 12.1 * SECOND, 'BUSY');
    expect(told.finish()).toBe(3.5);
    expect(told.windows.map(({ fromS, toS }) => [fromS, toS])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 3.5],
    ]);
    const [first, second, third] = told.windows;
    expect(first?.all).toMatchObject({
      succeeded: 2,
      failed: 0,
      service: { max: 200 },
      response: { max: 900 },
    });
    expect(first?.labels['get']).toMatchObject({
      succeeded: 1,
      service: { p50: 100 },
      response: { p50: 150 },
    });
    expect(second?.all).toMatchObject({ succeeded: 0, failed: 0 });
    expect(third?.labels['put']).toMatchObject({ succeeded: 0, failed: 1, errors: { BUSY: 1 } });
    expect(told.lateness).toMatchObject({ count: 1, max: 50 });
  });

  it('drops the warm-up', () => {
    const told = recorder();
    told.succeeded(0, 9.9 * SECOND, 100, 100, true);
    told.failed(0, 9.9 * SECOND, 'BUSY');
    const { all } = told.results(told.finish());
    expect(all).toMatchObject({ succeeded: 0, failed: 0 });
    expect(told.lateness.count).toBe(0);
  });

  it('what ended late is in the latencies, but in no window and not in the throughput', () => {
    const told = recorder();
    for (let at = 0; at < 7; at++) told.succeeded(0, 11 * SECOND, 100, 100, false);
    told.succeeded(0, 14 * SECOND, 100, 5 * SECOND, false);
    const { all, labels } = told.results(told.finish());
    expect(all).toMatchObject({ succeeded: 8, throughput: 2, response: { max: 5 * SECOND } });
    expect(labels[0]?.throughput).toBe(2);
    expect(told.windows.reduce((sum, window) => sum + window.all.succeeded, 0)).toBe(7);
  });

  it('tells of windows when they are over, and counts in an open one what comes later', () => {
    const heard: WindowResult[] = [];
    const told = recorder((window) => heard.push(window));
    told.succeeded(0, 10.5 * SECOND, 100, 100, false);
    told.closeUntil(10.9 * SECOND);
    expect(heard).toEqual([]);
    told.closeUntil(12 * SECOND);
    expect(heard.map(({ all }) => all.succeeded)).toEqual([1, 0]);
    told.succeeded(0, 10.6 * SECOND, 100, 100, false);
    told.finish();
    expect(heard.map(({ all }) => all.succeeded)).toEqual([1, 0, 1, 0]);
  });

  it('an end that comes early cuts the last window', () => {
    const told = recorder();
    told.endAt(11.25 * SECOND);
    expect(told.finish()).toBe(1.25);
    expect(told.windows.map(({ toS }) => toS)).toEqual([1, 1.25]);
    const never = recorder();
    never.endAt(9 * SECOND);
    expect(never.finish()).toBe(0);
    expect(never.results(0).all.throughput).toBe(0);
  });

  it('gives the whole distribution of each label', () => {
    const told = recorder();
    for (const us of [100, 200, 300]) told.succeeded(1, 11 * SECOND, us, us * 10, false);
    const { labels } = told.results(told.finish());
    expect(decodeHistogram(labels[1]!.histograms.service).totalCount).toBe(3);
    expect(decodeHistogram(labels[1]!.histograms.response).getValueAtPercentile(50)).toBeCloseTo(2_000, -1);
  });
});
