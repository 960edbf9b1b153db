/**
 * The charts, described in the grammar of Vega-Lite: latency over time, throughput over time, and the distribution of
 * latencies.
 *
 * Latencies stand on a logarithmic axis: a median of half a millisecond and a stall of a second are on one picture. The
 * axis of the distribution is the one that HDR plots have: as wide from 99% to 99.9% as from 90% to 99%, because that is
 * where the answers lie.
 */
import type { TopLevelSpec } from 'vega-lite';
import { decodeHistogram, type Quantile, quantilesOf } from '../results/histogram.ts';
import type { BenchResult, LabelResult, Latencies, Tally, WindowResult } from '../results/result.ts';
import { describeRate } from './numbers.ts';

export const FONT = 'IBM Plex Sans';
export const RESPONSE_COLOUR = '#2f6fde';
export const SERVICE_COLOUR = '#e08a1e';
const ERROR_COLOUR = '#c8342b';
const [INK, FAINT, GRID] = ['#1f2933', '#5b6773', '#e6eaee'];
/** Told apart by light as well as by hue. */
const SHADES = {
  median: '#9fc0f5',
  tail: RESPONSE_COLOUR,
  worst: '#17366f',
  service: SERVICE_COLOUR,
} as const;

/** An axis of more decades has no room for 2 and 5. */
const DECADES_IN_STEPS = 4;
const [WIDTH, HEIGHT] = [640, 260];

/** Milliseconds with their unit. */
const TIME_LABEL =
  "datum.value < 0.9995 ? format(datum.value * 1000, '~r') + ' us' : " +
  "datum.value < 999.5 ? format(datum.value, '~r') + ' ms' : format(datum.value / 1000, '~r') + ' s'";
const PERCENT_LABEL =
  "datum.value <= 1 ? '0%' : datum.value < 9 ? '50%' : format(100 - 100 / datum.value, '~r') + '%'";

const CONFIG = {
  background: 'white',
  padding: 12,
  font: FONT,
  view: { stroke: null },
  title: {
    anchor: 'start',
    color: INK,
    fontSize: 15,
    fontWeight: 600,
    offset: 12,
    subtitleColor: FAINT,
    subtitleFontSize: 12,
  },
  axis: {
    ...{ labelColor: FAINT, titleColor: FAINT, titleFontWeight: 400, labelFontSize: 11, titleFontSize: 12 },
    ...{ gridColor: GRID, domainColor: GRID, tickColor: GRID, titlePadding: 8, labelPadding: 4 },
  },
  legend: {
    ...{ labelColor: INK, labelFontSize: 12, title: null, orient: 'top', symbolType: 'stroke' },
    ...{ symbolStrokeWidth: 3, columnPadding: 18, offset: 6 },
  },
} as const;

export function latencyChart(result: BenchResult, label: string): TopLevelSpec {
  const open = result.loop === 'open';
  const curves: readonly Curve[] = open
    ? [
        ['response p50', SHADES.median, ({ response }) => response.p50],
        ['response p99', SHADES.tail, ({ response }) => response.p99],
        ['response max', SHADES.worst, ({ response }) => response.max],
        ['service p99', SHADES.service, ({ service }) => service.p99],
      ]
    : [
        ['p50', SHADES.median, ({ service }) => service.p50],
        ['p99', SHADES.tail, ({ service }) => service.p99],
        ['max', SHADES.worst, ({ service }) => service.max],
      ];
  const values = result.windows.flatMap((window) =>
    curves.flatMap(([curve, , of]) => {
      const tally = tallyOf(window, label);
      return tally.succeeded === 0 ? [] : [{ curve, at: window.toS, ms: floorMs(of(tally)) }];
    }),
  );
  const subtitle = open
    ? 'response: from when an operation was due; service: from when it was sent'
    : 'closed loop: from when an operation was sent';
  return overTime(`Latency of ${label}`, subtitle, {
    data: { values },
    mark: { type: 'line', strokeWidth: 2, clip: true, point: values.length <= curves.length * 2 },
    encoding: {
      x: timeAxis(result),
      y: latencyAxis(values),
      color: colours(
        'curve',
        curves.map(([name, colour]) => [name, colour]),
      ),
    },
  });
}

export function throughputChart(result: BenchResult, label: string): TopLevelSpec {
  const values = result.windows.flatMap((window) => {
    const { succeeded, failed } = tallyOf(window, label);
    const perSecond = (count: number): number => count / (window.toS - window.fromS);
    return [
      { kind: 'succeeded', at: window.toS, rate: perSecond(succeeded) },
      { kind: 'failed', at: window.toS, rate: perSecond(failed) },
    ];
  });
  const hasFailures = values.some(({ kind, rate }) => kind === 'failed' && rate > 0);
  const shown = hasFailures ? values : values.filter(({ kind }) => kind === 'succeeded');
  const of = label === 'all' ? result.all : result.labels.find((each) => each.label === label);
  return overTime(`Throughput of ${label}`, `${describeRate(of?.throughput ?? 0)} on average`, {
    data: { values: shown },
    mark: { type: 'line', strokeWidth: 2, clip: true, point: shown.length <= 2 },
    encoding: {
      x: timeAxis(result),
      y: {
        field: 'rate',
        type: 'quantitative',
        title: 'operations a second',
        axis: { format: '~s', tickCount: 6 },
        scale: { zero: true, nice: true },
      },
      color: colours('kind', [
        ['succeeded', RESPONSE_COLOUR],
        ...(hasFailures ? [['failed', ERROR_COLOUR] as const] : []),
      ]),
    },
  });
}

