/**
 * Two runs beside each other: per operation the rate and the percentiles of both, and the second to the first.
 *
 * A ratio says nothing when the runs were not alike, so every difference of setup and machine is told first. And two runs
 * are two samples: a noisy machine moves a p99 by half, and this cannot know it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileLabel } from '../generators/mix.ts';
import { decodeHistogram, type Histogram, quantilesOf } from '../results/histogram.ts';
import type { BenchResult, LabelResult, Latencies } from '../results/result.ts';
import { distributionChart, RESPONSE_COLOUR, type Series, SERVICE_COLOUR } from './charts.ts';
import { drawPng, drawSvg } from './draw.ts';
import { figureHtml, page, tableHtml, text } from './html.ts';
import { describeRate, describeUs } from './numbers.ts';
import { table } from './text.ts';

/** Two results side by side. */
export interface Comparison {
  readonly a: BenchResult;
  readonly b: BenchResult;
  readonly lines: readonly ComparedLine[];
  /** What was not the same in both, as sentences. */
  readonly differences: readonly string[];
}

/** One measure of one kind of operation, in both results. */
export interface ComparedLine {
  readonly label: string;
  readonly measure: string;
  readonly a: number;
  readonly b: number;
  /** b / a; undefined when a is zero. */
  readonly ratio: number | undefined;
}

type Percentile = Exclude<keyof Latencies, 'count' | 'min' | 'mean'>;
const PERCENTILES: readonly (readonly [Percentile, string])[] = [
  ['p50', 'p50'],
  ['p95', 'p95'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
  ['max', 'max'],
];

export function compare(a: BenchResult, b: BenchResult): Comparison {
  const pairs = pairsOf(a, b);
  const which = latencyOf(a, b);
  const lines = pairs.flatMap(([one, two]) => [
    lineOf(one.label, 'rate', one.throughput, two.throughput),
    ...PERCENTILES.map(([key, name]) => lineOf(one.label, name, one[which][key], two[which][key])),
    lineOf(one.label, 'failed', one.failed, two.failed),
  ]);
  return { a, b, lines, differences: differencesOf(a, b) };
}

/** As a table for a terminal. */
export function describeComparison({ a, b, lines, differences }: Comparison): string {
  const rows = lines.map(({ label, measure, a, b, ratio }, at) => {
    const isFirst = lines[at - 1]?.label !== label;
    return [
      isFirst ? label : '',
      measure,
      describeMeasure(measure, a),
      describeMeasure(measure, b),
      describeRatio(ratio),
    ];
  });
  return [
    `A: ${a.name}, ${a.driver}, ${a.startedAt}`,
    `B: ${b.name}, ${b.driver}, ${b.startedAt}`,
    ...differences.map((difference) => `Not alike: ${difference}`),
    '',
    table([['operation', '', 'A', 'B', 'B / A'], ...rows]),
    '',
    explain(a, b),
  ].join('\n');
}

/** Writes compare.html and a chart per operation to the folder; returns the path of the page. */
export async function writeComparison(folder: string, comparison: Comparison): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const { a, b, differences } = comparison;
  const sections: string[] = [];
  for (const [one, two] of pairsOf(a, b)) {
    const title = `Latencies of ${one.label}`;
    const svg = await drawSvg(distributionChart(title, seriesOf(comparison, one, two)));
    writeFileSync(join(folder, `compare_${fileLabel(one.label)}.svg`), svg);
    writeFileSync(join(folder, `compare_${fileLabel(one.label)}.png`), await drawPng(svg));
    sections.push(
      `<section><h2>${text(one.label)}</h2><div class="figures">${tableOf(comparison, one.label)}` +
        `${figureHtml({ title, svg })}</div></section>`,
    );
  }
  const body = [
    `<header><h1>${text(a.name)} and ${text(b.name)}</h1>`,
    `<p>A: ${text(a.driver)}, ${text(a.startedAt)}</p><p>B: ${text(b.driver)}, ${text(b.startedAt)}</p></header>`,
    ...differences.map(
      (difference) => `<p class="warning"><strong>Not alike:</strong> ${text(difference)}</p>`,
    ),
    ...sections,
    `<p class="faint">${text(explain(a, b))}</p>`,
  ];
  const path = join(folder, 'compare.html');
  writeFileSync(path, page(`${a.name} and ${b.name} - comparison`, body.join('\n')));
  return path;
}

