/**
 * What a node says while it runs: JSON lines for machines, short lines for a person at a terminal.
 */
import { styleText } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Terminal } from './terminal.ts';

export function openLog(node: string, terminal: Terminal): Logger {
  const colours = terminal.isTty && !terminal.env['NO_COLOR'];
  const destination: DestinationStream = {
    write: (line) => terminal.out(terminal.isTty ? describeLogLine(line, colours) : line),
  };
  const options = {
    base: { node },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (level: string) => ({ level }) },
  };
  return pino(options, destination);
}

interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly node: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** One line of the log as a person reads it; what is no line of ours stays as it is. */
export function describeLogLine(line: string, colours: boolean): string {
  const parsed = parseLine(line);
  if (parsed === undefined) return line;
  const { level, time, node: _node, msg = '', err, ...fields } = parsed;
  const clock = new Date(time).toTimeString().slice(0, 8);
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${describeField(value)}`);
  const words = [clock, describeLevel(level, colours), msg, ...rest].filter((word) => word !== '');
  const error = err === undefined ? '' : `\n${err.stack ?? err.message ?? ''}`;
  return `${words.join(' ')}${error}\n`;
}

function parseLine(line: string): LogLine | undefined {
  try {
    const parsed = JSON.parse(line) as LogLine | null;
    return typeof parsed?.level === 'string' && typeof parsed.time === 'string' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** `info` is what a line is unless it says otherwise. */
function describeLevel(level: string, colours: boolean): string {
  if (level === 'info') return '';
  if (!colours) return `${level}:`;
  const style = level === 'warn' ? 'yellow' : level === 'debug' ? 'dim' : 'red';
  return styleText(style, `${level}:`, { validateStream: false }); // `colours` has decided already
}

function describeField(value: unknown): string {
  return typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}
