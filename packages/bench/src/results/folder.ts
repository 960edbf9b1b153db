/**
 * The folder of one run: where each result lies, and how it is read back.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileLabel } from '../generators/mix.ts';
import type { BenchResult } from './result.ts';
import { histogramLog, latenciesCsv, percentileText, summaryCsv } from './tables.ts';

const RESULT = 'result.json';

/** `tests/NAME-DATE-TIME`, in universal time. */
export function defaultFolder(name: string, at: Date): string {
  const [date = '', time = ''] = at.toISOString().split('T');
  return join(
    'tests',
    `${fileLabel(name)}-${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`,
  );
}

/** Everything but the single samples and the pictures. */
export function writeTables(folder: string, result: BenchResult): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write(RESULT, `${JSON.stringify(result, null, 1)}\n`);
  write('summary.csv', summaryCsv(result));
  write('latency.hlog', histogramLog(result));
  for (const each of result.labels) {
    const label = fileLabel(each.label);
    write(`${label}_latencies.csv`, latenciesCsv(result, each.label));
    write(`${label}_service.hgrm`, percentileText(each, 'service'));
    write(`${label}_response.hgrm`, percentileText(each, 'response'));
  }
}

/** Of a folder, or of the file itself. Throws a sentence when there is none. */
export function readResult(path: string): BenchResult {
  const text = readText(path) ?? readText(join(path, RESULT));
  if (text === undefined) throw new Error(`${path} holds no ${RESULT}: it is not the folder of a run`);
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch {
    throw new Error(`${path}: ${RESULT} is no JSON`);
  }
  if ((result as Partial<BenchResult>).format !== 1)
    throw new Error(`${path} was written by another version, or is not the result of a run`);
  return result as BenchResult;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
