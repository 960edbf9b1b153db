/**
 * Scenarios as text: commands, a line `----`, and what came of them. Blocks are parted by blank lines; `#` begins a
 * remark. With UPDATE=1 what came is written into the file instead of being compared: read the diff before committing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** Plays a file beside this one. `perform` is given one command and answers with lines. */
export function playScript(name: string, perform: (command: string) => readonly string[]): void {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const script = readFileSync(path, 'utf8');
  const played =
    script
      .trimEnd()
      .split(/\n\n+/)
      .map((block) => playBlock(block, perform))
      .join('\n\n') + '\n';
  if (process.env['UPDATE'] === '1') writeFileSync(path, played);
  else expect(played).toBe(script);
}

function playBlock(block: string, perform: (command: string) => readonly string[]): string {
  const lines = block.split('\n');
  const end = lines.indexOf('----');
  const script = end < 0 ? lines : lines.slice(0, end);
  const commands = script.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');
  if (commands.length === 0) return block;
  const traces = commands.map((command) => [command, perform(command)] as const);
  const outcome = traces.flatMap(([command, trace]) =>
    commands.length === 1 ? trace : trace.map((line) => `${command} -> ${line}`),
  );
  return [...script, '----', ...outcome].join('\n');
}