/** Labels that both have, and all together. */
function pairsOf(a: BenchResult, b: BenchResult): (readonly [LabelResult, LabelResult])[] {
  const shared = a.labels.flatMap((one) => {
    const two = b.labels.find(({ label }) => label === one.label);
    return two === undefined ? [] : [[one, two] as const];
  });
  return shared.length > 1 ? [...shared, [a.all, b.all] as const] : shared;
}

/** From due where both have it; a closed loop has no other latency than from sent. */
function latencyOf(a: BenchResult, b: BenchResult): 'response' | 'service' {
  return a.loop === 'open' && b.loop === 'open' ? 'response' : 'service';
}

function lineOf(label: string, measure: string, a: number, b: number): ComparedLine {
  return { label, measure, a, b, ratio: a === 0 ? undefined : b / a };
}

function differencesOf(a: BenchResult, b: BenchResult): string[] {
  const names = new Set([...Object.keys(a.setup), ...Object.keys(b.setup)]);
  const found = [...names].flatMap((name) => {
    const [one, two] = [JSON.stringify(a.setup[name]), JSON.stringify(b.setup[name])];
    return one === two ? [] : [`${name} was ${one} in A and ${two} in B`];
  });
  const machines = [a, b].map(({ machine: { cpu, cores, node } }) => `${cores} x ${cpu}, Node.js ${node}`);
  if (machines[0] !== machines[1]) found.push(`A ran on ${machines[0]}, B on ${machines[1]}`);
  const only = (one: BenchResult, other: BenchResult): string[] =>
    one.labels
      .filter(({ label }) => other.labels.every((each) => each.label !== label))
      .map(({ label }) => label);
  for (const [name, labels] of [
    ['A', only(a, b)],
    ['B', only(b, a)],
  ] as const) {
    if (labels.length > 0) found.push(`only ${name} has ${labels.join(', ')}`);
  }
  return found;
}

function explain(a: BenchResult, b: BenchResult): string {
  const from = latencyOf(a, b) === 'response' ? 'due' : 'sent';
  return `Latencies are from when an operation was ${from}. Two runs are two samples: repeat them before you believe a small difference.`;
}

function seriesOf({ a, b }: Comparison, one: LabelResult, two: LabelResult): Series[] {
  const which = latencyOf(a, b);
  const histogram = ({ histograms }: LabelResult): Histogram => decodeHistogram(histograms[which]);
  return [
    { name: 'A', colour: RESPONSE_COLOUR, quantiles: quantilesOf(histogram(one)) },
    { name: 'B', colour: SERVICE_COLOUR, quantiles: quantilesOf(histogram(two)) },
  ];
}

function tableOf({ lines }: Comparison, label: string): string {
  const rows = lines
    .filter((line) => line.label === label)
    .map(({ measure, a, b, ratio }) => {
      const cells = [describeMeasure(measure, a), describeMeasure(measure, b), describeRatio(ratio)];
      return `<tr><th scope="row">${measure}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
    });
  return tableHtml(['', 'A', 'B', 'B / A'], rows.join(''));
}

function describeMeasure(measure: string, value: number): string {
  if (measure === 'rate') return describeRate(value);
  return measure === 'failed' ? value.toLocaleString('en') : describeUs(value);
}

function describeRatio(ratio: number | undefined): string {
  return ratio === undefined ? '-' : ratio.toFixed(2);
}