export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly dashed?: boolean;
  readonly quantiles: readonly Quantile[];
}

export function distributionOf(result: BenchResult, { label, histograms }: LabelResult): TopLevelSpec {
  const quantiles = (text: string): Quantile[] => quantilesOf(decodeHistogram(text));
  const series: Series[] =
    result.loop === 'open'
      ? [
          { name: 'response', colour: RESPONSE_COLOUR, quantiles: quantiles(histograms.response) },
          { name: 'service', colour: SERVICE_COLOUR, quantiles: quantiles(histograms.service) },
        ]
      : [{ name: 'latency', colour: RESPONSE_COLOUR, quantiles: quantiles(histograms.service) }];
  return distributionChart(`Latencies of ${label}`, series);
}

export function distributionChart(title: string, series: readonly Series[]): TopLevelSpec {
  const values = series.flatMap(({ name, quantiles }) =>
    quantiles.map(({ oneIn, us }) => ({ name, oneIn, ms: floorMs(us) })),
  );
  const last = values.reduce((most, { oneIn }) => Math.max(most, oneIn), 100);
  const decades = Array.from({ length: Math.ceil(Math.log10(last)) }, (_, at) => 10 ** (at + 1));
  return {
    config: CONFIG,
    description: title,
    title: { text: title, subtitle: 'how long the fastest so many percent took, at most' },
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    mark: { type: 'line', interpolate: 'step-after', strokeWidth: 2, clip: true },
    encoding: {
      x: {
        field: 'oneIn',
        type: 'quantitative',
        title: 'percentile',
        scale: { type: 'log', domain: [1, last] },
        axis: { values: [1, 2, ...decades.filter((decade) => decade <= last)], labelExpr: PERCENT_LABEL },
      },
      y: latencyAxis(values),
      color: colours(
        'name',
        series.map(({ name, colour }) => [name, colour]),
      ),
      strokeDash: {
        field: 'name',
        type: 'nominal',
        legend: series.length > 1 ? {} : null,
        scale: {
          domain: series.map(({ name }) => name),
          range: series.map(({ dashed }) => (dashed === true ? [6, 4] : [1, 0])),
        },
      },
    },
  } as unknown as TopLevelSpec;
}

type Curve = readonly [name: string, colour: string, of: (tally: Tally) => Latencies['p50']];

function tallyOf(window: WindowResult, label: string): Tally {
  return label === 'all' ? window.all : (window.labels[label] ?? window.all);
}

function overTime(title: string, subtitle: string, rest: object): TopLevelSpec {
  const size = { width: WIDTH, height: HEIGHT };
  return {
    config: CONFIG,
    description: title,
    title: { text: title, subtitle },
    ...size,
    ...rest,
  } as TopLevelSpec;
}

function timeAxis({ measuredS }: BenchResult): object {
  return {
    ...{ field: 'at', type: 'quantitative', title: 'seconds' },
    scale: { domain: [0, Math.max(measuredS, 1)], nice: false },
    axis: { grid: false, tickCount: 10 },
  };
}

function latencyAxis(values: readonly { readonly ms: number }[]): object {
  const ticks = ticksAround(values.map(({ ms }) => ms));
  return {
    ...{ field: 'ms', type: 'quantitative', title: null },
    scale: { type: 'log', domain: [ticks[0], ticks.at(-1)], nice: false },
    axis: { labelExpr: TIME_LABEL, values: ticks },
  };
}

/** 1, 2, 5, 10 and so on, from below the least to above the greatest; only powers of ten where those are many. */
function ticksAround(values: readonly number[]): number[] {
  if (values.length === 0) return [1, 10];
  const least = values.reduce((a, b) => Math.min(a, b));
  const greatest = values.reduce((a, b) => Math.max(a, b));
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(greatest))];
  const decades = Array.from({ length: high - low + 1 }, (_, at) => low + at);
  const steps = decades.length > DECADES_IN_STEPS ? [1] : [1, 2, 5];
  const all = decades.flatMap((decade) => steps.map((step) => step * 10 ** decade));
  const first = all.findLastIndex((tick) => tick <= least * 1.0001);
  const last = all.findIndex((tick) => tick >= greatest * 0.9999);
  return all.slice(Math.max(0, first), Math.max(last, first + 1) + 1);
}

function colours(field: string, pairs: readonly (readonly [string, string])[]): object {
  return {
    ...{ field, type: 'nominal' },
    scale: { domain: pairs.map(([name]) => name), range: pairs.map(([, colour]) => colour) },
    legend: pairs.length > 1 ? {} : null,
  };
}

/** A logarithm has no place for zero: what took less than a microsecond is shown as one. */
function floorMs(us: number): number {
  return Math.max(us, 1) / 1_000;
}
