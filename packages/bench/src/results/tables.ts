/**
 * The results as text for other programs: the original's CSV files, and HDR histograms in the two formats that the tools
 * around HdrHistogram read.
 */
import { HistogramLogWriter } from 'hdr-histogram-js';
import { decodeHistogram } from './histogram.ts';
import type { BenchResult, LabelResult, Latencies, WindowResult } from './result.ts';

/** elapsed and window in seconds, how many operations ended in it. */
export function summaryCsv({ windows }: BenchResult): string {
  const lines = windows.map((window) => {
    const { succeeded, failed } = window.all;
    return [seconds(window.toS), seconds(window.toS - window.fromS), succeeded + failed, succeeded, failed];
  });
  return csv('elapsed, window, total, successful, failed', lines);
}

const LATENCY_COLUMNS = 'min, mean, median, 95th, 99th, 99_9th, max';

/** Microseconds; the original's columns are from when the operation was sent, those behind `errors` from when it was due. */
export function latenciesCsv({ windows }: BenchResult, label: string): string {
  const due = LATENCY_COLUMNS.split(', ').map((column) => `due_${column}`);
  const lines = windows.map((window) => {
    const { succeeded, failed, service, response } = window.labels[label] as WindowResult['all'];
    const [at, length] = [seconds(window.toS), seconds(window.toS - window.fromS)];
    return [at, length, succeeded, ...columns(service), failed, ...columns(response)];
  });
  return csv(`elapsed, window, n, ${LATENCY_COLUMNS}, errors, ${due.join(', ')}`, lines);
}

/** The percentile distribution that HdrHistogram's plotters read, in milliseconds. */
export function percentileText({ histograms }: LabelResult, which: 'service' | 'response'): string {
  return decodeHistogram(histograms[which]).outputPercentileDistribution(5, 1_000);
}

/** One line per label and latency, tagged; the log format of HdrHistogram, version 1.3. */
export function histogramLog({ labels, startedAt, measuredS }: BenchResult): string {
  let text = '';
  const startMs = Date.parse(startedAt);
  const writer = new HistogramLogWriter((written) => (text += written));
  writer.outputLogFormatVersion();
  writer.outputStartTime(startMs);
  writer.outputLegend();
  for (const { label, histograms } of labels) {
    for (const which of ['service', 'response'] as const) {
      const histogram = decodeHistogram(histograms[which]);
      histogram.tag = `${label}-${which}`.replaceAll(/[\s,]/g, '-');
      writer.outputIntervalHistogram(histogram, startMs / 1e3, startMs / 1e3 + measuredS, 1_000);
    }
  }
  return text;
}

function columns({ min, mean, p50, p95, p99, p999, max }: Latencies): number[] {
  return [min, mean, p50, p95, p99, p999, max];
}

function seconds(value: number): string {
  return String(Number(value.toFixed(3)));
}

function csv(header: string, lines: readonly (readonly (string | number)[])[]): string {
  return `${[header, ...lines.map((line) => line.join(', '))].join('\n')}\n`;
}
