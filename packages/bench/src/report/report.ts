/**
 * Everything that is made for people of one run: a chart of latency, throughput and distribution for each operation, as
 * SVG and PNG, and the report that holds them all.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileLabel } from '../generators/mix.ts';
import type { BenchResult } from '../results/result.ts';
import { distributionOf, latencyChart, throughputChart } from './charts.ts';
import { drawPng, drawSvg } from './draw.ts';
import { type Figure, reportHtml } from './html.ts';

/** Returns the path of the report. */
export async function writeReport(folder: string, result: BenchResult): Promise<string> {
  const { labels, all } = result;
  const figures = new Map<string, Figure[]>();
  for (const each of labels.length > 1 ? [...labels, all] : labels) {
    const { label } = each;
    const charts = [
      { name: 'latency', title: `Latency of ${label} over time`, spec: latencyChart(result, label) },
      { name: 'throughput', title: `Throughput of ${label} over time`, spec: throughputChart(result, label) },
      {
        name: 'distribution',
        title: `Distribution of the latencies of ${label}`,
        spec: distributionOf(result, each),
      },
    ];
    const drawn: Figure[] = [];
    for (const { name, title, spec } of charts) {
      const svg = await drawSvg(spec);
      const file = join(folder, `${name}_${fileLabel(label)}`);
      writeFileSync(`${file}.svg`, svg);
      writeFileSync(`${file}.png`, await drawPng(svg));
      drawn.push({ title, svg });
    }
    figures.set(label, drawn);
  }
  const path = join(folder, 'report.html');
  writeFileSync(path, reportHtml(result, figures));
  return path;
}
