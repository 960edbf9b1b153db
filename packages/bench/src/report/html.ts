/**
 * The report: one HTML file that needs nothing else - no script, no style, no picture from anywhere - so that it can be
 * mailed, kept for years and opened without a network.
 */
import type { BenchResult, LabelResult, Latencies } from '../results/result.ts';
import { describeCount, describeRate, describeUs } from './numbers.ts';
import { describeEnding, describeMode, percentiles } from './text.ts';

export interface Figure {
  readonly title: string;
  readonly svg: string;
}

/** `figures` by label. */
export function reportHtml(result: BenchResult, figures: ReadonlyMap<string, readonly Figure[]>): string {
  const { name, driver, startedAt, labels, all } = result;
  const shown = labels.length > 1 ? [...labels, all] : labels;
  const body = [
    `<header><h1>${text(name)}</h1><p>${text(driver)}</p>`,
    `<p class="faint">${text(describeMode(result))} &middot; ${text(startedAt.slice(0, 16).replace('T', ' '))} UTC</p></header>`,
    cards(result),
    ...result.warnings.map((warning) => `<p class="warning"><strong>Mind:</strong> ${text(warning)}</p>`),
    `<section><h2>Latencies</h2>${latencyTable(result, shown)}<p class="faint">${text(explainLoop(result))}</p></section>`,
    errorSection(shown),
    ...[...figures].map(([label, list]) => figureSection(label, list)),
    setupSection(result),
  ];
  return page(`${name} - benchmark`, body.join('\n'));
}

export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

/** Vega numbers clip paths through all pictures of a process, so those of one page are not taken for one another. */
export function figureHtml({ title, svg }: Figure): string {
  return `<figure role="img" aria-label="${text(title)}">${svg}</figure>`;
}

export function text(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function cards({ all, measuredS, unsent, loop, ended }: BenchResult): string {
  const { response } = all;
  const list = [
    ['Operations a second', describeRate(all.throughput)],
    ['Succeeded', describeCount(all.succeeded)],
    ['Failed', describeCount(all.failed)],
    [loop === 'open' ? 'p99 from due' : 'p99', response.count === 0 ? '-' : describeUs(response.p99)],
    ['Measured', `${measuredS.toFixed(1)} s`],
    ...(unsent > 0 ? [['Never sent', describeCount(unsent)]] : []),
  ] as const;
  const items = list.map(
    ([term, value]) => `<div><dt>${text(term as string)}</dt><dd>${text(value as string)}</dd></div>`,
  );
  const note = ended.kind === 'duration' ? '' : `<p class="warning">${text(describeEnding(ended))}</p>`;
  return `<dl class="cards">${items.join('')}</dl>${note}`;
}

function latencyTable({ loop }: BenchResult, labels: readonly LabelResult[]): string {
  const head = ['operation', 'succeeded', 'failed', 'rate', 'from', 'p50', 'p95', 'p99', 'p99.9', 'max'];
  const rows = labels.map(({ label, succeeded, failed, throughput, service, response }) => {
    const span = loop === 'open' ? ' rowspan="2"' : '';
    const lead =
      `<th scope="row"${span}>${text(label)}</th>` +
      [describeCount(succeeded), describeCount(failed), describeRate(throughput)]
        .map((cell) => `<td${span}>${text(cell)}</td>`)
        .join('');
    if (loop === 'closed') return `<tr>${lead}<td class="word">sent</td>${cells(service)}</tr>`;
    return (
      `<tr>${lead}<td class="word due">due</td>${cells(response)}</tr>` +
      `<tr class="second"><td class="word sent">sent</td>${cells(service)}</tr>`
    );
  });
  return tableHtml(head, rows.join(''));
}

/** Columns of words stand to the left. */
const WORDS = new Set(['from', 'kind']);

export function tableHtml(head: readonly string[], rows: string): string {
  const columns = head
    .map((cell) => `<th scope="col"${WORDS.has(cell) ? ' class="word"' : ''}>${text(cell)}</th>`)
    .join('');
  return `<div class="scroll"><table><thead><tr>${columns}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function cells(latencies: Latencies): string {
  return percentiles(latencies)
    .map((cell) => `<td>${text(cell)}</td>`)
    .join('');
}

function explainLoop({ loop, lateness }: BenchResult): string {
  if (loop === 'closed') {
    return (
      'A closed loop: each worker waits for its answer before it sends again. A stall is one slow answer per worker here; ' +
      'what it would have cost those who come meanwhile is not in these numbers. A run with a rate tells.'
    );
  }
  const own =
    lateness.count === 0 ? '' : ` Of it, the load generator's own lateness: p99 ${describeUs(lateness.p99)}.`;
  return (
    'An open loop: operations came at their times, whether or not the last ones were answered. From due is what a user ' +
    `would have waited; from sent is what a closed loop would have told.${own}`
  );
}

function errorSection(labels: readonly LabelResult[]): string {
  const rows = labels
    .filter(({ label }) => label !== 'all' || labels.length === 1)
    .flatMap(({ label, errors }) =>
      Object.entries(errors).map(
        ([kind, count]) =>
          `<tr><th scope="row">${text(label)}</th><td class="word">${text(kind)}</td><td>${describeCount(count)}</td></tr>`,
      ),
    );
  if (rows.length === 0) return '';
  return `<section><h2>Errors</h2>${tableHtml(['operation', 'kind', 'count'], rows.join(''))}</section>`;
}

function figureSection(label: string, figures: readonly Figure[]): string {
  const inline = figures.map(figureHtml).join('\n');
  return `<section><h2>${text(label)}</h2><div class="figures">${inline}</div></section>`;
}

function setupSection({ setup, machine, ended }: BenchResult): string {
  const { cpu, cores, memoryGiB, system, node } = machine;
  const rows = [
    ...Object.entries(setup).map(([name, value]) => [name, describeSetting(value)]),
    ['ended', describeEnding(ended)],
    ['load ran on', `${cores} x ${cpu}, ${memoryGiB} GiB, ${system}, Node.js ${node}`],
  ] as const;
  const lines = rows.map(
    ([name, value]) =>
      `<tr><th scope="row">${text(name as string)}</th><td class="word">${text(value as string)}</td></tr>`,
  );
  return `<section><h2>Setup</h2><table class="setup"><tbody>${lines.join('')}</tbody></table></section>`;
}

function describeSetting(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const STYLE = `
:root { color-scheme: light; --ink: #1f2933; --faint: #5b6773; --line: #e1e6eb; --ground: #f4f6f8; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 'IBM Plex Sans', system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
main { max-width: 1480px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { margin: 0; font-size: 28px; line-height: 1.25; }
h2 { margin: 0 0 12px; font-size: 18px; }
header p { margin: 4px 0 0; }
.faint { color: var(--faint); font-size: 14px; }
section, .cards { margin: 24px 0 0; padding: 20px; background: white; border: 1px solid var(--line); border-radius: 8px; }
.cards { display: flex; flex-wrap: wrap; gap: 12px 40px; }
dt { color: var(--faint); font-size: 13px; }
dd { margin: 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; }
.warning { margin: 16px 0 0; padding: 12px 16px; background: #fff6e5; border: 1px solid #f0d9a8; border-radius: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--faint); font-weight: 400; font-size: 13px; }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 600; }
tr.second td { border-top: 0; padding-top: 0; }
.word, thead .word { text-align: left; }
.due { color: #2259b8; } .sent { color: #95590a; }
.setup td { white-space: normal; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 560px), 1fr)); gap: 20px; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; }
@media print { body { background: white; } section, .cards { break-inside: avoid; } }
`;
